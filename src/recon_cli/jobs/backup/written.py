"""An archive as a file of this machine, with its size and SHA-256."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from recon_cli.jobs.backup import staging
from recon_cli.jobs.backup.runfile import Archived
from recon_cli.jobs.backup.shape import Packing, pack


class Counted:
    """A stream that knows how many bytes went through it, and their SHA-256."""

    def __init__(self, inner: BinaryIO) -> None:
        self._inner = inner
        self._sum = hashlib.sha256()
        self.size_bytes = 0

    def write(self, piece: bytes, /) -> int:
        """Take them all."""
        self._sum.update(piece)
        self.size_bytes += len(piece)
        return self._inner.write(piece)

    @property
    def digest(self) -> str:
        """The SHA-256 so far, in hex."""
        return self._sum.hexdigest()


def write_archive(target: Path, folder: Path, packing: Packing) -> Archived:
    """Pack the staged folder into a new private file, and flush it to disk."""
    with staging.translated(target):
        number = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "wb") as file:
            counted = Counted(file)
            pack(folder, counted, packing)
            file.flush()
            os.fsync(number)
    return Archived(target.name, counted.size_bytes, counted.digest)
