"""Rows over REST to PostgREST and Supabase: one POST for what is new, and what is there already compared and mended.

The server's upsert knows no condition, so the rules of a landing are decided here. A row is changed only while it still
says what it said when it was read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import cast

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure, classify
from recon_cli.core.errors import ConfigError, GuardError, ReconError, UnreachableError
from recon_cli.core.landing import Load, Parcel, Shape, better, spanned
from recon_cli.core.place import Place
from recon_cli.core.record import Record
from recon_cli.stores.bulk.postgrest_wire import Answer, Request, Wire, refusal_of, rows_of
from recon_cli.stores.sink.base import Cells
from recon_cli.stores.sink.declared import catalog_of
from recon_cli.stores.sink.taken import sightings

_REFUSED = 400
_ASKED_KEYS = 50
"""Keys in one address: servers and proxies take some kilobytes."""
_PAGE_ROWS = 1000
_TRIES = 5


class PostgrestSink:
    """One schema behind one REST server, over one kept connection."""

    engine = "postgrest"
    changeable = False

    def __init__(self, place: Place) -> None:
        self._place = place
        self._wire = Wire(place)
        self.url = self._wire.url

    def write(self, loads: Sequence[Load]) -> None:
        """See `Sink.write`."""
        for load in loads:
            self._land(load)

    def catalog(self) -> Catalog:
        """See `Sink.catalog`; a REST server tells columns and keys, and no constraints."""
        return catalog_of(self._place)

    def run(self, statements: Sequence[str]) -> None:
        """See `Sink.run`: never possible over REST."""
        hint = "run `recon sync init --sql` and give its output to the server's SQL editor"
        raise GuardError(f"{self.url} takes no DDL", cause=f"{len(statements)} statements to run", hint=hint)

    def read(self, table: str, columns: Sequence[str]) -> Iterator[Cells]:
        """See `Sink.read`; page by page along the key of the first column."""
        last: str | None = None
        while True:
            names = ",".join(f"{name}::text" for name in columns)  # so that no number is rounded on the way
            query = [("select", names), ("order", f"{columns[0]}.asc"), ("limit", str(_PAGE_ROWS))]
            query += [(columns[0], f"gt.{last}")] if last is not None else []
            page = rows_of(self._wire.ask(Request("GET", table, query)), table)
            for row in page:
                cells = [row[name] for name in columns]
                yield tuple(one if one is None or isinstance(one, int) else str(one) for one in cells)
            if not page:
                return
            last = str(page[-1][columns[0]])

    def close(self) -> None:
        """See `Sink.close`."""
        self._wire.close()

    def _land(self, load: Load) -> None:
        shape = load.shape
        if shape.landing.window is not None:
            for some in sightings(load):
                body = b'{"readings":' + some + b"}"
                self._asked(Request("POST", shape.landing.window.taker, body=body, call=True))
            return
        for parcel in load.parcels:
            if parcel.older and shape.mark:
                self._take_over(shape, parcel)
        new = self._insert(shape, load.parcels, "ignore-duplicates")
        there = [one for one in load.parcels if _key_of(shape, one.record) not in new]
        if there and (shape.rank or shape.landing.earliest or shape.landing.latest):
            self._mend(shape, there)

    def _insert(self, shape: Shape, parcels: Sequence[Parcel], resolution: str) -> set[tuple[str, ...]]:
        """The keys of the rows that were written."""
        key = ",".join(shape.key)
        query = [("on_conflict", key), ("columns", ",".join(shape.columns)), ("select", key)]
        prefer = ("return=representation", f"resolution={resolution}")
        body = b"[" + b",".join(_body(shape, one.record) for one in parcels) + b"]"
        answer = self._asked(Request("POST", shape.table, query, prefer, body))
        return {tuple(str(row[name]) for name in shape.key) for row in rows_of(answer, shape.table)}

    def _mend(self, shape: Shape, parcels: Sequence[Parcel]) -> None:
        """Where a row is there, the one that is to stand stands; where dates widen, they are widened together."""
        remaining = iter(parcels)
        while some := list(islice(remaining, _ASKED_KEYS)):
            found = self._there(shape, some)
            wider = [one for one in some if _wider(shape, one, found.get(_key_of(shape, one.record)))]
            if wider:
                self._insert(shape, [_widened(shape, one, found) for one in wider], "merge-duplicates")
            for parcel in some if shape.rank else ():
                self._replace(shape, parcel, found.get(_key_of(shape, parcel.record)))

    def _replace(self, shape: Shape, parcel: Parcel, old: dict[str, object] | None) -> None:
        for _try in range(_TRIES):
            if old is None or not better(shape, parcel.record.values, cast("dict[str, Value]", old)):
                return
            query = [(name, _is(old[name])) for name in (*shape.key, *_judged(shape))]
            body = _body(shape, parcel.record)
            done = self._asked(Request("PATCH", shape.table, query, ("return=minimal", "count=exact"), body))
            if done.total:
                return
            old = self._there(shape, [parcel]).get(_key_of(shape, parcel.record))

    def _there(self, shape: Shape, parcels: Sequence[Parcel]) -> dict[tuple[str, ...], dict[str, object]]:
        """What decides about rows that are there, by key."""
        last = shape.key[-1]
        values = ",".join(_quoted(str(one.record.values[last])) for one in parcels)
        names = dict.fromkeys((*shape.key, *_judged(shape), *shape.landing.earliest, *shape.landing.latest))
        query = [("select", ",".join(names)), (last, f"in.({values})")]
        found = rows_of(self._asked(Request("GET", shape.table, query)), shape.table)
        return {tuple(str(row[name]) for name in shape.key): row for row in found}

    def _take_over(self, shape: Shape, parcel: Parcel) -> None:
        """A row that an older program stored under another hash of this content becomes this content's row."""
        assert shape.mark is not None  # the caller asked
        if self._there(shape, [parcel]):
            return
        key, mark = shape.key[-1], shape.mark
        values = ",".join(map(_quoted, parcel.older))
        query = [("select", f"{key},{mark.column}"), (key, f"in.({values})")]
        found = rows_of(self._asked(Request("GET", shape.table, query)), shape.table)
        theirs = next((row for row in found if row[mark.column] != mark.word), None)
        if theirs is not None:
            body = json.dumps({key: parcel.record.values[key]}).encode()
            where = [(key, _is(theirs[key])), (mark.column, _is(theirs[mark.column]))]
            self._asked(Request("PATCH", shape.table, where, ("return=minimal",), body))

    def _asked(self, request: Request) -> Answer:
        """The answer to one try; nothing is asked twice here, the outbox decides when."""
        try:
            answer = self._wire.once(request)
        except UnreachableError as exc:
            raise DeliveryError(Failure.TRANSIENT, f"{exc.message}: {exc.cause}") from exc
        except ConfigError as exc:
            raise DeliveryError(Failure.AUTH, f"{exc.message}: {exc.cause}") from exc
        except ReconError as exc:
            raise DeliveryError(Failure.TRANSIENT, f"{exc.message}: {exc.cause}") from exc
        if answer.status < _REFUSED:
            return answer
        refusal = refusal_of(answer)
        failure = classify(refusal.code, refusal.status)
        raise DeliveryError(failure, refusal.cause, retry_after_s=refusal.retry_after_s, code=refusal.code)


