"""Documents: what an adapter has to offer so that rows can be kept in it, safely beside other writers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from recon_cli.core.canonical import Value, decode, dumps, encode
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import AuthError, DataError, ReconError, UnreachableError
from recon_cli.core.json_text import loads
from recon_cli.core.record import Record

HEADS = "recon_tables"
"""The table of tables: one document for each, with its columns and key."""


@dataclass(frozen=True, slots=True)
class Doc:
    """A document as it was read. `token` is what it must still be when it is written."""

    text: str = field(repr=False)
    token: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a row stands in a list that other programs read: the list's name, and the text of the entry."""

    list: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Write:
    """One change. `before` is the token of what was read, None where nothing was; `after` is None for a removal.

    `listed` is the entry to add to a list, `unlisted` the one to take out: of stores that have lists.
    """

    table: str
    key: str
    before: str | None
    after: str | None = field(repr=False)
    listed: Entry | None = None
    unlisted: Entry | None = None

    @property
    def size_bytes(self) -> int:
        """About how much it is to send."""
        return len(self.key) + 3 * len(self.after or "") + (3 * len(self.listed.text) if self.listed else 0) + 200


class Documents(Protocol):
    """Documents by table and key. Keys are JSON texts (`key_of`), documents canonical JSON texts (`text_of`).

    Every method raises DeliveryError, classified; nothing is connected before the first call.
    """

    url: str
    """Where it is, without any secret."""
    engine: str
    """As in `Catalog.engine`."""
    most_writes: int
    """How many writes `put` takes at once."""
    most_bytes: int
    """How large these may be together."""

    def get(self, table: str, keys: Sequence[str]) -> dict[str, Doc]:
        """Those of these documents that are there."""

    def scan(self, table: str) -> Iterator[tuple[str, Doc]]:
        """Every document of a table with its key, in no particular order, each once."""

    def put(self, writes: Sequence[Write]) -> bool:
        """All of them, or none. False where a document is no longer what was read: read again, and decide again.

        When it returns True they are stored as safely as the store does it.
        """

    def probe(self) -> dict[str, str]:
        """What it is."""

    def close(self) -> None:
        """Give connections back; safe to call twice."""


def key_of(values: Sequence[Value]) -> str:
    """A key as text."""
    return dumps([encode(value) for value in values]).decode()


def text_of(values: Mapping[str, Value]) -> str:
    """A row as text; exact."""
    return dumps({name: encode(value) for name, value in values.items()}).decode()


def row_of(table: str, text: str) -> Record:
    """The inverse of `text_of`.

    Raises:
        DeliveryError: it is no row of ours.
    """
    try:
        return Record(table, {str(name): decode(cell) for name, cell in loads(text).items()})
    except (ValueError, AttributeError) as exc:
        raise DeliveryError(Failure.DRIFT, f"`{table}` holds a document that recon did not write") from exc


def sum_of(text: str) -> str:
    """A text's SHA-1 (hex), which stores can compute themselves: it tells versions apart, and protects nothing."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def slices(writes: Iterable[Write], most: int, most_bytes: int) -> Iterator[list[Write]]:
    """Writes in parts that fit, in order; at least one in each."""
    part: list[Write] = []
    size_bytes = 0
    for write in writes:
        if part and (len(part) >= most or size_bytes + write.size_bytes > most_bytes):
            yield part
            part, size_bytes = [], 0
        part.append(write)
        size_bytes += write.size_bytes
    if part:
        yield part


@contextmanager
def translated(url: str) -> Iterator[None]:
    """What an adapter refuses, as an error of ours with a way out."""
    try:
        yield
    except DeliveryError as exc:
        raise _error(url, exc) from exc


def _error(url: str, error: DeliveryError) -> ReconError:
    if error.failure is Failure.AUTH:
        words, _, advice = error.detail.rpartition("; ")
        hint = advice if words else "look at the key or the password of this store, and at what it may do"
        return AuthError(f"{url} refuses the login", cause=words or error.detail, hint=hint)
    if error.failure in {Failure.TRANSIENT, Failure.THROTTLED}:
        return UnreachableError(f"{url} does not answer", cause=error.detail, hint="run again when it is back")
    return DataError(f"{url} refuses", cause=error.detail)
