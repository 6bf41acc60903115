"""Sink over documents: what is there is read, the landing's rules decide, and all is written if nobody was faster."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import GuardError
from recon_cli.core.json_text import loads
from recon_cli.core.landing import Load, Parcel, Shape, combined
from recon_cli.core.record import Record
from recon_cli.core.schema import Schema
from recon_cli.stores.documents.base import (
    HEADS,
    Doc,
    Documents,
    Entry,
    Write,
    key_of,
    row_of,
    slices,
    text_of,
    translated,
)
from recon_cli.stores.documents.heads import Head, head_of
from recon_cli.stores.sink.base import Cells

_TRIES = 12
_NAP_S = 0.05


class DocumentSink:
    """Rows as documents. A batch larger than the store takes at once is written in parts, each all or nothing."""

    changeable = True

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._heads: dict[str, Head] = {}
        self.url, self.engine = documents.url, documents.engine

    def write(self, loads: Sequence[Load]) -> None:
        """See `Sink.write`; all or nothing in each part, and a part that came late is written again in full."""
        most = max(1, self._documents.most_writes - len(loads))
        if sum(len(load.parcels) for load in loads) <= most:
            self._land(loads)
            return
        for load in loads:
            for start in range(0, len(load.parcels), most):
                self._land([Load(load.shape, load.parcels[start : start + most])])

    def catalog(self) -> Catalog:
        """The tables that were written, with their columns; asked of the store each time."""
        with translated(self.url):
            found = {key: head_of(_name(key), doc.text) for key, doc in self._documents.scan(HEADS)}
        tables = (
            DeclaredTable(one.schema.table, tuple(DeclaredColumn(c.name) for c in one.schema.columns), one.schema.key)
            for one in found.values()
        )
        return Catalog(self.engine, tuple(sorted(tables, key=lambda one: one.name)))

    def run(self, statements: Sequence[str]) -> None:
        """See `Sink.run`: there is nothing to declare.

        Raises:
            GuardError: there are statements.
        """
        if statements:
            raise GuardError(f"{self.url} takes no DDL", cause="rows are documents there: nothing is declared")

    def read(self, table: str, columns: Sequence[str]) -> Iterator[Cells]:
        """See `Sink.read`."""
        with translated(self.url):
            for _key, doc in self._documents.scan(table):
                values = row_of(table, doc.text).values
                yield tuple(_cell(values.get(name)) for name in columns)

    def close(self) -> None:
        """See `Sink.close`."""
        self._documents.close()

    def _land(self, loads: Sequence[Load]) -> None:
        for attempt in range(_TRIES):
            heads = {load.shape.table: self._head(load.shape.landing.schema) for load in loads}
            writes = [one for _head, write in heads.values() for one in ([write] if write else [])]
            writes += [one for load in loads for one in self._decided(load.shape, load.parcels)]
            parts = slices(writes, self._documents.most_writes, self._documents.most_bytes)
            if all(self._documents.put(part) for part in parts):
                self._heads |= {table: head for table, (head, _write) in heads.items()}
                return
            time.sleep(_NAP_S * attempt * random.random())  # noqa: S311  so that two do not meet again
        raise DeliveryError(Failure.TRANSIENT, "others write the same rows all the time; the rest was not written")

    def _head(self, schema: Schema) -> tuple[Head, Write | None]:
        """What the table is, and what says so where the store does not know, or knows less of it."""
        known = self._heads.get(schema.table)
        if known is not None and known.wider(schema) is known:
            return known, None
        key = key_of([schema.table])
        found = self._documents.get(HEADS, [key]).get(key)
        old = head_of(schema.table, found.text) if found else None
        new = old.wider(schema) if old else Head(Schema(schema.table, schema.columns, schema.key))
        return new, None if new is old else Write(HEADS, key, found.token if found else None, new.text())

    def _decided(self, shape: Shape, parcels: Sequence[Parcel]) -> list[Write]:
        """What is to be written so that the parcels have landed; nothing for those that have."""
        table = shape.table
        keys = {key_of([one.record.values.get(name) for name in shape.key]): one for one in parcels}
        older = {key_of([old]): key for key, one in keys.items() for old in one.older} if shape.mark else {}
        there = self._documents.get(table, [*keys, *older])
        writes = [
            Write(table, old, there[old].token, None, unlisted=_entry(shape, row_of(table, there[old].text)))
            for old, key in older.items()
            if old in there and key not in there and not _is_ours(shape, row_of(table, there[old].text).values)
        ]
        for key, parcel in keys.items():
            write = _landing(shape, key, parcel, there.get(key))
            writes += [write] if write is not None else []
        return sorted(writes, key=lambda one: _place(shape, one))


def _landing(shape: Shape, key: str, parcel: Parcel, there: Doc | None) -> Write | None:
    new = Parcel(Record(shape.table, {name: parcel.record.values.get(name) for name in shape.columns}))
    if there is None:
        return Write(shape.table, key, None, text_of(new.record.values), _entry(shape, new.record))
    old = row_of(shape.table, there.text)
    stands = combined(shape, Parcel(old), new).record
    text = text_of(stands.values)
    if text == there.text:
        return None
    gone, come = _entry(shape, old), _entry(shape, stands)
    if gone == come:
        return Write(shape.table, key, there.token, text)
    return Write(shape.table, key, there.token, text, listed=come, unlisted=gone)


def _entry(shape: Shape, record: Record) -> Entry | None:
    """How a row stands in the list that other programs read."""
    shelf = shape.landing.shelf
    if shelf is None:
        return None
    told = {name: _plain(record.values.get(column)) for name, column in shelf.entry}
    name = shelf.name
    for column in shape.columns:
        name = name.replace(f"{{{column}}}", str(record.values.get(column) or ""))
    return Entry(name, json.dumps(told, ensure_ascii=False, separators=(",", ":")))


def _place(shape: Shape, write: Write) -> tuple[tuple[bool, str], ...]:
    """Rows that come together are entered in the shelf's order; what has no value comes first."""
    shelf = shape.landing.shelf
    if shelf is None or write.after is None:
        return ()
    values = row_of(shape.table, write.after).values
    return tuple((values.get(name) is not None, _sortable(values.get(name))) for name in shelf.order)


def _sortable(value: Value) -> str:
    return f"{value:020}" if isinstance(value, int) and value >= 0 else str(_plain(value))


def _plain(value: Value) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else _text(value)


def _cell(value: Value) -> int | str | None:
    return value if value is None or type(value) is int else _text(value)


def _text(value: Value) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _is_ours(shape: Shape, values: Mapping[str, Value]) -> bool:
    return shape.mark is None or values.get(shape.mark.column) == shape.mark.word


def _name(key: str) -> str:
    return str(loads(key)[0])
