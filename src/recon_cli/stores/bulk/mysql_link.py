"""Connections for bulk work on MySQL and MariaDB: UTC, strict values, cells as exact text; errors translated once."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from recon_cli.core.catalog import Cell, DeclaredColumn, Kind
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import SILENT_S
from recon_cli.stores.mysql import MysqlBackend
from recon_cli.stores.mysql_session import error_parts

# stores.mysql, imported above, says how to get the driver where it is missing
import pymysql  # isort: skip
from pymysql.constants import FIELD_TYPE  # isort: skip
from pymysql.converters import encoders  # isort: skip

Connection: TypeAlias = "pymysql.Connection[Any]"

_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
_INTEGERS = ("TINY", "SHORT", "INT24", "LONG", "LONGLONG", "YEAR")
_CHANGED = 1412
_NO_TABLE = 1146
_TOO_LARGE = 1153


class Link:
    """How to reach one database."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._backend = MysqlBackend(place)
        self.url = self._backend.url
        self.database = unquote(urlsplit(place.url).path.strip("/"))

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of its own, rolled back and closed at the end; pymysql's errors are translated."""
        with self.translated():
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of the driver as ours."""
        try:
            yield
        except pymysql.err.Error as exc:
            raise self._error(exc) from exc

    def _error(self, exc: pymysql.err.Error) -> Exception:
        number, cause = error_parts(exc)
        if number == _CHANGED:
            hint = "run again when nobody changes the tables"
            return DataError(f"a table of {self.url} was altered while it was read", cause=cause, hint=hint)
        if number == _NO_TABLE:
            return NotFoundError(f"no such table at {self.url}", cause=cause)
        if number == _TOO_LARGE:
            hint = "raise `max_allowed_packet` on the server"
            return DataError(f"a row is larger than {self.url} takes", cause=cause, hint=hint)
        return self._backend.translate(exc)

    def _connect(self) -> Connection:
        parts = urlsplit(self._place.url)
        wait_s = max(1, int(self._backend.timeout_s))
        passed: dict[str, Any] = dict(parse_qsl(parts.query))  # pymysql's own words: ssl_ca, unix_socket, …
        connection: Connection = pymysql.connect(
            host=parts.hostname or "localhost",
            port=parts.port or 3306,
            user=unquote(parts.username) if parts.username else None,
            password=self._place.secret() or unquote(parts.password or ""),
            database=self.database or None,
            charset="utf8mb4",
            connect_timeout=wait_s,
            read_timeout=self._place.number(SILENT_S, 0) or None,
            conv=_conversions(),
            init_command=(
                f"SET sql_mode = '{_MODE}', time_zone = '+00:00', max_sort_length = 8388608,"
                f" lock_wait_timeout = {wait_s}, innodb_lock_wait_timeout = {wait_s}"
            ),
            **passed,
        )
        return connection


def _conversions() -> dict[Any, Any]:
    """Whole numbers as such, all else as the server's own text."""
    return {**encoders, **dict.fromkeys((getattr(FIELD_TYPE, name) for name in _INTEGERS), int)}


def ask(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a query; with parameters as `%s`."""
    with connection.cursor() as cursor:
        cursor.execute(sql, tuple(parameters) or None)
        return list(cursor.fetchall())


def run(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> int:
    """The rows that a statement touched."""
    with connection.cursor() as cursor:
        return int(cursor.execute(sql, tuple(parameters) or None))


def quote(name: str) -> str:
    """An identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A string literal that reads the same with and without NO_BACKSLASH_ESCAPES."""
    return (
        "'" + text.replace("'", "''") + "'" if "\\" not in text else f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)"
    )


def expression(column: DeclaredColumn) -> str:
    """What to select: a FLOAT as the double it is, for it would be shown with six digits; a BIT as a number."""
    name = quote(column.name)
    if column.declared.startswith("float"):
        return f"({name} + 0e0)"
    return f"({name} + 0)" if column.declared.startswith("bit") else name


def reader(column: DeclaredColumn) -> Callable[[Any], Cell] | None:
    """What turns the driver's value into the cell; None where it is the cell."""
    if column.declared.startswith("float"):
        return _single
    if column.declared.startswith("bit"):
        return int
    if column.kind is Kind.REAL:
        return float
    if column.declared.startswith("timestamp"):
        return _instant
    return None


def _single(value: Any) -> Cell:  # noqa: ANN401  a driver's value
    """The shortest number that is this 4-byte float."""
    number = float(value)
    packed = struct.pack("f", number)
    for digits in range(6, 9):
        short = float(f"{number:.{digits}g}")
        if struct.pack("f", short) == packed:
            return short
    return float(f"{number:.9g}")


def _instant(value: Any) -> Cell:  # noqa: ANN401  a driver's value
    """The session's zone is UTC; a zero date has none."""
    return value if value.startswith("0000-00-00") else f"{value}+00"


_NOT_OURS = re.compile(r"recon_(?!marks$)")


def is_journal(table: str) -> bool:
    """Whether a table is recon's own and stays out of a catalog."""
    return _NOT_OURS.match(table) is not None
