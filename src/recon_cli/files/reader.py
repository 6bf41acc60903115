"""StoreReader: `core.ports.Reader` over a FileStore, remembering heads and tails by path, size and mtime."""

from __future__ import annotations

from collections.abc import Iterator

from recon_cli.core.entry import Entry
from recon_cli.core.ports import Progress
from recon_cli.files.base import FileStore
from recon_cli.files.state import ScanState

_TAIL = -1
"""The offset under which tails are remembered."""


class StoreReader:
    """Reads only what is asked for; a file no larger than the wanted head is read once for head and tail."""

    def __init__(self, store: FileStore, memory: ScanState, progress: Progress) -> None:
        self._store = store
        self._memory = memory
        self._progress = progress
        self._reads = 0

    def head(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        """The first bytes, at most `size_bytes`."""
        known = self._memory.piece(entry, 0, size_bytes)
        if known is None:
            self._tell(entry)
            known = b"".join(self._store.read(entry.ref, size_bytes=size_bytes))
            self._memory.keep_piece(entry, 0, size_bytes, known)
        return known

    def tail(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        """The last bytes, at most `size_bytes`."""
        if entry.size_bytes is not None and entry.size_bytes <= size_bytes:
            return self.head(entry, size_bytes)
        known = self._memory.piece(entry, _TAIL, size_bytes)
        if known is None:
            self._tell(entry)
            known = self._store.tail(entry.ref, size_bytes)
            self._memory.keep_piece(entry, _TAIL, size_bytes, known)
        return known

    def stream(self, entry: Entry) -> Iterator[bytes]:
        """The whole file in chunks."""
        self._tell(entry)
        return self._store.read(entry.ref)

    def _tell(self, entry: Entry) -> None:
        self._reads += 1
        self._progress.update(self._reads, note=f"reading {entry.path}")
