"""What every scan has in common: which directory is next, what is known already, how deep to go."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.files.base import FileRef, ScanOptions

LOOK_ABOVE = "`recon scan` of the folder above shows which names are there"


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory to be listed. `trail` holds the fingerprints of the listings above it, where a store needs them."""

    path: str
    raw: bytes
    depth: int = 0
    trail: tuple[int, ...] = ()


class Frontier:
    """The directories still to be listed. What needs no listing, because it is known or too deep, is settled here."""

    def __init__(self, options: ScanOptions, root: Directory) -> None:
        self._options = options
        self._waiting = deque([root])
        self._done = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def next(self) -> Directory | Listing | None:
        """The next directory to list, or a listing that is settled already; None when nothing waits."""
        if not self._waiting:
            return None
        here = self._waiting.popleft()
        if self._options.max_depth is not None and here.depth > self._options.max_depth:
            return self._count(failed(here, Incomplete.DEPTH, "deeper than asked for"))
        known = self._options.known(here.path)
        return here if known is None else self.grow(here, known)

    def grow(self, here: Directory, listing: Listing, trail: tuple[int, ...] = ()) -> Listing:
        """Queue the sub-directories of a listing; gives it back."""
        for entry in listing.entries:
            if entry.type is EntryType.DIR and not self._options.skip(entry.path):
                self._waiting.append(Directory(entry.path, raw_of(entry), here.depth + 1, trail))
        return self._count(listing)

    def give_up(self, reason: Incomplete, detail: str) -> list[Listing]:
        """Settle everything that waits, as far as it is not known, with one reason."""
        settled: list[Listing] = []
        while (one := self.next()) is not None:
            settled.append(one if isinstance(one, Listing) else self._count(failed(one, reason, detail)))
        return settled

    def again(self, here: Directory) -> None:
        """Put back a directory whose listing was interrupted."""
        self._waiting.appendleft(here)

    def _count(self, listing: Listing) -> Listing:
        self._done += 1
        self._options.progress.update(self._done, note=listing.path)
        return listing


def failed(here: Directory, reason: Incomplete, detail: str, listed_by: str = "") -> Listing:
    """A directory that could not be listed."""
    return Listing(here.path, (), listed_by, reason, detail, _raw_unless_same(here))


def no_directory(ref: FileRef, url: str, cause: str | None = None) -> NotFoundError:
    """There is nothing to scan where a scan was to begin."""
    return NotFoundError(f"no folder {shown(ref)} in {url}", cause=cause, hint=LOOK_ABOVE)


def raw_of(entry: Entry) -> bytes:
    """The bytes of an entry's path."""
    return raw_path(entry.ref)


def raw_path(ref: FileRef) -> bytes:
    """A reference as bytes, without slashes at its ends.

    Raises:
        UsageError: it leads out of the store.
    """
    raw = (ref.encode("utf-8", "surrogateescape") if isinstance(ref, str) else ref).strip(b"/")
    if b".." in raw.split(b"/"):
        raise UsageError(f"{shown(raw)} leads out of the store", hint="give a path below the store's root")
    return raw


def shown(ref: FileRef) -> str:
    """A reference for a sentence."""
    return (ref if isinstance(ref, str) else ref.decode("utf-8", "backslashreplace")) or "the root"


def join(parent: str, name: str) -> str:
    """`parent/name`, where the root is the empty string."""
    return f"{parent}/{name}" if parent else name


def join_raw(parent: bytes, name: bytes) -> bytes:
    """The same for bytes."""
    return parent + b"/" + name if parent else name


def _raw_unless_same(here: Directory) -> bytes | None:
    return None if here.path.encode("utf-8", "surrogatepass") == here.raw else here.raw
