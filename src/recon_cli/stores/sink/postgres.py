"""Rows into Postgres: by COPY alone where none of them is there yet, else through a temporary table and a merge.

The merge is one INSERT … SELECT … ON CONFLICT by the rules of the landing. Where no key is there it would do nothing
but insert, which COPY does in a third of the time; another agent that brings one meanwhile makes COPY fail, and then
the merge decides after all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure, classify
from recon_cli.core.errors import AuthError, ReconError
from recon_cli.core.landing import Load, Parcel, Shape
from recon_cli.core.place import Place
from recon_cli.core.schema import ColumnType
from recon_cli.stores import postgres_errors
from recon_cli.stores.bulk.postgres_link import literal as _literal
from recon_cli.stores.bulk.postgres_link import quote as _quote
from recon_cli.stores.bulk.postgres_link import watched
from recon_cli.stores.sink.base import Cells
from recon_cli.stores.sink.declared import catalog_of
from recon_cli.stores.sink.taken import sightings

# postgres_errors, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip

_PLAIN = frozenset({ColumnType.TEXT, ColumnType.INTEGER, ColumnType.BOOLEAN})
"""Values of these are sent as they are."""
Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


@dataclass(frozen=True, slots=True)
class _Takes:
    """The type of the key's first column, and the places of columns whose values are not sent as they are.

    With each place: whether the target has an array there.
    """

    key_type: str
    odd: tuple[tuple[int, bool], ...]


class PostgresSink:
    """One schema of one database, over one kept connection."""

    engine = "postgresql"
    changeable = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self._timeout_s = place.number("timeout_s", 30)
        self._link: Connection | None = None
        self._stages: dict[Shape, str] = {}
        self._takes: dict[Shape, _Takes] = {}
        self._merging: set[Shape] = set()
        self.url = postgres_errors.shown(place.url)

    def write(self, loads: Sequence[Load]) -> None:
        """See `Sink.write`."""
        try:
            with self._watched() as link:
                for load in loads:
                    if load.shape.landing.window is not None:
                        _take(link, load)
                with link.transaction():
                    for load in loads:
                        if load.shape.landing.window is None:
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
        self._stages.clear()
        self._takes.clear()
        if self._link is not None:
            self._link.close()
            self._link = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as exc:
            self.close()
            raise postgres_errors.translate(self.url, exc) from exc

    @contextmanager
    def _watched(self) -> Iterator[Connection]:
        """The connection, cut from outside when it neither answers nor breaks for too long: libpq itself would wait."""
        link = self._connected()
        with watched(link, self._timeout_s):
            yield link

    def _connected(self) -> Connection:
        if self._link is not None and (self._link.closed or self._link.broken):
            self.close()
        if self._link is None:
            self._link = connected(self._place, self._timeout_s)
        return self._link

    def _land(self, link: Connection, load: Load) -> None:
        if self._is_new(link, load):
            try:
                with link.transaction():  # a savepoint: what fails here leaves the rest of the batch as it was
                    self._copy(link, load, _quote(load.shape.table))
            except psycopg.errors.FeatureNotSupported:
                self._merging.add(load.shape)  # a policy guards the rows: COPY does not obey those
            except psycopg.errors.UniqueViolation:
                pass  # somebody was quicker, or another constraint refuses it: the merge says which
            else:
                return
        self._merge(link, load)

    def _is_new(self, link: Connection, load: Load) -> bool:
        """Whether none of these rows is there, as far as one look can tell."""
        shape = load.shape
        if shape in self._merging or (shape.mark and any(parcel.older for parcel in load.parcels)):
            return False
        table, first = _quote(shape.table), shape.key[0]
        keys = [parcel.record.values.get(first) for parcel in load.parcels]
        given, among = _several(keys)
        asked = f"SELECT 1 FROM {table} WHERE {_quote(first)} = ANY({among}::{self._taking(link, shape).key_type}[])"
        return link.execute(f"{asked} LIMIT 1".encode(), (given,)).fetchone() is None

    def _merge(self, link: Connection, load: Load) -> None:
        shape = load.shape
        stage = self._stage(link, shape)
        for parcel in load.parcels:
            if parcel.older and shape.mark:
                _take_over(link, shape, parcel)
        self._copy(link, load, stage)
        link.execute(_merge(shape, stage).encode())

    def _copy(self, link: Connection, load: Load, table: str) -> None:
        names = ", ".join(map(_quote, load.shape.columns))
        odd = self._taking(link, load.shape).odd
        with link.cursor().copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
            for row in load.rows():
                _make_fit(row, odd)
                copy.write_row(row)

    def _stage(self, link: Connection, shape: Shape) -> str:
        """A temporary table of the target's own types, emptied by every commit; a rollback may have taken it away."""
        stage = self._stages.setdefault(shape, f"recon_in_{len(self._stages)}")
        names = ", ".join(map(_quote, shape.columns))
        made = f"CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS AS SELECT {names}"
        link.execute(f"{made} FROM {_quote(shape.table)} WITH NO DATA".encode())
        return f"pg_temp.{stage}"

    def _taking(self, link: Connection, shape: Shape) -> _Takes:
        """What is to be known of the target's columns, asked once for each connection."""
        if shape not in self._takes:
            asked = (
                "SELECT attname, format_type(atttypid, atttypmod), attndims > 0 OR atttypid::regtype::text LIKE '%[]'"
            )
            where = f"attrelid = {_literal(_quote(shape.table))}::regclass AND attnum > 0"
            found = link.execute(f"{asked} FROM pg_attribute WHERE {where}".encode()).fetchall()
            arrays = {name for name, _type, array in found if array}
            types: dict[str, str] = {name: declared for name, declared, _array in found}
            schema = shape.landing.schema
            odd = [(at, name) for at, name in enumerate(shape.columns) if schema.column(name).type not in _PLAIN]
            key_type = types.get(shape.key[0], "text")
            self._takes[shape] = _Takes(key_type, tuple((at, name in arrays) for at, name in odd))
        return self._takes[shape]

    def _failed(self, error: psycopg.Error) -> DeliveryError:
        """By SQLSTATE; a connection that never stood, or broke, has none, and then a refused login is told apart."""
        told = error.diag
        words = [told.message_primary or str(error).strip(), told.message_detail or ""]
        detail = " · ".join(part for part in (error.sqlstate or "", *words) if part)
        if error.sqlstate:
            return DeliveryError(classify(error.sqlstate), detail, code=error.sqlstate)
        if isinstance(error, psycopg.DataError):  # a text that the driver cannot send, such as one with NUL
            return DeliveryError(Failure.POISON, detail, code="22021")
        meant = postgres_errors.translate(self.url, error)
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
    ordered = ", ".join(f'{_quote(one)}::text COLLATE "C"' for one in shape.key)  # as `Load` has them, for COPY
    source = f"SELECT {names} FROM {stage} ORDER BY {ordered}"
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


def _several(keys: Sequence[Value]) -> tuple[Any, str]:
    """Keys as one parameter, and what makes them an array: the driver's own arrays are dear."""
    texts = [one for one in keys if type(one) is str and "\n" not in one and one]
    return ("\n".join(texts), "string_to_array(%s, E'\\n')") if len(texts) == len(keys) else (keys, "%s")


def _make_fit(row: list[Value], odd: Sequence[tuple[int, bool]]) -> None:
    """The cells of a row as the driver is to write them; a time that stands in two of them is put into words once."""
    last: Value = None
    words: Value = None
    for place, array in odd:
        value = row[place]
        if value is None or type(value) is str:
            continue
        if value is not last:
            last, words = value, _cell(value, array=array)
        row[place] = words


def _cell(value: Value, *, array: bool) -> Any:  # noqa: ANN401  what psycopg writes
    if isinstance(value, datetime):
        return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()
    if isinstance(value, list):
        return value if array else json.dumps(value)
    return json.dumps(value) if isinstance(value, dict) else value
