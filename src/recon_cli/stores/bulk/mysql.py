"""MySQL and MariaDB as a bulk store: one consistent snapshot out, one transaction of rows in.

Reading: REPEATABLE READ and `START TRANSACTION WITH CONSISTENT SNAPSHOT`. Several readers of one state need a moment in
which nobody writes (`FLUSH TABLES WITH READ LOCK`, the RELOAD privilege); without it a gate admits one reader.
Loading: see `mysql_load`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from recon_cli.core.catalog import Catalog, Cell, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import GuardError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import Bounds, Loaded, Loading, Row, Span
from recon_cli.stores.bulk.mysql_catalog import read_catalog, read_tables
from recon_cli.stores.bulk.mysql_link import Connection, Link, ask, expression, quote, reader, run
from recon_cli.stores.bulk.mysql_load import load
from recon_cli.stores.mysql_session import error_parts

import pymysql  # isort: skip  # mysql_link says how to get it
from pymysql.cursors import SSCursor  # isort: skip

_BEGINNING = 64
_FIRST_PAGE = 50
_PAGE_BYTES = 2 * 1024 * 1024
_GROWTH = 8
_STILL = "one transaction"
_ALONE = "one transaction, for one reader: holding the state for several needs the RELOAD privilege"
_NOT_ALLOWED = (1044, 1045, 1142, 1227)
_TRANSACTIONAL = "SELECT engine FROM information_schema.engines WHERE transactions = 'YES'"


def open_mysql(place: Place) -> MysqlBulk:
    """A bulk store on a MySQL or MariaDB database: `mysql://user@host:3306/database?ssl_ca=/path`."""
    return MysqlBulk(place)


class MysqlBulk:
    """One database; nothing is connected before the first call."""

    engine = "mysql"

    def __init__(self, place: Place) -> None:
        self._link = Link(place)
        self.url = self._link.url

    @contextmanager
    def gate(self) -> Iterator[str]:
        """Nobody writes anywhere on the server while it is open, so keep it short; or one reader only, see above."""
        with self._link.connection() as connection:
            ticket = f"{'shared' if _locked(connection) else 'single'}-{secrets.token_hex(8)}"
            yield ticket
            run(connection, "UNLOCK TABLES")

    @contextmanager
    def join(self, ticket: str | None = None) -> Iterator[MysqlView]:
        """A snapshot.

        Raises:
            GuardError: a second reader wants to join where only one can.
        """
        with self._link.connection() as connection:
            alone = ticket is not None and ticket.startswith("single-")
            if alone and ask(connection, "SELECT get_lock(%s, 0)", [f"recon-{ticket}"])[0][0] != 1:
                hint = "use one worker, or grant RELOAD to this user"
                raise GuardError(f"a second reader of one state of {self.url} is not possible", cause=_ALONE, hint=hint)
            run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            run(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            view = MysqlView(self._link, connection, _ALONE if alone else _STILL)
            try:
                yield view
            finally:
                view.settle()

    def load(self, loading: Loading) -> Loaded:
        """All rows in one transaction; what DDL does beside it is said in `mysql_load`."""
        return load(self._link, loading)

    def close(self) -> None:
        """Every connection is closed when its work is done."""


def _locked(connection: Connection) -> bool:
    try:
        run(connection, "FLUSH TABLES WITH READ LOCK")
    except pymysql.err.MySQLError as exc:
        if error_parts(exc)[0] in _NOT_ALLOWED:
            return False
        raise
    return True


class MysqlView:
    """One snapshot. A table with a key is read in pages, so that nothing stays open between two of them."""

    def __init__(self, link: Link, connection: Connection, promise: str) -> None:
        self._link, self._connection = link, connection
        self._tables: dict[str, DeclaredTable] | None = None
        self._stream: _Stream | None = None
        loose = self._loose()
        self.consistency = f"{promise}{f', but for tables without transactions: {loose}' if loose else ''}"

    def _loose(self) -> str:
        sql = (
            "SELECT group_concat(table_name ORDER BY table_name) FROM information_schema.tables"
            f" WHERE table_schema = database() AND table_type = 'BASE TABLE' AND engine NOT IN ({_TRANSACTIONAL})"
        )
        return str(self._ask(sql)[0][0] or "")

    def settle(self) -> None:
        """Read to its end what is still on the wire."""
        if self._stream is not None:
            with self._link.translated():
                self._stream.fetch_rest()
            self._stream = None

    def _ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.settle()
        with self._link.translated():
            return ask(self._connection, sql, parameters)

    def catalog(self) -> Catalog:
        """From information_schema."""
        self.settle()
        with self._link.translated():
            return read_catalog(self._connection, self._link.database)

    def _declared(self, table: str) -> DeclaredTable:
        if self._tables is None:
            self.settle()
            with self._link.translated():
                self._tables = read_tables(self._connection)
        if table not in self._tables:
            raise NotFoundError(f"no table {table} at {self._link.url}")
        return self._tables[table]

    def count(self, table: str) -> int:
        """Exactly, by counting."""
        return int(self._ask(f"SELECT count(*) FROM {quote(self._declared(table).name)}")[0][0])

    def bounds(self, table: str) -> Bounds | None:
        """By the key's index."""
        key = _key(self._declared(table))
        if len(key) != 1 or key[0].kind is not Kind.INTEGER:
            return None
        name = expression(key[0])
        least, greatest, rows = self._ask(f"SELECT min({name}), max({name}), count(*) FROM {quote(table)}")[0]
        return Bounds(int(least), int(greatest), int(rows)) if rows else None

    def keys(self, table: str, *, start: Row | None = None, skip_rows: int = 0) -> Iterator[Row]:
        """From the index alone."""
        declared = self._declared(table)
        if key := _key(declared):
            for page in self._pages(declared, key, Span(start), 10_000, skip_rows=skip_rows):
                yield from page

    def rows(self, table: str, span: Span = Span(), *, chunk_rows: int = 1000) -> Iterator[list[Row]]:  # noqa: B008  frozen
        """In key order; without a key ordered by all columns, text by its bytes."""
        declared = self._declared(table)
        if declared.key_positions:
            return self._pages(declared, declared.stored, span, chunk_rows)
        return self._whole(declared, chunk_rows)

    def _pages(
        self, table: DeclaredTable, columns: Sequence[DeclaredColumn], span: Span, most: int, *, skip_rows: int = 0
    ) -> Iterator[list[Row]]:
        names = [column.name for column in columns]
        places = [names.index(name) for name in table.key]
        after: Row | None = None
        size = min(most, _FIRST_PAGE)
        while True:
            where, given = _within(_key(table), span, after)
            skipped = f" OFFSET {int(skip_rows)}" if skip_rows else ""
            sql = f"{_select(table, columns)}{where} ORDER BY {_order(table)} LIMIT {size}{skipped}"
            page, held = self._page(sql, given, columns)
            if not page:
                return
            yield page
            after, skip_rows = tuple(page[-1][place] for place in places), 0
            size = max(1, min(most, _PAGE_BYTES * len(page) // held, size * _GROWTH))

    def _page(self, sql: str, given: Sequence[Any], columns: Sequence[DeclaredColumn]) -> tuple[list[Row], int]:
        """A page, cut short where its rows are large; the rest of it is thrown away row by row."""
        self.settle()
        page: list[Row] = []
        held = 1
        with self._link.translated(), self._connection.cursor(SSCursor) as cursor:
            cursor.execute(sql if given else sql.replace("%%", "%"), tuple(given) or None)
            for row in _cells(cursor.fetchall_unbuffered(), columns):
                page.append(row)
                held += _size(row)
                if held >= _PAGE_BYTES:
                    break
        return page, held

    def _whole(self, table: DeclaredTable, chunk_rows: int) -> Iterator[list[Row]]:
        order = ", ".join(map(_bytewise, table.stored))
        self.settle()
        with self._link.translated():
            chosen = _select(table, table.stored).replace("%%", "%")
            stream = self._stream = _Stream(self._connection, f"{chosen} ORDER BY {order}")
        chunk: list[Row] = []
        held = 0
        with self._link.translated():
            for row in _cells(stream, table.stored):
                chunk.append(row)
                held += _size(row)
                if held >= _PAGE_BYTES or len(chunk) >= chunk_rows:
                    yield chunk
                    chunk, held = [], 0
        if self._stream is stream:
            self._stream = None
        if chunk:
            yield chunk


class _Stream:
    """Rows from the wire; another question on the connection brings the rest of them into memory first."""

    def __init__(self, connection: Connection, sql: str) -> None:
        self._cursor = connection.cursor(SSCursor)
        self._cursor.execute(sql)
        self._rest: list[tuple[Any, ...]] | None = None

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while self._rest is None:
            row = self._cursor.fetchone()
            if row is None:
                self._cursor.close()
                return
            yield row
        yield from self._rest

    def fetch_rest(self) -> None:
        """Free the wire."""
        if self._rest is None:
            self._rest = list(self._cursor.fetchall())
            self._cursor.close()


def _key(table: DeclaredTable) -> list[DeclaredColumn]:
    return [table.stored[place] for place in table.key_positions]


def _select(table: DeclaredTable, columns: Sequence[DeclaredColumn]) -> str:
    return f"SELECT {', '.join(map(expression, columns))} FROM {quote(table.name)}".replace("%", "%%")


def _order(table: DeclaredTable) -> str:
    return ", ".join(map(quote, table.key)).replace("%", "%%")


def _bytewise(column: DeclaredColumn) -> str:
    """What to sort a column by; long values by their beginning and then by a digest, for a sort buffer is small."""
    value = quote(column.name)
    if column.kind in (Kind.TEXT, Kind.JSON):
        value = f"CONVERT({value} USING utf8mb4)"
    elif not re.match(r"(var)?binary|\w*blob", column.declared, re.IGNORECASE):
        return value
    return f"CAST(LEFT({value}, {_BEGINNING}) AS BINARY), SHA2({value}, 256)"


def _within(key: Sequence[DeclaredColumn], span: Span, after: Row | None) -> tuple[str, list[Any]]:
    parts, given = [], []
    first = (">", after) if after is not None else (">=", span.first)
    for sign, row in (first, ("<", span.end)):
        if row is not None:
            text, values = _beyond(key, row, sign)
            parts.append(text)
            given += values
    return (f" WHERE {' AND '.join(parts)}" if parts else ""), given


def _beyond(key: Sequence[DeclaredColumn], at: Row, sign: str) -> tuple[str, list[Any]]:
    """`(a > x OR (a = x AND b >= y))`, with the first column's range in front, which the index understands."""
    values = [_parameter(column, cell) for column, cell in zip(key, at, strict=True)]
    names = [expression(column).replace("%", "%%") for column in key]
    terms, given = [], []
    for place, name in enumerate(names):
        equal = "".join(f"{one} = %s AND " for one in names[:place])
        last = place == len(names) - 1
        terms.append(f"({equal}{name} {sign if last else sign[0]} %s)")
        given += values[: place + 1]
    if len(names) == 1:
        return terms[0], given
    return f"({names[0]} {sign[0]}= %s AND ({' OR '.join(terms)}))", [values[0], *given]


def _parameter(column: DeclaredColumn, cell: Cell) -> Any:  # noqa: ANN401  what the driver takes
    if isinstance(cell, str) and column.kind is Kind.TIMESTAMPTZ:
        return cell.removesuffix("+00")
    return cell


def _cells(rows: Any, columns: Sequence[DeclaredColumn]) -> Iterator[Row]:  # noqa: ANN401  tuples of a driver
    readers: list[tuple[int, Callable[[Any], Cell]]] = [
        (place, read) for place, column in enumerate(columns) if (read := reader(column)) is not None
    ]
    if not readers:
        yield from rows
        return
    for row in rows:
        cells = list(row)
        for place, read in readers:
            if cells[place] is not None:
                cells[place] = read(cells[place])
        yield tuple(cells)


def _size(row: Row) -> int:
    return sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
