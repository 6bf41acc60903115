"""Rows into Postgres: COPY to a temporary table, then one INSERT … SELECT … ON CONFLICT by the rules of the landing."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TypeAlias

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure, classify
from recon_cli.core.errors import AuthError, ReconError
from recon_cli.core.landing import Load, Parcel, Shape
from recon_cli.core.place import Place
from recon_cli.stores.bulk.postgres_link import literal as _literal
from recon_cli.stores.bulk.postgres_link import quote as _quote
from recon_cli.stores.postgres import PostgresBackend
from recon_cli.stores.sink.base import Cells
from recon_cli.stores.sink.declared import catalog_of
from recon_cli.stores.sink.taken import sightings

# stores.postgres, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip

_PLAIN = frozenset({str, int, bool, float})
Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


class PostgresSink:
    """One schema of one database, over one kept connection."""

    engine = "postgresql"
    changeable = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self._backend = PostgresBackend(place)
        self._timeout_s = self._backend.timeout_s
        self._link: Connection | None = None
        self._staged: dict[Shape, tuple[str, tuple[bool, ...]]] = {}
        self.url = self._backend.url

    def write(self, loads: Sequence[Load]) -> None:
        """See `Sink.write`."""
        try:
            with self._watched() as link:
                for load in loads:
                    if load.shape.landing.window is not None:
                        _take(link, load)
                plain = [load for load in loads if load.shape.landing.window is None]
                for load in plain:
                    self._stage(link, load.shape)
                with link.transaction():
                    for load in plain:
                        self._land(link, load)
        except psycopg.Error as exc:
            failed = self._failed(exc)
            if failed.failure is not Failure.POISON or exc.sqlstate is None:
                self.close()
            raise failed from exc
        except (OSError, ReconError) as exc:
            self.close()
            raise DeliveryError(Failure.TRANSIENT, str(exc)) from exc

    def catalog(self) -> Catalog:
        """See `Sink.catalog`."""
        return catalog_of(self._place)

    def run(self, statements: Sequence[str]) -> None:
        """See `Sink.run`."""
        with self._translated(), self._watched() as link, link.transaction():
            for statement in statements:
                link.execute(statement.encode())

    def read(self, table: str, columns: Sequence[str]) -> Iterator[Cells]:
        """See `Sink.read`."""
        names = ", ".join(f"{_quote(name)}::text" for name in columns)
        with self._translated(), self._connected().transaction(), self._connected().cursor(name="recon_read") as rows:
            rows.itersize = 2000
            yield from rows.execute(f"SELECT {names} FROM {_quote(table)}".encode())

    def close(self) -> None:
        """See `Sink.close`."""
        self._staged.clear()
        if self._link is not None:
            self._link.close()
            self._link = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            self.close()
            raise self._backend.translate(exc) from exc

    @contextmanager
    def _watched(self) -> Iterator[Connection]:
        """The connection, cut from outside when it neither answers nor breaks for too long: libpq itself would wait."""
        link = self._connected()
        alarm = threading.Timer(self._timeout_s, _cutter(link))
        alarm.daemon = True
        alarm.start()
        try:
            yield link
        finally:
            alarm.cancel()

    def _connected(self) -> Connection:
        if self._link is not None and (self._link.closed or self._link.broken):
            self.close()
        if self._link is None:
            self._link = connected(self._place, self._timeout_s)
        return self._link

    def _land(self, link: Connection, load: Load) -> None:
        shape = load.shape
        stage, arrays = self._stage(link, shape)
        for parcel in load.parcels:
            if parcel.older and shape.mark:
                _take_over(link, shape, parcel)
        names = ", ".join(map(_quote, shape.columns))
        with link.cursor().copy(f"COPY {stage} ({names}) FROM STDIN".encode()) as copy:
            for row in load.rows():
                copy.write_row([_cell(value, array=array) for value, array in zip(row, arrays, strict=True)])
        link.execute(_merge(shape, stage).encode())

    def _stage(self, link: Connection, shape: Shape) -> tuple[str, tuple[bool, ...]]:
        """A temporary table of the target's own types, emptied by every commit; and which columns are arrays."""
        if shape not in self._staged:
            stage, names = f"pg_temp.recon_in_{len(self._staged)}", ", ".join(map(_quote, shape.columns))
            table = _quote(shape.table)
            made = f"CREATE TEMP TABLE {stage.partition('.')[2]} ON COMMIT DELETE ROWS AS SELECT {names} FROM {table}"
            link.execute(f"{made} WITH NO DATA".encode())
            asked = "SELECT attname, attndims > 0 OR atttypid::regtype::text LIKE '%[]' FROM pg_attribute"
            found = link.execute(f"{asked} WHERE attrelid = '{stage}'::regclass AND attnum > 0".encode()).fetchall()
            arrays: dict[str, bool] = dict(found)
            self._staged[shape] = stage, tuple(bool(arrays[name]) for name in shape.columns)
        return self._staged[shape]

    def _failed(self, error: psycopg.Error) -> DeliveryError:
        """By SQLSTATE; a connection that never stood, or broke, has none, and then a refused login is told apart."""
        told = error.diag
        words = [told.message_primary or str(error).strip(), told.message_detail or ""]
        detail = " · ".join(part for part in (error.sqlstate or "", *words) if part)
        if error.sqlstate:
            return DeliveryError(classify(error.sqlstate), detail, code=error.sqlstate)
        if isinstance(error, psycopg.DataError):  # a text that the driver cannot send, such as one with NUL
            return DeliveryError(Failure.POISON, detail, code="22021")
        meant = self._backend.translate(error)
        return DeliveryError(Failure.AUTH if isinstance(meant, AuthError) else Failure.TRANSIENT, detail)


