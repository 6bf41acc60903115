"""search: records by owner, number, time, text, …; sorted, streamed, and cut into pages by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from recon_cli.core import search, words
from recon_cli.core.canonical import Json
from recon_cli.core.report import Report, Table
from recon_cli.core.search import Book, Query
from recon_cli.stores.records.base import Reader, Row

SCHEMA = "recon.record-search/1"


@dataclass(slots=True)
class _Told:
    """What is known of a search when its last record has gone by."""

    found: int = 0
    last: Row = field(default_factory=dict)


def search_records(reader: Reader, book: Book, query: Query) -> Report:
    """The page asked for. Nothing is read before the report is shown, and nothing is held.

    Args:
        reader: the records.
        book: what can be asked of them.
        query: what is asked.

    Raises:
        UsageError: the book has no such order.
    """
    place = search.order_of(book, query)
    told = _Told()

    def counted() -> Iterator[Row]:
        for row in reader.rows(book, query):
            told.found += 1
            told.last = row
            yield row

    def closing() -> Report:
        more = query.limit is not None and told.found == query.limit and bool(told.last)
        following = search.token(place(told.last)) if more else None
        body: dict[str, Json] = {"table": book.table, "found": told.found, "next": following}
        summary = f"{book.table}: {words.count(told.found, 'record')} ({reader.url})"
        hints = (f"more: add `--after '{following}'`",) if following else ()
        return Report(SCHEMA, summary, body, hints=hints)

    columns = for_people(book)
    table = Table(columns, ([shown(row[name]) for name in columns] for row in counted()))
    stream = (document(book, row) for row in counted())
    return Report(SCHEMA, "", tables=(table,), stream=stream, member="records", closing=closing)


def for_people(book: Book) -> tuple[str, ...]:
    """The columns that a table shows: without the key and the time of arrival, which `--json` has."""
    return tuple(name for name in book.columns if name not in {book.key, book.arrived})


def document(book: Book, row: Row) -> Mapping[str, Json]:
    """A record as one JSON object."""
    return {name: shown(row[name]) for name in book.columns}


def shown(value: object) -> Json:
    """A value as JSON: times in ISO 8601, in UTC."""
    if value is None or isinstance(value, str | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
