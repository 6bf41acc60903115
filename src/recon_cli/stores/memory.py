"""MemoryStore: the contract without an engine, for tests and trials. Values stay as they are given."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from threading import RLock
from typing import TypeAlias

from recon_cli.core.canonical import Value, dumps, encode
from recon_cli.core.place import Place
from recon_cli.core.plan import Change
from recon_cli.core.record import EMPTY, Fingerprint, Record
from recon_cli.core.schema import Column, ColumnType, Schema, normal
from recon_cli.stores import apply as applying
from recon_cli.stores import refusals
from recon_cli.stores import revert as reverting
from recon_cli.stores.base import Undo
from recon_cli.stores.session import Field, Kind, Relation, Row, RowRefusedError


@dataclass(slots=True)
class _Table:
    """Rows by a number that only grows, and the schema whose rules they keep."""

    columns: tuple[str, ...]
    schema: Schema | None = None
    rows: dict[int, dict[str, Value]] = field(default_factory=dict)
    counter: int = 0
    last: int = 0

    def relation(self, name: str) -> Relation:
        key = self.schema.key if self.schema else ()
        fields = (Field(one, Kind.TEXT, primary=key.index(one) + 1 if one in key else 0) for one in self.columns)
        return Relation(name, tuple(fields), (ROW_NUMBER,))


ROW_NUMBER = "_row_"
"""Under this name an undo keeps which row it was; no column is called so."""
Held: TypeAlias = "tuple[str, Schema, int, Iterable[Mapping[str, Value]]]"
"""A table as it is: its name, its schema, its counter, its rows."""


def open_memory(place: Place) -> MemoryStore:
    """A new, empty store."""
    return MemoryStore(url=place.url)


class MemoryStore:
    """Tables in memory. `tables` are rows to begin with, `schemas` the rules (unique, not null) they keep.

    `taking` is given every table that has a schema before a commit; if it raises, nothing was committed.
    """

    def __init__(
        self,
        tables: Mapping[str, Iterable[Mapping[str, Value]]] | None = None,
        schemas: Iterable[Schema] = (),
        *,
        url: str = "memory://",
        taking: Callable[[Iterable[Held]], None] = lambda _tables: None,
    ) -> None:
        self.url, self.taking = url, taking
        self._lock = RLock()
        self._tables = {one.table: _Table(tuple(c.name for c in one.columns), one) for one in schemas}
        for name, rows in (tables or {}).items():
            self._fill(name, rows)

    def _fill(self, name: str, rows: Iterable[Mapping[str, Value]]) -> None:
        taken = [dict(row) for row in rows]
        table = self._tables.setdefault(name, _Table(tuple(dict.fromkeys(key for row in taken for key in row))))
        for number, row in enumerate(taken, 1):
            table.rows[number] = {column: row.get(column) for column in table.columns}
            table.last = number

    def number(self, counters: Mapping[str, int]) -> None:
        """Let the numbering of surrogate ids go on from here."""
        for name, counter in counters.items():
            self._tables[name].counter = counter

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The column names of every table."""
        return {name: table.columns for name, table in self._tables.items()}

    def read(self, table: str, key: tuple[str, ...] = ()) -> Iterator[Record]:
        """Every row, ordered by `key` where given."""
        found = self._tables.get(table)
        if found is None:
            return
        for name in key:
            if name not in found.columns:
                raise refusals.no_column(table, name, found.columns)
        rows = list(found.rows.values())
        for row in sorted(rows, key=lambda row: [_rank(row[name]) for name in key]) if key else rows:
            yield Record(table, dict(row))

    def fingerprint(self, table: str) -> Fingerprint:
        """The content of a table."""
        return EMPTY.plus(*(record.digest() for record in self.read(table)))

    def apply(
        self,
        changes: Sequence[Change],
        schemas: Mapping[str, Schema],
        *,
        base: Mapping[str, Fingerprint],
        prepared: Callable[[Undo], None],
    ) -> Undo:
        """Apply all changes to a copy, then take the copy."""
        with self._lock:
            return applying.apply(_MemorySession(self), changes, schemas, base, prepared)

    def revert(self, undo: Undo) -> None:
        """Take an `apply` back."""
        with self._lock:
            reverting.revert(_MemorySession(self), undo)

    def insert_literal(self, schema: Schema, column: str, value: Value) -> Value:
        """Values stay as they are; moments in one spelling."""
        return _literal(schema.column(column), value)

    def probe(self) -> dict[str, str]:
        """What it is."""
        return {"engine": "memory", "tables": str(len(self._tables))}

    def close(self) -> None:
        """Nothing to give back."""


