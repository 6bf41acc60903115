"""Connections for bulk work on Postgres: settings that make every text canonical, errors translated once."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

from recon_cli.core.errors import ReconError
from recon_cli.core.place import Place
from recon_cli.stores import postgres_errors
from recon_cli.stores.bulk.base import SILENT_S

# postgres_errors, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip
from psycopg.types.string import StrDumper, TextBinaryLoader, TextLoader  # isort: skip

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

_CANONICAL = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
    "row_security": "off",  # a policy that would hide rows becomes an error
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "jit": "off",
    "synchronize_seqscans": "off",
    "check_function_bodies": "off",
}
_SNAPSHOT = re.compile(r"[0-9A-Fa-f]+(-[0-9A-Fa-f]+)+")


class _Bytewise(TextBinaryLoader):
    """Text of a database without an encoding: what is not UTF-8 becomes surrogate escapes."""

    def load(self, data: Any) -> str:  # noqa: ANN401  psycopg's Buffer
        return bytes(data).decode("utf-8", "surrogateescape")


class _BytewiseText(TextLoader):
    def load(self, data: Any) -> str:  # noqa: ANN401  psycopg's Buffer
        return bytes(data).decode("utf-8", "surrogateescape")


class _BytewiseDumper(StrDumper):
    def dump(self, obj: str) -> bytes:
        return obj.encode("utf-8", "surrogateescape")


class Link:
    """How to reach one schema of one database."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.url = postgres_errors.shown(place.url)
        self.schema = place.text("schema") or "public"
        self.timeout_s = place.number("timeout_s", 30)
        self._silent_s = place.number(SILENT_S, 0)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of its own, closed at the end; whatever goes wrong on it is a ReconError."""
        with self.translated():
            connection = self._reached()
            try:
                with watched(connection, self._silent_s):
                    self._settle(connection)
                    yield connection
            finally:
                connection.close()

    def open(self) -> Connection:
        """A connection to keep."""
        with self.translated():
            return self._connect()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Postgres errors as ours."""
        try:
            yield
        except psycopg.Error as exc:
            raise self.translate(exc) from exc

    def translate(self, error: psycopg.Error) -> ReconError:
        """What an error of the driver or the server means."""
        return postgres_errors.translate(self.url, error)

    def _connect(self) -> Connection:
        connection = self._reached()
        try:
            self._settle(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reached(self) -> Connection:
        secret = self._place.secret()
        given: dict[str, Any] = {"password": secret} if secret is not None else {}
        connection: Connection = psycopg.connect(
            self._place.url,
            connect_timeout=max(2, int(self.timeout_s)),
            application_name="recon",
            autocommit=True,
            prepare_threshold=None,  # temporary tables of one name and other columns would break a cached plan
            **given,
        )
        return connection

    def _settle(self, connection: Connection) -> None:
        wanted = _CANONICAL | {
            "lock_timeout": f"{max(1, int(self.timeout_s * 1000))}ms",
            "search_path": quote(self.schema),
            "client_encoding": "SQL_ASCII" if bytewise(connection) else "UTF8",
        }
        if connection.info.server_version >= 170000:  # noqa: PLR2004  the release that brought the setting
            wanted["transaction_timeout"] = "0"
        run(connection, "; ".join(f"SET {name} = {_setting(name, value)}" for name, value in wanted.items()))
        if bytewise(connection):
            for name in ("text", "varchar", "bpchar", "name", "json"):
                connection.adapters.register_loader(name, _Bytewise)
                connection.adapters.register_loader(name, _BytewiseText)
            connection.adapters.register_dumper(str, _BytewiseDumper)


@contextmanager
def watched(connection: Connection, limit_s: float) -> Iterator[None]:
    """A connection that is cut from outside after so long (0: never), for libpq itself would wait for ever."""
    alarm = threading.Timer(limit_s, _cut, [connection])
    alarm.daemon = True
    if limit_s:
        alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


def _cut(connection: Connection) -> None:
    of = socket.AF_INET, socket.SOCK_STREAM
    with suppress(OSError, psycopg.Error), socket.fromfd(connection.fileno(), *of) as end:
        end.shutdown(socket.SHUT_RDWR)


def bytewise(connection: Connection) -> bool:
    """Whether the database takes any bytes for text (SQL_ASCII)."""
    return connection.info.parameter_status("server_encoding") == "SQL_ASCII"


def _setting(name: str, value: str) -> str:
    return value if name == "search_path" else literal(value)


def run(connection: Connection, sql: str) -> psycopg.Cursor[tuple[Any, ...]]:
    """One or more statements without parameters; percent signs are themselves."""
    return connection.execute(sql.encode("utf-8", "surrogateescape"))


def ask(
    connection: Connection, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()
) -> list[tuple[Any, ...]]:
    """All rows of a query; with parameters as `%s`."""
    return connection.execute(sql.encode(), parameters or None).fetchall()


def quote(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal (`standard_conforming_strings` is on)."""
    return "'" + text.replace("'", "''") + "'"


def snapshot_name(ticket: str) -> str:
    """A snapshot's name as a literal, if it can be one.

    Raises:
        ReconError: it cannot.
    """
    if not _SNAPSHOT.fullmatch(ticket):
        raise ReconError("this is not a ticket of a Postgres gate", cause=ticket[:40])
    return literal(ticket)
