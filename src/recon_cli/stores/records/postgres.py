"""Records in Postgres, streamed by a cursor of the server's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from recon_cli.core.errors import NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.search import Book, Query
from recon_cli.stores import postgres_errors
from recon_cli.stores.bulk.postgres_link import quote
from recon_cli.stores.records import sql
from recon_cli.stores.records.base import Row
from recon_cli.stores.sink.postgres import Connection, connected

# postgres_errors, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip

_AT_ONCE = 5000
_DAY = "to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
WORDS = sql.Words(quote, "%s", lambda moment: moment, "{column} ILIKE {mark} ESCAPE '!'", _DAY)


class PostgresReader:
    """One schema of one database."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._timeout_s = place.number("timeout_s", 30)
        self._link: Connection | None = None
        self.url = postgres_errors.shown(place.url)

    def rows(self, book: Book, query: Query) -> Iterator[Row]:
        """See `Reader.rows`."""
        names = book.columns
        for cells in self._asked(book, *sql.select(WORDS, book, query), whole=query.limit is None):
            yield dict(zip(names, map(_value, cells), strict=True))

    def counts(self, book: Book, by: Sequence[str], query: Query) -> Iterator[tuple[tuple[str, ...], int]]:
        """See `Reader.counts`."""
        for *groups, number in self._asked(book, *sql.count(WORDS, book, by, query), whole=False):
            yield tuple("" if one is None else str(one) for one in groups), int(number)

    def close(self) -> None:
        """See `Reader.close`."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _asked(self, book: Book, text: str, bound: Sequence[Any], *, whole: bool) -> Iterator[tuple[Any, ...]]:
        try:
            if self._link is None or self._link.closed or self._link.broken:
                self._link = connected(self._place, self._timeout_s)
            link = self._link
            if not whole:
                yield from link.execute(text.encode(), bound)
                return
            with link.transaction(), link.cursor(name="recon_records") as rows:
                rows.itersize = _AT_ONCE
                yield from rows.execute(text.encode(), bound)
        except psycopg.errors.UndefinedTable as exc:
            hint = "`recon record init` makes it"
            raise NotFoundError(f"{self.url} has no table `{book.table}`", cause=str(exc), hint=hint) from exc
        except psycopg.Error as exc:
            self.close()
            raise postgres_errors.translate(self.url, exc) from exc


def _value(cell: Any) -> Any:  # noqa: ANN401  whatever the table holds
    if cell is None or type(cell) is str:
        return cell
    if isinstance(cell, datetime):
        return cell if cell.tzinfo is UTC else cell.astimezone(UTC) if cell.tzinfo else cell.replace(tzinfo=UTC)
    return cell if isinstance(cell, int | float) else str(cell)