def _body(shape: Shape, record: Record) -> bytes:
    """A row as a JSON object; a document stands in it as it was written: no number of it is read."""
    documents = shape.landing.documents
    parts = []
    for name in shape.columns:
        value = record.values.get(name)
        text = value if name in documents and isinstance(value, str) else _json(value)
        parts.append(f"{json.dumps(name)}:{text}")
    return ("{" + ",".join(parts) + "}").encode()


def _json(value: Value) -> str:
    plain = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _wider(shape: Shape, parcel: Parcel, old: dict[str, object] | None) -> bool:
    return old is not None and any(
        _moment(old.get(name)) != value for name, value in _spans(shape, parcel, old).items()
    )


def _widened(shape: Shape, parcel: Parcel, found: dict[tuple[str, ...], dict[str, object]]) -> Parcel:
    return Parcel(parcel.record.with_values(**_spans(shape, parcel, found[_key_of(shape, parcel.record)])))


def _spans(shape: Shape, parcel: Parcel, old: dict[str, object]) -> dict[str, Value]:
    names = (*shape.landing.earliest, *shape.landing.latest)
    return spanned(shape, parcel.record.values, {name: _moment(old.get(name)) for name in names})


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _judged(shape: Shape) -> tuple[str, ...]:
    return (*shape.rank, *((shape.mark.column,) if shape.mark else ()))


def _key_of(shape: Shape, record: Record) -> tuple[str, ...]:
    return tuple(str(record.values[name]) for name in shape.key)


def _is(value: object) -> str:
    return "is.null" if value is None else f"eq.{value}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
