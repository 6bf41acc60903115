"""Records: what a system has to say so that `recon record` works on it. Pure, as a feed is.

A record system is a feed, for what it sends goes through the same outbox, and it has a book. One whose records are
added by hand, or by programs, says how (`Adds`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol, TypeAlias

from recon_cli.core.landing import Parcel
from recon_cli.core.search import Book
from recon_cli.systems.feed import Feed, Refused, Unfit


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it goes into the outbox: its table and identity there. `notes` are what is unusual about it.

    `parcel` is the row that the payload gives, where it is at hand: it need not be read again to be delivered.
    """

    where: str
    table: str
    key: str
    payload: bytes
    notes: tuple[str, ...] = ()
    parcel: Parcel | None = None


Given: TypeAlias = "Entry | Refused"


@dataclass(frozen=True, slots=True)
class Hints:
    """What the command line says about what is added; each may be missing.

    `zone` is that of times that say none, `at` the moment of single records, `began` when a video began.
    """

    zone: tzinfo | None = None
    at: datetime | None = None
    began: datetime | None = None
    source: str = ""
    image: str = ""


class RecordSystem(Feed, Protocol):
    """One application's records: how they are sent (`Feed`), and what can be asked of them."""

    book: Book
    """Of the main table."""

    def asked(self, words: Mapping[str, str]) -> Mapping[str, str]:
        """The filters of a command line, by the words of `book.equal`, as values of columns.

        A word may mean more than one column: the number `TCNU8971796` is an owner and six digits.

        Raises:
            UsageError: a word is unknown, or its value can be none of its column's.
        """


class Adds(RecordSystem, Protocol):
    """A system whose records can be added. Nothing here raises for what is given, but for a library that is missing."""

    def listed(self, path: str, raw: bytes, hints: Hints) -> Iterator[Given] | Unfit:
        """What a file holds, or why it cannot be read."""

    def lines(self, texts: Iterable[str], hints: Hints) -> Iterator[Given]:
        """JSON objects, one on each line, as they come."""

    def single(self, word: str, hints: Hints) -> Given:
        """One record of the command line."""


class Makes(Protocol):
    """A system whose tables can be made in more than one way."""

    def making(self, window_s: float | None, *, partitioned: bool) -> Feed:
        """The same system, with tables of this window, and partitioned by their time."""
