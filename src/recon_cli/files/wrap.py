"""A store around a store, for one that does a part of it otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recon_cli.core.entry import Entry, Listing
from recon_cli.files.base import FileRef, FileStore, ScanOptions


class Through:
    """Passes everything on."""

    def __init__(self, inner: FileStore) -> None:
        self.inner = inner
        self.url = inner.url

    def scan(self, under: str = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """See `FileStore.scan`."""
        return self.inner.scan(under, options)

    def stat(self, ref: FileRef) -> Entry:
        """See `FileStore.stat`."""
        return self.inner.stat(ref)

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """See `FileStore.read`."""
        return self.inner.read(ref, offset=offset, size_bytes=size_bytes)

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """See `FileStore.tail`."""
        return self.inner.tail(ref, size_bytes)

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """See `FileStore.write`."""
        self.inner.write(ref, chunks)

    def remove(self, ref: FileRef) -> None:
        """See `FileStore.remove`."""
        self.inner.remove(ref)

    def probe(self) -> dict[str, str]:
        """See `FileStore.probe`."""
        return self.inner.probe()

    def close(self) -> None:
        """See `FileStore.close`."""
        self.inner.close()