class _MemorySession:
    """Works on a copy of the tables; `commit` swaps it in."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._tables = copy.deepcopy(store._tables)  # noqa: SLF001  one module, two halves of one thing

    def relations(self) -> Sequence[str]:
        return list(self._tables)

    def relation(self, table: str) -> Relation | None:
        found = self._tables.get(table)
        return found.relation(table) if found else None

    def begin(self, tables: Sequence[str], create: Sequence[Schema]) -> None:  # noqa: ARG002  the store's lock is held
        for schema in create:
            self._tables[schema.table] = _Table(tuple(column.name for column in schema.columns), schema)

    def scan(self, relation: Relation) -> Iterator[Row]:
        for number, row in self._tables[relation.name].rows.items():
            yield Row((number,), dict(row))

    def literal(self, relation: Relation, schema: Schema, column: str, value: Value) -> Value:  # noqa: ARG002  contract
        return _literal(schema.column(column), value)

    def insert(self, relation: Relation, values: Mapping[str, Value]) -> Row:
        table = self._tables[relation.name]
        number = values.get(ROW_NUMBER)
        number = number if isinstance(number, int) else table.last + 1
        row = {name: values[name] if name in values else _default(table, name) for name in table.columns}
        self._number(table, row)
        _check(table, row, number)
        table.rows = dict(sorted({**table.rows, number: row}.items())) if number < table.last else table.rows
        table.rows[number] = row
        table.last = max(table.last, number)
        return Row((number,), dict(row))

    def _number(self, table: _Table, row: dict[str, Value]) -> None:
        name = table.schema.autoincrement if table.schema else None
        if name is None:
            return
        if row[name] is None:
            row[name] = table.counter + 1
        value = row[name]
        if isinstance(value, int):
            table.counter = max(table.counter, value)

    def update(self, relation: Relation, row: Row, values: Mapping[str, Value]) -> Row:
        table, number = self._tables[relation.name], _number_of(row)
        new = {**table.rows[number], **values}
        _check(table, new, number)
        table.rows[number] = new
        return Row(row.place, dict(new))

    def delete(self, relation: Relation, row: Row) -> None:
        del self._tables[relation.name].rows[_number_of(row)]

    def old_row(self, relation: Relation, row: Row) -> dict[str, Value]:  # noqa: ARG002  contract
        return {**row.values, ROW_NUMBER: row.place[0]}

    def drop(self, tables: Sequence[str]) -> None:
        for table in tables:
            del self._tables[table]

    def counters(self, tables: Sequence[str]) -> dict[str, int | None]:
        found = {name: self._tables[name] for name in tables if name in self._tables}
        return {name: table.counter for name, table in found.items() if table.schema and table.schema.autoincrement}

    def advance(self, relation: Relation) -> None:
        """Done at every insert."""

    def restore(self, counters: Mapping[str, int | None]) -> None:
        for name, position in counters.items():
            self._tables[name].counter = position or 0

    def leftovers(self, tables: Sequence[str], counters: Mapping[str, int | None]) -> None:
        """There are none."""

    def commit(self) -> None:
        self._store.taking(
            (name, one.schema, one.counter, one.rows.values()) for name, one in self._tables.items() if one.schema
        )
        self._store._tables = self._tables  # noqa: SLF001  one module, two halves of one thing

    def rollback(self) -> None:
        """The copy is thrown away."""


def _number_of(row: Row) -> int:
    number = row.place[0]
    assert isinstance(number, int)  # made by this module
    return number


def _check(table: _Table, row: Mapping[str, Value], number: int) -> None:
    for name in row:
        if name not in table.columns:
            raise RowRefusedError([name], f"no column {name}")
        try:
            encode(row[name])
        except UnicodeEncodeError as exc:
            raise RowRefusedError([name], f"half a surrogate pair: {exc.reason}", held=False) from exc
    schema = table.schema
    if schema is None:
        return
    for column in schema.columns:
        if row[column.name] is None and (not column.nullable or column.name in schema.key):
            raise RowRefusedError([column.name], "NULL in a column that needs a value")
    groups = [schema.key, *((column.name,) for column in schema.columns if column.unique)]
    for names in groups:
        mine = tuple(dumps(encode(row[name])) for name in names)
        for other, have in table.rows.items():
            if other != number and None not in (row[name] for name in names) and mine == _spelled(have, names):
                raise RowRefusedError(names, "another row has this value", unique=True)


def _spelled(row: Mapping[str, Value], names: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(dumps(encode(row[name])) for name in names)


def _default(table: _Table, name: str) -> Value:
    text = table.schema.column(name).default if table.schema else None
    if text is None or text.upper().startswith("CURRENT"):
        return None
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower())


def _literal(column: Column, value: Value) -> Value:
    if column.type is ColumnType.TIMESTAMP and value is not None:
        spelled = normal(column.type, value)
        return datetime.fromisoformat(spelled) if isinstance(spelled, str) and spelled != value else value
    return value


def _rank(value: Value) -> tuple[int, object]:
    """NULL first, then numbers, text, bytes, times, the rest: an order in which anything can stand beside anything."""
    if value is None:
        return 0, 0
    if isinstance(value, int | float | Decimal):
        return 1, value
    if isinstance(value, str):
        return 2, value
    if isinstance(value, bytes):
        return 3, value
    if isinstance(value, datetime):
        return 4, value if value.tzinfo else value.replace(tzinfo=UTC)
    return (5, value.isoformat()) if isinstance(value, date | time) else (6, dumps(encode(value)))
