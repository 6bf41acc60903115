"""An archive as a file of this machine, with its size and SHA-256."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from recon_cli.jobs.backup import staging
from recon_cli.jobs.backup.runfile import Archived
from recon_cli.jobs.backup.shape import Packing, pack


class Measured:
    """How many bytes there were so far, and their SHA-256."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()
        self.size_bytes = 0

    def count(self, piece: bytes) -> None:
        """Take note of the next bytes."""
        self._sum.update(piece)
        self.size_bytes += len(piece)

    @property
    def digest(self) -> str:
        """The SHA-256 so far, in hex."""
        return self._sum.hexdigest()


class Counted(Measured):
    """A stream that measures what goes through it."""

    def __init__(self, inner: BinaryIO) -> None:
        super().__init__()
        self._inner = inner

    def write(self, piece: bytes, /) -> int:
        """Take them all."""
        self.count(piece)
        return self._inner.write(piece)


class Passed(Measured):
    """Chunks that are measured as they are passed on."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.count(chunk)
            yield chunk


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
