"""Records in MySQL and MariaDB, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from recon_cli.core.errors import NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.search import Book, Query
from recon_cli.stores.bulk.mysql_link import quote
from recon_cli.stores.mysql import MysqlBackend
from recon_cli.stores.mysql_session import error_parts
from recon_cli.stores.records import sql
from recon_cli.stores.records.base import Row
from recon_cli.stores.sink.mysql import Connection, connected

# stores.mysql, imported above, says how to get the driver where it is missing
import pymysql  # isort: skip
from pymysql.cursors import SSCursor  # isort: skip

_NO_TABLE = 1146


def spelled(moment: datetime) -> str:
    """A time as a column without zone holds it: UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


_CONTAINS = "lower({column}) LIKE lower({mark}) ESCAPE '!'"
WORDS = sql.Words(quote, "%s", spelled, _CONTAINS, "date_format({column}, '%%Y-%%m-%%d')", rows=False)


class MysqlReader:
    """One database."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._backend = MysqlBackend(place)
        self._link: Connection | None = None
        self.url = self._backend.url

    def rows(self, book: Book, query: Query) -> Iterator[Row]:
        """See `Reader.rows`."""
        for cells in self._asked(book, *sql.select(WORDS, book, query)):
            yield dict(zip(book.columns, map(_value, cells), strict=True))

    def counts(self, book: Book, by: Sequence[str], query: Query) -> Iterator[tuple[tuple[str, ...], int]]:
        """See `Reader.counts`."""
        for *groups, number in self._asked(book, *sql.count(WORDS, book, by, query)):
            yield tuple("" if one is None else str(one) for one in groups), int(number)

    def close(self) -> None:
        """See `Reader.close`."""
        link, self._link = self._link, None
        if link is not None and link.open:
            link.close()

    def _asked(self, book: Book, text: str, bound: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        try:
            if self._link is None:
                self._link = connected(self._place, self._backend.timeout_s)
            with self._link.cursor(SSCursor) as rows:
                rows.execute(text, tuple(bound))
                yield from rows
        except pymysql.err.Error as exc:
            self.close()
            if error_parts(exc)[0] == _NO_TABLE:
                hint = "`recon record init` makes it"
                raise NotFoundError(f"{self.url} has no table `{book.table}`", cause=str(exc), hint=hint) from exc
            raise self._backend.translate(exc) from exc


def _value(cell: Any) -> Any:  # noqa: ANN401  whatever the table holds
    return cell.replace(tzinfo=UTC) if isinstance(cell, datetime) else cell
