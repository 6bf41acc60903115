"""Records in a SQLite file, read along its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import apsw

from recon_cli.core.errors import NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.search import Book, Query
from recon_cli.stores.bulk import sqlite_open
from recon_cli.stores.bulk.sqlite_words import quoted
from recon_cli.stores.records import sql
from recon_cli.stores.records.base import Row


def spelled(moment: datetime) -> str:
    """A time as the sink writes it: such texts sort as the times do."""
    return moment.astimezone(UTC).isoformat(sep=" ")


def spellings(moment: datetime) -> tuple[str, ...]:
    """As the sink writes it, and with all six digits, as defaults do."""
    return tuple(dict.fromkeys((spelled(moment), moment.astimezone(UTC).isoformat(" ", "microseconds"))))


_LIKE, _DAY = "{column} LIKE {mark} ESCAPE '!'", "substr({column}, 1, 10)"
WORDS = sql.Words(quoted, "?", spelled, _LIKE, _DAY, spellings=spellings)


class SqliteReader:
    """One SQLite file."""

    def __init__(self, place: Place) -> None:
        self._path = sqlite_open.path_of(place.url)
        self._timeout_s = place.number("timeout_s", 30)
        self._db: apsw.Connection | None = None
        self.url = f"sqlite:///{self._path}"

    def rows(self, book: Book, query: Query) -> Iterator[Row]:
        """See `Reader.rows`."""
        names, moments = book.columns, _moments(book)
        for cells in self._asked(book, *sql.select(WORDS, book, query)):
            row = dict(zip(names, cells, strict=True))
            for name in moments:
                row[name] = moment(row[name])
            yield row

    def counts(self, book: Book, by: Sequence[str], query: Query) -> Iterator[tuple[tuple[str, ...], int]]:
        """See `Reader.counts`."""
        for *groups, number in self._asked(book, *sql.count(WORDS, book, by, query)):
            yield tuple("" if one is None else str(one) for one in groups), int(number)

    def close(self) -> None:
        """See `Reader.close`."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _asked(self, book: Book, text: str, bound: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        with sqlite_open.translated(self._path, self._timeout_s):
            if self._db is None:
                self._db = sqlite_open.open_to_read(self._path, self._timeout_s).db
            known = "SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE"
            if not self._db.execute(known, (book.table,)).fetchone():
                raise NotFoundError(f"{self.url} has no table `{book.table}`", hint="`recon record init` makes it")
            yield from self._db.execute(text, bound)


def moment(cell: Any) -> Any:  # noqa: ANN401  a cell of any table
    """A time as it was written, aware; what is none stays as it is."""
    try:
        found = datetime.fromisoformat(cell)
    except (TypeError, ValueError):
        return cell
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _moments(book: Book) -> tuple[str, ...]:
    return tuple(name for name in book.columns if name in {book.moment, book.arrived})
