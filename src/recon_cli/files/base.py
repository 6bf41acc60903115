"""FileStore: the contract every store of files keeps. tests/files/conformance.py holds each of them to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from recon_cli.core.entry import Entry, Listing
from recon_cli.core.ports import Progress, Silent

FileRef: TypeAlias = str | bytes
"""A path relative to the store's root: text in the store's encoding, or the server's own bytes."""


class MtimeMode(StrEnum):
    """How much a scan spends on modification times."""

    EXACT = "exact"
    """UTC to the second for every file, at the price of extra commands where the listing does not have it."""
    LISTED = "listed"
    """What the listing says, with its precision."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to list and how.

    `known` is asked before a directory is listed: a Listing it returns is taken instead (that is how a killed scan
    resumes). `skip` is asked for each sub-directory path: True leaves it out on request (it is then not listed and not
    called incomplete). `max_depth` 0 lists the root only; deeper directories are yielded as incomplete (`depth`).
    """

    mtime: MtimeMode = MtimeMode.LISTED
    encoding: str = "auto"
    connections: int = 2
    max_depth: int | None = None
    known: Callable[[str], Listing | None] = field(default=lambda _path: None)
    skip: Callable[[str], bool] = field(default=lambda _path: False)
    progress: Progress = field(default_factory=Silent)


class FileStore(Protocol):
    """A tree of files below one root.

    Paths are relative, `/`-separated, without a leading slash; the root is "". All methods raise `ReconError`s only:
    AuthError, UnreachableError, NotFoundError (no such path), DataError.
    """

    url: str
    """Where this store is, without any secret; shown to people and used to name state."""

    def scan(self, under: str = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:
        """List `under` and everything below it, one Listing per directory, in any order, each directory once.

        Every directory is yielded: completely, or with the reason why it is not proven complete. Links are reported and
        never followed. A missing root raises NotFoundError; a wrong password AuthError; a server that does not answer
        at all UnreachableError. After the first listing, a failing directory is data, not an exception. `path` and
        `Entry.path` stay relative to the store's root, also when `under` is not the root.
        """

    def stat(self, ref: FileRef) -> Entry:
        """One entry, as exactly as the store knows it."""

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `size_bytes` of them, in chunks; closing the iterator early is allowed."""

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes, at most `size_bytes`."""

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Publish a file whole: readers see the old one or the new one. Creates missing parent directories."""

    def remove(self, ref: FileRef) -> None:
        """Delete one file; a file that is not there is not an error."""

    def probe(self) -> dict[str, str]:
        """What the other side can do, for `recon doctor`: words an operator understands, e.g. {"listing": "STAT"}."""

    def close(self) -> None:
        """Give connections back. Safe to call twice."""


def read_all(store: FileStore, entry: Entry | FileRef) -> bytes:
    """A small file whole."""
    return b"".join(store.read(entry.ref if isinstance(entry, Entry) else entry))
