"""tail: the last records that came in, and those that come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from recon_cli.core.errors import UsageError
from recon_cli.core.search import Book, Query, told
from recon_cli.stores.records.base import Reader, Row

_LOOK_BACK = timedelta(seconds=10)
"""A transaction that began earlier may be committed later: its rows stand before rows that were seen."""
_FIRST_KEY = "00000000-0000-0000-0000-000000000000"


def last(reader: Reader, book: Book, query: Query, number: int) -> list[Row]:
    """The last records to come in, the last one last.

    Raises:
        UsageError: the book does not say when records came.
    """
    if not book.arrived:
        raise UsageError(
            f"records of `{book.table}` do not say when they came", hint="use `recon record search --desc`"
        )
    found = reader.rows(book, replace(query, order=book.arrived, descending=True, limit=number))
    return list(found)[::-1]


def follow(reader: Reader, book: Book, query: Query, seen: list[Row], sleep: Callable[[], None]) -> Iterator[Row]:
    """Records as they come, after those that were seen; for ever. Late ones are records like others.

    Args:
        reader: the records.
        book: what can be asked of them.
        query: which of them.
        seen: what was shown already, the last one last.
        sleep: waits until the next look.
    """
    known = {str(row[book.key]): _arrived(book, row) for row in seen}
    newest = max(known.values(), default=datetime(1970, 1, 1, tzinfo=UTC))
    while True:
        sleep()
        since = (told(newest - _LOOK_BACK), _FIRST_KEY)
        for row in reader.rows(book, replace(query, order=book.arrived, descending=False, limit=None, after=since)):
            key, at = str(row[book.key]), _arrived(book, row)
            if key not in known:
                known[key] = at
                newest = max(newest, at)
                yield row
        known = {key: at for key, at in known.items() if at >= newest - 2 * _LOOK_BACK}


def _arrived(book: Book, row: Row) -> datetime:
    at = row[book.arrived]
    return at if isinstance(at, datetime) else datetime(1970, 1, 1, tzinfo=UTC)
