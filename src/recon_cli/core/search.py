"""Search: what can be asked of one table of records, and one question. `recon record` asks, a reader answers.

A *book* is declared by a system: which columns there are, which can be searched, sorted and counted. A *query* is what
an operator asked for, in the book's own columns. Readers of databases turn it into SQL; one that only has rows (files,
a key-value store, git) keeps those that `matches` and sorts them by `order_of`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeAlias

from recon_cli.core.canonical import Value
from recon_cli.core.errors import UsageError

DAY = "day"
"""What `recon record stats --by` calls the day, in UTC, of the book's moment."""

Place: TypeAlias = "tuple[str, str]"
"""Where a page ends: the value it is sorted by and the key of its last record, both as text."""


@dataclass(frozen=True, slots=True)
class Book:
    """One table of records, as far as it can be asked.

    `key` is one unique column: it ends every order, so that pages have no gaps. `moment` is the time that `--since`,
    `--until` and `--older-than` mean. `columns` are shown, in this order. `equal` names the columns that a filter may
    ask for, by the option's word; `texts` are those in which `--text` looks, whatever the case of ASCII letters. Beside
    `moment` the columns of `orders` may be sorted by; they hold a value in every row. `groups` can be counted by,
    beside `DAY`; the word an operator says to the column.
    """

    table: str
    key: str
    moment: str
    columns: tuple[str, ...]
    equal: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    order: str = ""
    """What pages are sorted by unless asked; the moment, if empty. One of `orders`, where some rows have no moment."""
    arrived: str = ""
    """The column that says when a row was written, for `tail`; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question. `equal` maps columns to values, all of which have to be so; `since` is in, `until` is not.

    `order` is a column (empty: the moment). A page holds at most `limit` records (None: all) and begins behind `after`.
    """

    equal: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    order: str = ""
    descending: bool = False
    limit: int | None = None
    after: Place | None = None

    def sorted_by(self, book: Book) -> str:
        """The column of the order.

        Raises:
            UsageError: the book has no such order.
        """
        known = (book.moment, *book.orders)
        if self.order and self.order not in known:
            hint = f"sort by {', '.join(known)}"
            raise UsageError(f"records of `{book.table}` are not sorted by `{self.order}`", hint=hint)
        return self.order or book.order or book.moment

    def following(self, place: Place) -> Query:
        """The same for the page behind a place."""
        return replace(self, after=place)


def group_of(book: Book, word: str) -> str:
    """The column that a word of `--by` means; `DAY` itself for the day.

    Raises:
        UsageError: the book is not counted by it.
    """
    if word == DAY:
        return DAY
    if word not in book.groups:
        known = ", ".join((DAY, *book.groups))
        raise UsageError(f"records of `{book.table}` are not counted by `{word}`", hint=f"count by {known}")
    return book.groups[word]


def matches(book: Book, query: Query, row: Mapping[str, Value]) -> bool:
    """Whether a row is asked for, whatever the page; its moment is an aware datetime."""
    at = row.get(book.moment)
    timed = query.since is not None or query.until is not None
    if timed and not (isinstance(at, datetime) and _within(query, at)):
        return False
    if any(str(row.get(column)) != value for column, value in query.equal.items()):
        return False
    wanted = lowered(query.text)
    return not wanted or any(wanted in lowered(str(row.get(name) or "")) for name in book.texts)


def order_of(book: Book, query: Query) -> Callable[[Mapping[str, Value]], Place]:
    """What rows are sorted by, and the place of each; text by code point."""
    by = query.sorted_by(book)
    return lambda row: (told(row.get(by)), str(row.get(book.key)))


def behind(query: Query, place: Place) -> bool:
    """Whether a place is on this page or a later one."""
    if query.after is None:
        return True
    return place < query.after if query.descending else place > query.after


def told(value: Value) -> str:
    """A value as a place says it: times in UTC with all six digits, so that text sorts as time does."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return "" if value is None else str(value)


def lowered(text: str) -> str:
    """ASCII letters made small: what every engine can do alike."""
    return _CAPITALS.sub(lambda found: found[0].lower(), text)


_CAPITALS = re.compile(r"[A-Z]+")


def token(place: Place) -> str:
    """A place as one word, for `--after`."""
    return f"{place[0]}|{place[1]}"


def place_of(word: str) -> Place:
    """The inverse of `token`.

    Raises:
        UsageError: it is none.
    """
    by, bar, key = word.rpartition("|")
    if not bar:
        raise UsageError(f"`--after {word}` is not a place", hint="give `next` of the page before")
    return by, key


def _within(query: Query, at: datetime) -> bool:
    return (query.since is None or at >= query.since) and (query.until is None or at < query.until)
