"""The shapes that a snapshot has outside a database: a staged folder, and an archive of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.errors import DataError
from recon_cli.jobs.backup import staging
from recon_cli.snapshot import archive
from recon_cli.snapshot import manifest as manifests
from recon_cli.snapshot.archive import Sink
from recon_cli.snapshot.manifest import Compression, Manifest
from recon_cli.snapshot.reader import Snapshot


@dataclass(frozen=True, slots=True)
class Packing:
    """How archives are made and read: for whom they are encrypted (age), and the file of the key that opens them."""

    compression: Compression = Compression.ZSTD
    recipients: tuple[str, ...] = ()
    identity: Path | None = None

    @property
    def encrypted(self) -> bool:
        """Whether what is made can be read by its recipients alone."""
        return bool(self.recipients)

    @property
    def suffix(self) -> str:
        """What the name of an archive ends in."""
        return archive.ENDINGS[self.compression] + (".age" if self.encrypted else "")


def check_staged(folder: Path, manifest: Manifest) -> None:
    """Refuse a staged folder that does not hold what its manifest says; its bytes were read back when written.

    Raises:
        DataError: a file is missing or of another size, or the manifest in the folder is another one.
    """
    fault = missing_or_cut(folder, manifest)
    written = folder / manifests.NAME
    if not fault and (not written.is_file() or written.read_bytes() != manifests.encode(manifest)):
        fault = f"{manifests.NAME} is missing or another one"
    if fault:
        raise DataError(f"the snapshot in {folder} is not whole", cause=fault, hint="look at `df -h`, then run again")


def missing_or_cut(folder: Path, manifest: Manifest) -> str:
    """The first data file that is not there or has another size, in words; empty if all are as they should be."""
    for path, shard in manifest.paths().items():
        try:
            size = (folder / path).stat().st_size
        except OSError as exc:
            return f"{path}: {exc.strerror}"
        if size != shard.size_bytes:
            return f"{path} has {size} bytes instead of {shard.size_bytes}"
    return ""


def pack(folder: Path, stream: Sink, packing: Packing) -> None:
    """Write the staged folder to a stream as one archive; each file is compared with the manifest on the way."""
    archive.write(folder, stream, packing.compression, packing.recipients)


@contextmanager
def open_archive(path: Path, where: str, packing: Packing) -> Iterator[Snapshot]:
    """An archive of this machine, unpacked into a private folder while the block runs."""
    with staging.folder(staging.home(), f"open-{path.name[:40]}") as scratch:
        with staging.translated(path), path.open("rb") as stream:
            snapshot = archive.unpack(stream, where, packing.identity, scratch)
        with closing(snapshot):
            yield snapshot
