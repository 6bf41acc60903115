"""Rows into one table by INSERT with many rows, as large as a packet may be; a row that does not fit is named."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from recon_cli.core.catalog import Cell, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import DataError
from recon_cli.stores.bulk.base import Incoming, Row
from recon_cli.stores.bulk.mysql_link import Connection, ask, quote
from recon_cli.stores.mysql_session import error_parts

import pymysql  # isort: skip  # mysql_link says how to get it

_MOST_BYTES = 4 * 1024 * 1024
_NAMED = re.compile(r"(?:[Cc]olumn|Field) '([^']+)'|`\.`([^`]+)` at row")
REFUSED = (1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 3819, 3988, 4025, 1452, 3140)
"""What the content is refused for, by MySQL's error number."""
_DUPLICATE = 1062
_TIMES = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


class Inserter:
    """Writes incoming rows into `into`, which has the columns of `table`."""

    def __init__(
        self, connection: Connection, table: DeclaredTable, into: str, columns: Sequence[DeclaredColumn]
    ) -> None:
        self._connection, self._table, self._columns = connection, table, columns
        packet = int(ask(connection, "SELECT @@max_allowed_packet")[0][0])
        self._most = min(packet // 2, _MOST_BYTES)
        names = ", ".join(quote(column.name) for column in columns).replace("%", "%%")
        marks = ", ".join(["%s"] * len(columns))
        self._sql = f"INSERT INTO {quote(into).replace('%', '%%')} ({names}) VALUES ({marks})"
        self._convert = [_converter(column) for column in columns]
        self._floats = [place for place, column in enumerate(columns) if column.kind is Kind.REAL]
        self.negative_zeros = 0
        """How many were written: MySQL keeps them as 0."""

    def take(self, incoming: Incoming, progress: Callable[[int], None]) -> int:
        """All rows; how many.

        Raises:
            DataError: a cell does not fit, or a key comes twice; or there are not as many rows as was said.
        """
        done = 0
        for chunk in incoming.rows():
            self._write(chunk)
            done += len(chunk)
            progress(len(chunk))
        if done != incoming.count:
            raise DataError(f"`{self._table.name}` should have {incoming.count} rows, {done} came")
        return done

    def _write(self, chunk: Sequence[Row]) -> None:
        converted = [self._converted(row) for row in chunk]
        self.negative_zeros += sum(row[place] == "-0.0" for row in converted for place in self._floats)
        try:
            with self._connection.cursor() as cursor:
                cursor.max_stmt_length = self._most
                cursor.executemany(self._sql, converted)
        except pymysql.err.MySQLError as exc:
            if error_parts(exc)[0] not in REFUSED:
                raise
            raise self._found(chunk, converted, exc) from exc

    def _found(self, chunk: Sequence[Row], converted: Sequence[Sequence[Any]], error: Exception) -> DataError:
        """Which row it was: each alone, in a part of the transaction that is taken back."""
        with self._connection.cursor() as cursor:
            for row, values in zip(chunk, converted, strict=True):
                try:
                    cursor.execute(self._sql, tuple(values))
                except pymysql.err.MySQLError as exc:
                    number, cause = error_parts(exc)
                    if number == _DUPLICATE and error_parts(error)[0] != number:
                        continue
                    found = _NAMED.search(cause)
                    return self._refused(row, (found[1] or found[2]) if found else "", cause)
        return DataError(f"rows of `{self._table.name}` cannot be written", cause=error_parts(error)[1])

    def _converted(self, row: Row) -> list[Any]:
        values = []
        for column, convert, cell in zip(self._columns, self._convert, row, strict=True):
            try:
                values.append(None if cell is None else convert(cell))
            except ValueError as exc:
                raise self._refused(row, column.name, str(exc)) from exc
        return values

    def _refused(self, row: Row, column: str, cause: str) -> DataError:
        named = {one.name: cell for one, cell in zip(self._columns, row, strict=True)}
        key = "/".join(str(named.get(name)) for name in self._table.key) or "without key"
        what = f": column `{column}` cannot hold its value" if column else " cannot be written"
        return DataError(f"row {key} of `{self._table.name}`{what}", cause=cause, hint="nothing was written")


def _converter(column: DeclaredColumn) -> Callable[[Cell], Any]:
    if column.kind is Kind.BYTES:
        return _bytes
    if column.declared.startswith("float"):
        return _single
    return _moment if column.kind in _TIMES else _value


def _value(cell: Cell) -> Any:  # noqa: ANN401  what the driver takes
    """Floats as text, for a literal would lose the sign of zero."""
    if isinstance(cell, bytes):
        raise ValueError("bytes in a column that holds none")  # noqa: TRY004  told on with the row's name
    if isinstance(cell, float):
        if not math.isfinite(cell):
            raise ValueError(f"MySQL has no {cell}")
        return repr(cell)
    if isinstance(cell, str):
        cell.encode()
    return int(cell) if isinstance(cell, bool) else cell


def _single(cell: Cell) -> Any:  # noqa: ANN401  what the driver takes
    """The double that a 4-byte float is: its shortest text may lie above the largest one."""
    if not isinstance(cell, float):
        return _value(cell)
    try:
        return _value(struct.unpack("f", struct.pack("f", cell))[0])
    except OverflowError as exc:
        raise ValueError(f"{cell} is larger than a float can be") from exc


def _bytes(cell: Cell) -> Any:  # noqa: ANN401  what the driver takes
    if not isinstance(cell, bytes):
        raise ValueError("no bytes, in a column of bytes")  # noqa: TRY004  told on with the row's name
    return cell


def _moment(cell: Cell) -> Any:  # noqa: ANN401  what the driver takes
    """In UTC and without a zone, as the session speaks it."""
    text = str(cell)
    if not isinstance(cell, str) or text.endswith("+00"):
        return text.removesuffix("+00")
    if re.search(r"([+-]\d\d(:?\d\d)?|Z)$", text[10:]):
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return text
