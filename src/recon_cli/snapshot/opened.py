"""Opening a snapshot by what is there: a folder, an archive, an encrypted archive."""

from __future__ import annotations

from pathlib import Path

from recon_cli.core.errors import NotFoundError, ReconError
from recon_cli.snapshot.archive import unpack
from recon_cli.snapshot.folder import FolderSnapshot


def open_snapshot(path: Path, identity: Path | None = None) -> FolderSnapshot:
    """The snapshot at `path`: a folder with a manifest, or an archive, which is unpacked to a private folder first.

    Close it: that removes the private folder. `identity` is the file of the key that an encrypted archive needs.

    Raises:
        NotFoundError: there is nothing, or no snapshot.
        DataError: it is damaged, or not a snapshot.
        AuthError: the identity does not open it, or none was given.
        ToolMissingError: it is encrypted, and the extra `encrypt` is not installed.
    """
    if path.is_dir():
        return FolderSnapshot(path)
    if not path.is_file():
        raise NotFoundError(f"no snapshot at {path}", hint="`recon backup list` shows which are there")
    try:
        with path.open("rb") as stream:
            return unpack(stream, str(path), identity)
    except OSError as exc:
        raise ReconError(f"cannot read {path}", cause=exc.strerror, hint=f"look at `ls -l {path}`") from exc
