"""Records over REST from PostgREST and Supabase, page by page. Servers count no groups: rows are counted here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from recon_cli.core.place import Place
from recon_cli.core.search import DAY, Book, Query, order_of
from recon_cli.stores.bulk.postgrest_wire import Request, Wire, rows_of
from recon_cli.stores.records.base import Row
from recon_cli.stores.records.sql import moment_of

_PAGE_ROWS = 1000


class PostgrestReader:
    """One schema behind one REST server."""

    def __init__(self, place: Place) -> None:
        self._wire = Wire(place)
        self.url = self._wire.url

    def rows(self, book: Book, query: Query) -> Iterator[Row]:
        """See `Reader.rows`; each page begins behind the last row of the one before."""
        left, place = query.limit, order_of(book, query)
        while left is None or left > 0:
            size = _PAGE_ROWS if left is None else min(left, _PAGE_ROWS)
            page = self._page(book, replace(query, limit=size))
            yield from page
            left = None if left is None else left - len(page)
            if not page:
                return
            query = query.following(place(page[-1]))

    def counts(self, book: Book, by: Sequence[str], query: Query) -> Iterator[tuple[tuple[str, ...], int]]:
        """See `Reader.counts`."""
        wanted = dict.fromkeys((book.moment, book.key, *(one for one in by if one != DAY)))
        narrow = replace(book, columns=tuple(wanted))
        found = Counter(tuple(_group(book, row, one) for one in by) for row in self.rows(narrow, query))
        if not by:
            found.setdefault((), 0)
        yield from sorted(found.items())

    def close(self) -> None:
        """See `Reader.close`."""
        self._wire.close()

    def _page(self, book: Book, query: Query) -> list[dict[str, Any]]:
        answer = self._wire.ask(Request("GET", book.table, list(_asked(book, query))))
        found = [{name: row.get(name) for name in book.columns} for row in rows_of(answer, book.table)]
        for row in found:
            for name in {book.moment, book.arrived} & row.keys():
                row[name] = _moment(row[name])
        return found


def _asked(book: Book, query: Query) -> Iterator[tuple[str, str]]:
    by, way = query.sorted_by(book), "desc" if query.descending else "asc"
    yield "select", ",".join(dict.fromkeys((*book.columns, by, book.key)))
    for column, value in query.equal.items():
        yield column, f"eq.{value}"
    if query.since is not None:
        yield book.moment, f"gte.{_told(query.since)}"
    if query.until is not None:
        yield book.moment, f"lt.{_told(query.until)}"
    anded = []
    if query.text:
        pattern = _quoted(f"%{_like(query.text)}%")
        anded.append(f"or({','.join(f'{name}.ilike.{pattern}' for name in book.texts)})")
    if query.after is not None:
        anded.append(_behind(book, query, by))
    if anded:
        yield "and", f"({','.join(anded)})"
    yield "order", ",".join(f"{one}.{way}" for one in dict.fromkeys((by, book.key)))
    yield "limit", str(query.limit)


def _behind(book: Book, query: Query, by: str) -> str:
    assert query.after is not None  # the caller asked
    said, key = query.after
    value = _quoted(_told(moment_of(said)) if by in {book.moment, book.arrived} else said)
    sign = "lt" if query.descending else "gt"
    return f"or({by}.{sign}.{value},and({by}.eq.{value},{book.key}.{sign}.{_quoted(key)}))"


def _like(text: str) -> str:
    """A text as a pattern: the server takes a star for any text, so one stands for any letter here."""
    for one in "\\%_":
        text = text.replace(one, f"\\{one}")
    return text.replace("*", "_")


def _group(book: Book, row: Row, one: str) -> str:
    if one == DAY:
        return str(row[book.moment])[:10]
    return "" if row[one] is None else str(row[one])


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _moment(cell: Any) -> Any:  # noqa: ANN401  a cell of any table
    try:
        return datetime.fromisoformat(cell).astimezone(UTC)
    except (TypeError, ValueError):
        return cell


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
