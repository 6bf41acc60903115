"""Standard output as a destination: the archive goes to whatever reads the pipe, and nothing is kept here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from recon_cli.core.errors import NotFoundError
from recon_cli.jobs.backup import staging
from recon_cli.jobs.backup.destination import LATEST, NO_RUN, Held, Published, Run
from recon_cli.jobs.backup.shape import Packing, check_staged, pack
from recon_cli.jobs.backup.written import Counted
from recon_cli.snapshot.manifest import Manifest
from recon_cli.snapshot.reader import Snapshot


class Stream:
    """A snapshot as one archive in a binary stream. What becomes of it behind the pipe cannot be known here."""

    def __init__(self, stream: BinaryIO, packing: Packing) -> None:
        self._stream = stream
        self._packing = packing
        self.url = "-"

    def held(self) -> tuple[Held, ...]:
        """Nothing."""
        return ()

    def latest(self) -> Manifest | None:
        """Nothing."""
        return None

    def open(self, name: str = LATEST) -> AbstractContextManager[Snapshot]:
        """Nothing is there to open."""
        hint = "write the stream to a file and name that"
        raise NotFoundError(f"no snapshot {name} in standard output", hint=hint)

    @contextmanager
    def staging(self, name: str) -> Iterator[Path]:
        """A private folder of this machine."""
        with staging.folder(staging.home(), name) as folder:
            yield folder

    def publish(self, name: str, folder: Path, manifest: Manifest, run: Run = NO_RUN) -> Published:  # noqa: ARG002  a stream has no place for run data
        """Write the archive. A reader that goes away is a BrokenPipeError, as for every program in a pipe."""
        check_staged(folder, manifest)
        counted = Counted(self._stream)
        pack(folder, counted, self._packing)
        self._stream.flush()
        return Published(name, self.url, size_bytes=counted.size_bytes, note="not read back: it went into a pipe")

    def remove(self, name: str) -> None:
        """Nothing is there to remove."""

    def sweep(self) -> tuple[str, ...]:
        """What killed runs left in the private folder."""
        return tuple(staging.sweep(staging.home()))

    def close(self) -> None:
        """The stream is its owner's."""
