"""What pure code asks of the outside: small Protocols that adapters fill in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from recon_cli.core.entry import Entry, Listing


class Tree(Protocol):
    """A scanned tree, on disk or in memory. The root's path is the empty string."""

    def listing(self, path: str) -> Listing | None:
        """How `path` was listed, or None if no such directory was seen."""

    def listings(self, under: str = "") -> Iterator[Listing]:
        """The directory `under` and all below it, by path order."""

    def complete(self, path: str) -> bool:
        """Whether `path` and every directory above it were listed completely."""

    def complete_below(self, path: str) -> bool:
        """Whether `path`, every directory above it and every directory below it were listed completely."""


class Reader(Protocol):
    """Bytes of scanned files. Every method raises a `ReconError` when the bytes cannot be had."""

    def head(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        """The first bytes, at most `size_bytes`."""

    def tail(self, entry: Entry, size_bytes: int = 4096) -> bytes:
        """The last bytes, at most `size_bytes`."""

    def stream(self, entry: Entry) -> Iterator[bytes]:
        """The whole file in chunks."""


class Progress(Protocol):
    """Where long work says how far it is. Cheap to call; never raises."""

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """`done` units (of `total`, when known)."""


class Silent:
    """Progress for nobody: cron, pipes and tests."""

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say nothing."""
