"""Rows into MySQL and MariaDB: a temporary table, an UPDATE of what gives way, an INSERT of what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import ReconError
from recon_cli.core.landing import Load, Parcel, Shape
from recon_cli.core.place import Place
from recon_cli.stores.bulk.mysql_link import literal as _literal
from recon_cli.stores.bulk.mysql_link import quote as _quote
from recon_cli.stores.mysql import MysqlBackend
from recon_cli.stores.mysql_session import error_parts
from recon_cli.stores.sink import mysql_window
from recon_cli.stores.sink.base import Cells
from recon_cli.stores.sink.declared import catalog_of

# stores.mysql, imported above, says how to get the driver where it is missing
import pymysql  # isort: skip
from pymysql.cursors import SSCursor  # isort: skip

Connection: TypeAlias = "pymysql.Connection[Any]"

_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
_FAILURES = {
    **dict.fromkeys((1045, 1698, 1044, 1142, 1143, 1227, 1290, 1410, 1820, 1836, 1862, 3118, 4151), Failure.AUTH),
    **dict.fromkeys((1049, 1054, 1146, 1136), Failure.DRIFT),
    **dict.fromkeys((1153, 1969, 3024, 1206), Failure.TOO_BIG),
    **dict.fromkeys((1226,), Failure.THROTTLED),
    **dict.fromkeys(
        (1048, 1062, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 1452, 1690, 3140, 3819, 3988, 4025), Failure.POISON
    ),
}
"""By MySQL's error numbers: its SQLSTATEs are too coarse (HY000 for most). What is not here is transient."""
_CODES = {1062: "23505", 1054: "42703", 1146: "42P01"}
"""In Postgres's words, which a feed explains."""


class MysqlSink:
    """One database, over one kept connection."""

    engine = "mysql"
    changeable = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self._backend = MysqlBackend(place)
        self._link: Connection | None = None
        self._staged: dict[Shape, str] = {}
        self.url = self._backend.url

    def write(self, loads: Sequence[Load]) -> None:
        """See `Sink.write`."""
        try:
            link = self._connected()
            windows = [window for load in loads if (window := load.shape.landing.window) is not None]
            for load in loads:
                self._stage(link, load.shape)
            with mysql_window.alone(link, windows, self._backend.timeout_s / 2):
                self._write(link, loads)
        except pymysql.err.Error as exc:
            failed = _failed(exc)
            self._end(keep=failed.failure is Failure.POISON)
            raise failed from exc
        except (OSError, ReconError) as exc:
            self.close()
            raise DeliveryError(Failure.TRANSIENT, str(exc)) from exc

    def _write(self, link: Connection, loads: Sequence[Load]) -> None:
        try:
            link.begin()
            for load in loads:
                self._land(link, load)
            link.commit()
        except BaseException:
            if link.open:
                with suppress(pymysql.err.Error):
                    link.rollback()
            raise

    def catalog(self) -> Catalog:
        """See `Sink.catalog`."""
        return catalog_of(self._place)

    def run(self, statements: Sequence[str]) -> None:
        """See `Sink.run`; every statement commits by itself."""
        try:
            for statement in statements:
                _run(self._connected(), statement)
        except pymysql.err.Error as exc:
            self.close()
            raise self._backend.translate(exc) from exc

    def read(self, table: str, columns: Sequence[str]) -> Iterator[Cells]:
        """See `Sink.read`."""
        names = ", ".join(map(_quote, columns))
        try:
            with self._connected().cursor(SSCursor) as rows:
                rows.execute(f"SELECT {names} FROM {_quote(table)}")
                for row in rows:
                    yield tuple(cell if cell is None or isinstance(cell, int) else str(cell) for cell in row)
        except pymysql.err.Error as exc:
            self.close()
            raise self._backend.translate(exc) from exc

    def close(self) -> None:
        """See `Sink.close`."""
        self._staged.clear()
        link, self._link = self._link, None
        if link is not None and link.open:
            link.close()

    def _end(self, *, keep: bool) -> None:
        """Roll back; a connection in doubt goes."""
        try:
            if keep and self._link is not None:
                self._link.rollback()
                return
        except pymysql.err.Error:
            pass
        self.close()

    def _connected(self) -> Connection:
        if self._link is None:
            self._link = connected(self._place, self._backend.timeout_s)
        return self._link

    def _stage(self, link: Connection, shape: Shape) -> None:
        """A temporary table of the target's own columns and character sets."""
        if shape not in self._staged and shape.landing.window is None:
            stage, names = f"recon_in_{len(self._staged)}", ", ".join(map(_quote, shape.columns))
            _run(link, f"CREATE TEMPORARY TABLE {stage} AS SELECT {names} FROM {_quote(shape.table)} LIMIT 0")
            self._staged[shape] = stage

    def _land(self, link: Connection, load: Load) -> None:
        shape = load.shape
        if shape.landing.window is not None:
            mysql_window.take(link, load, _cell)
            return
        stage, names = self._staged[shape], ", ".join(map(_quote, shape.columns))
        for parcel in load.parcels:
            if parcel.older and shape.mark:
                _take_over(link, shape, parcel)
        _run(link, f"DELETE FROM {stage}")
        with link.cursor() as cursor:
            marks = ", ".join(["%s"] * len(shape.columns))
            rows = [[_cell(value) for value in row] for row in load.rows()]
            cursor.executemany(f"INSERT INTO {stage} ({names}) VALUES ({marks})", rows)
        same = " AND ".join(f"t.{_quote(name)} = i.{_quote(name)}" for name in shape.key)
        rule = _rule(shape)
        if rule:
            sets, condition = rule
            _run(link, f"UPDATE {_quote(shape.table)} t JOIN {stage} i ON {same} SET {sets} WHERE {condition}")
        told = ", ".join(f"i.{_quote(name)}" for name in shape.columns)
        table, key = _quote(shape.table), _quote(shape.key[0])
        new = f"SELECT {told} FROM {stage} i LEFT JOIN {table} t ON {same} WHERE t.{key} IS NULL"
        # Two agents may insert one key at once: the row of the other stays, and is compared at the next delivery.
        _run(link, f"INSERT INTO {table} ({names}) {new} ON DUPLICATE KEY UPDATE {key} = {table}.{key}")


