"""MemoryStore: a tree that lives as long as the program, for tests and tours. Keeps the whole contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import AuthError, DataError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.files.base import FileRef, ScanOptions
from recon_cli.files.encoding import NameCodec, raw_unless_utf8
from recon_cli.files.walk import LOOK_ABOVE, Directory, Frontier, failed, no_directory, raw_path, shown

LISTED_BY = "memory"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Node:
    """One name in memory; `denied` makes a directory that does not show its names."""

    type: EntryType
    body: bytes = b""
    mtime: datetime = _EPOCH
    denied: bool = False


_TREES: dict[str, dict[bytes, Node]] = {}
"""`memory://name` is one tree, however often it is opened; `memory://` alone is a fresh one each time."""


class MemoryStore:
    """Files in a dict, by their raw paths."""

    def __init__(self, place: Place | None = None) -> None:
        name = place.url.partition("://")[2] if place else ""
        self.url = f"memory://{name}"
        self._nodes = _TREES.setdefault(name, {}) if name else {}
        self._nodes.setdefault(b"", Node(EntryType.DIR))
        self._codec = NameCodec(place.text("encoding", "auto") if place else "auto")

    def plant(self, ref: FileRef, node: Node) -> None:
        """Put a node there, with its parent directories."""
        raw = raw_path(ref)
        for end in (place for place, byte in enumerate(raw) if byte == ord("/")):
            self._nodes.setdefault(raw[:end], Node(EntryType.DIR))
        self._nodes[raw] = node

    def scan(self, under: FileRef = "", options: ScanOptions = ScanOptions()) -> Iterator[Listing]:  # noqa: B008  frozen
        """List `under` and everything below it; see `FileStore.scan`."""
        if options.encoding != "auto":
            self._codec = NameCodec(options.encoding)
        raw, node = self._find(under)
        if node.type is not EntryType.DIR:
            raise no_directory(raw, self.url)
        frontier = Frontier(options, Directory(self._codec.decode(raw), raw))
        while (here := frontier.next()) is not None:
            yield here if isinstance(here, Listing) else frontier.grow(here, self._list(here))

    def _list(self, here: Directory) -> Listing:
        if self._nodes[here.raw].denied:
            return failed(here, Incomplete.DENIED, "not allowed", LISTED_BY)
        below = [raw for raw in self._nodes if raw and raw.rpartition(b"/")[0] == here.raw]
        self._codec.see(raw.rpartition(b"/")[2] for raw in below)
        entries = tuple(map(self._entry, sorted(below)))
        return Listing(here.path, entries, LISTED_BY, raw_path=raw_unless_utf8(here.path, here.raw))

    def _entry(self, raw: bytes) -> Entry:
        node, path = self._nodes[raw], self._codec.decode(raw)
        size = len(node.body) if node.type is EntryType.FILE else None
        return Entry(path, node.type, size, node.mtime, Precision.EXACT, raw_unless_utf8(path, raw), LISTED_BY)

    def stat(self, ref: FileRef) -> Entry:
        """One entry."""
        return self._entry(self._find(ref)[0])

    def read(self, ref: FileRef, *, offset: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `size_bytes` of them."""
        yield self._body(ref)[offset : None if size_bytes is None else offset + size_bytes]

    def tail(self, ref: FileRef, size_bytes: int) -> bytes:
        """The last bytes, at most `size_bytes`."""
        body = self._body(ref)
        return body[max(0, len(body) - size_bytes) :]

    def _body(self, ref: FileRef) -> bytes:
        raw, node = self._find(ref)
        if node.type is EntryType.DIR:
            raise DataError(f"{shown(raw)} in {self.url} is a folder", hint="name a file in it")
        if node.denied:
            raise AuthError(f"not allowed to read {shown(raw)} in {self.url}", cause="it was denied")
        return node.body

    def write(self, ref: FileRef, chunks: Iterable[bytes]) -> None:
        """Publish a file whole."""
        self.plant(ref, Node(EntryType.FILE, b"".join(chunks), datetime.now(UTC)))

    def remove(self, ref: FileRef) -> None:
        """Delete one file; a file that is not there is not an error."""
        with suppress(NotFoundError):
            del self._nodes[self._find(ref)[0]]

    def probe(self) -> dict[str, str]:
        """What there is."""
        return {"listing": LISTED_BY, "times": "exact", "writing": "allowed"}

    def close(self) -> None:
        """Nothing is held open."""

    def _find(self, ref: FileRef) -> tuple[bytes, Node]:
        for one in (ref,) if isinstance(ref, bytes) else self._codec.candidates(ref):
            raw = raw_path(one)
            if raw in self._nodes:
                return raw, self._nodes[raw]
        raise NotFoundError(f"no {shown(ref)} in {self.url}", hint=LOOK_ABOVE)