def connected(place: Place, timeout_s: float) -> Connection:
    """A connection that speaks UTC and ISO dates, in the place's schema, with our patience.

    Raises:
        psycopg.Error: there is none.
    """
    secret = place.secret()
    given: dict[str, Any] = {"password": secret} if secret is not None else {}
    link: Connection = psycopg.connect(
        place.url,
        connect_timeout=max(2, int(timeout_s)),
        application_name="recon",
        autocommit=True,
        prepare_threshold=None,  # temporary tables of one name and other columns would break a cached plan
        tcp_user_timeout=int(timeout_s * 1000),
        **given,
    )
    schema = _quote(place.text("schema") or "public")
    settings = f"SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET search_path = {schema}"
    link.execute(f"{settings}; SET client_encoding = 'UTF8'; SET client_min_messages = 'error'".encode())
    link.execute(_patience(link, timeout_s).encode())
    return link


def _patience(link: Connection, timeout_s: float) -> str:
    """A slow statement is ended by the server, before we cut the line: then the batch was too big, and is halved.

    A lock that somebody else holds is waited for less long: that is no fault of the batch.
    """
    row = link.execute("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'").fetchone()
    asked_ms = row[0] if row else 0
    ours_ms = max(1, int(timeout_s * 800))
    most_ms = min(asked_ms, ours_ms) if asked_ms else ours_ms
    return f"SET statement_timeout = {most_ms}; SET lock_timeout = {max(1, most_ms // 2)}"


def _cutter(link: Connection) -> Callable[[], None]:
    def cut() -> None:
        with suppress(OSError, psycopg.Error), socket.fromfd(link.fileno(), socket.AF_INET, socket.SOCK_STREAM) as end:
            end.shutdown(socket.SHUT_RDWR)

    return cut


def _take_over(link: Connection, shape: Shape, parcel: Parcel) -> None:
    """A row that an older program stored under another hash of this content becomes this content's row."""
    assert shape.mark is not None  # the caller asked
    table, key, mark = _quote(shape.table), _quote(shape.key[-1]), _quote(shape.mark.column)
    link.execute(
        f"UPDATE {table} SET {key} = %(new)s WHERE ctid = (SELECT ctid FROM {table} WHERE {key} = ANY(%(older)s)"
        f" AND {mark} IS DISTINCT FROM %(word)s LIMIT 1)"
        f" AND NOT EXISTS (SELECT 1 FROM {table} WHERE {key} = %(new)s)".encode(),
        {"new": parcel.record.values[shape.key[-1]], "older": list(parcel.older), "word": shape.mark.word},
    )


def _take(link: Connection, load: Load) -> None:
    """Sightings by the target's own function, so many in one call; called again with the same it changes nothing."""
    window = load.shape.landing.window
    assert window is not None  # the caller asked
    for some in sightings(load):
        link.execute(f"SELECT {_quote(window.taker)}(%s::jsonb)".encode(), (some.decode(),))


def _merge(shape: Shape, stage: str) -> str:
    names, key = (", ".join(map(_quote, some)) for some in (shape.columns, shape.key))
    source = f"SELECT {names} FROM {stage} ORDER BY {key}"
    return f"INSERT INTO {_quote(shape.table)} AS t ({names}) {source} ON CONFLICT ({key}) DO {_rule(shape)}"


def _rule(shape: Shape) -> str:
    spans = [f"{_quote(one)} = least(t.{_quote(one)}, excluded.{_quote(one)})" for one in shape.landing.earliest]
    spans += [f"{_quote(one)} = greatest(t.{_quote(one)}, excluded.{_quote(one)})" for one in shape.landing.latest]
    if spans:
        return f"UPDATE SET {', '.join(spans)}"
    if not shape.rank:
        return "NOTHING"
    sets = ", ".join(f"{_quote(name)} = excluded.{_quote(name)}" for name in shape.others)
    new, old = (
        ", ".join(f"coalesce({side}.{_quote(name)}::text, '') COLLATE \"C\"" for name in shape.rank)
        for side in ("excluded", "t")
    )
    less = f"({new}) < ({old})"
    if shape.mark is None:
        return f"UPDATE SET {sets} WHERE {less}"
    word, mark = _literal(shape.mark.word), _quote(shape.mark.column)
    ours, theirs = (f"(coalesce({side}.{mark}::text, '') = {word})" for side in ("excluded", "t"))
    return f"UPDATE SET {sets} WHERE {ours} > {theirs} OR ({ours} = {theirs} AND {less})"


def _cell(value: Value, *, array: bool) -> Any:  # noqa: ANN401  what psycopg writes
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, list):
        return value if array else json.dumps(value)
    return json.dumps(value) if isinstance(value, dict) else value