def connected(place: Place, timeout_s: float) -> Connection:
    """A connection that speaks UTC and is strict about values.

    Raises:
        pymysql.err.Error: there is none.
    """
    parts = urlsplit(place.url)
    wait_s = max(1, int(timeout_s))
    passed: dict[str, Any] = dict(parse_qsl(parts.query))  # pymysql's own words: ssl_ca, unix_socket, …
    link: Connection = pymysql.connect(
        host=parts.hostname or "localhost",
        port=parts.port or 3306,
        user=unquote(parts.username) if parts.username else None,
        password=place.secret() or unquote(parts.password or ""),
        database=unquote(parts.path.strip("/")) or None,
        charset="utf8mb4",
        connect_timeout=wait_s,
        read_timeout=wait_s,
        write_timeout=wait_s,
        autocommit=True,
        init_command=(
            f"SET sql_mode = '{_MODE}', time_zone = '+00:00',"
            f" lock_wait_timeout = {wait_s}, innodb_lock_wait_timeout = {wait_s}"
        ),
        **passed,
    )
    return link


def _rule(shape: Shape) -> tuple[str, str] | None:
    """What an UPDATE sets, and on which rows."""
    spans = [f"{_new(one, 't')} = least({_new(one, 't')}, {_new(one, 'i')})" for one in shape.landing.earliest]
    spans += [f"{_new(one, 't')} = greatest({_new(one, 't')}, {_new(one, 'i')})" for one in shape.landing.latest]
    if spans:
        return ", ".join(spans), "TRUE"
    if not shape.rank:
        return None
    sets = ", ".join(f"{_new(name, 't')} = {_new(name, 'i')}" for name in shape.others)
    less = _less(shape.rank)
    if shape.mark is None:
        return sets, less
    word = _literal(shape.mark.word)
    ours, theirs = (f"(coalesce({_new(shape.mark.column, side)}, '') = {word})" for side in ("i", "t"))
    return sets, f"{ours} > {theirs} OR ({ours} = {theirs} AND {less})"


def _less(rank: Sequence[str]) -> str:
    """Byte by byte, whatever the columns' collations."""
    new, old = ([f"CAST(coalesce({_new(name, side)}, '') AS BINARY)" for name in rank] for side in ("i", "t"))
    found = "FALSE"
    for one, other in reversed(list(zip(new, old, strict=True))):
        found = f"({one} < {other} OR ({one} = {other} AND {found}))"
    return found


def _take_over(link: Connection, shape: Shape, parcel: Parcel) -> None:
    """A row that an older program stored under another hash of this content becomes this content's row."""
    assert shape.mark is not None  # the caller asked
    table, key, mark = _quote(shape.table), _quote(shape.key[-1]), _quote(shape.mark.column)
    new = str(parcel.record.values[shape.key[-1]])
    with link.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} WHERE {key} = %s", (new,))
        if cursor.fetchone() is None:
            marks = ", ".join(["%s"] * len(parcel.older))
            theirs = f"{key} IN ({marks}) AND coalesce({mark}, '') <> %s LIMIT 1"
            cursor.execute(f"UPDATE {table} SET {key} = %s WHERE {theirs}", (new, *parcel.older, shape.mark.word))


def _failed(error: pymysql.err.Error) -> DeliveryError:
    number, cause = error_parts(error)
    return DeliveryError(_FAILURES.get(number, Failure.TRANSIENT), f"{number} {cause}", code=_CODES.get(number, ""))


def _run(link: Connection, sql: str) -> None:
    with link.cursor() as cursor:
        cursor.execute(sql)


def _cell(value: Value) -> Any:  # noqa: ANN401  what pymysql binds
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return json.dumps(value) if isinstance(value, list | dict) else value


def _new(name: str, side: str) -> str:
    return f"{side}.{_quote(name)}"
