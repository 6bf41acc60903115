"""Stores around stores: one that withholds changes, one that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from recon_cli.core.entry import Entry, Listing
from recon_cli.files.base import FileRef, FileStore, ScanOptions
from recon_cli.files.walk import shown


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


class ReadOnly(Through):
    """For `--dry-run`: reads pass, changes are withheld; `withheld` lists them as "write PATH" or "remove PATH"."""

    def __init__(self, inner: FileStore) -> None:
        super().__init__(inner)
        self.withheld: list[str] = []

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:  # noqa: ARG002  nothing is consumed
        """Remember that a file would have been written."""
        self.withheld.append(f"write {shown(ref)}")

    def remove(self, ref: FileRef) -> None:
        """Remember that a file would have been removed."""
        self.withheld.append(f"remove {shown(ref)}")


class Counting(Through):
    """Counts in `calls` how often each method was used, and in `listed` how often each directory came out of a scan."""

    def __init__(self, inner: FileStore) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self.listed: Counter[str] = Counter()

    def scan(self, under: str = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """Count each directory."""
        self.calls["scan"] += 1
        for listing in super().scan(under, options):
            self.listed[listing.path] += 1
            yield listing

    def stat(self, ref: FileRef) -> Entry:
        """Count and pass on."""
        self.calls["stat"] += 1
        return super().stat(ref)

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Count and pass on."""
        self.calls["read"] += 1
        return super().read(ref, offset=offset, size_bytes=size_bytes)

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """Count and pass on."""
        self.calls["tail"] += 1
        return super().tail(ref, size_bytes)

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Count and pass on."""
        self.calls["write"] += 1
        super().write(ref, chunks)

    def remove(self, ref: FileRef) -> None:
        """Count and pass on."""
        self.calls["remove"] += 1
        super().remove(ref)
