"""SqlSession: what the sessions of the three SQL engines share. Values pass through the driver untouched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult
from sqlalchemy.exc import DBAPIError

from recon_cli.core.canonical import Value
from recon_cli.core.schema import Schema
from recon_cli.stores.session import Field, Relation, Row, RowRefusedError

_PAGE = 1000


class SqlSession(ABC):
    """What the three engines' sessions share: quoting, streaming, and writing one row and reading it back."""

    mark = "%s"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._known: dict[str, Relation | None] = {}
        self.quote: Callable[[str], str] = connection.dialect.identifier_preparer.quote_identifier

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement with the driver's own placeholders: no type of SQLAlchemy touches the values."""
        return self.connection.exec_driver_sql(sql, tuple(parameters))

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        """The rows of a SELECT from a server-side cursor."""
        options = {"stream_results": True, "max_row_buffer": _PAGE}
        with self.connection.exec_driver_sql(sql, tuple(parameters), execution_options=options) as result:
            yield from result.yield_per(_PAGE)

    def relation(self, table: str) -> Relation | None:
        """The table's columns, or None if it does not exist."""
        if self._known.get(table) is None:
            self._known[table] = self.reflect(table)
        return self._known[table]

    def forget(self) -> None:
        """Ask the engine anew: tables were created, dropped or locked."""
        self._known.clear()

    def scan(self, relation: Relation) -> Iterator[Row]:
        """Every row, streamed."""
        for raw in self.stream(f"SELECT {self._list(relation)} FROM {self.name(relation.name)}"):
            yield self._row(relation, raw)

    def ordered(self, relation: Relation, key: Sequence[str]) -> Iterator[Row]:
        """Every row by `key`: numbers by value, text by code point, NULL first."""
        order = ", ".join(self.order(relation.by_name[name]) for name in key)
        sql = f"SELECT {self._list(relation)} FROM {self.name(relation.name)}"
        for raw in self.stream(f"{sql} ORDER BY {order}" if order else sql):
            yield self._row(relation, raw)

    def insert(self, relation: Relation, values: Mapping[str, Value]) -> Row:
        """Write a new row and read it back."""
        named = {name: value for name, value in values.items() if not self._generated(relation, name)}
        bound = [self.bind(relation.by_name.get(name), name, value) for name, value in named.items()]
        with self._row_refusals(relation, named):
            return self.put_new(relation, named, bound)

    def update(self, relation: Relation, row: Row, values: Mapping[str, Value]) -> Row:
        """Write some columns of a row and read it back."""
        named = {name: value for name, value in values.items() if not self._generated(relation, name)}
        kept = [f"{self.quote(one.name)} = {self.quote(one.name)}" for one in relation.fields if one.touched]
        bound = [self.bind(relation.by_name.get(name), name, value) for name, value in named.items()]
        pairs = [f"{self.quote(name)} = {mark}" for name, (mark, _) in zip(named, bound, strict=True)]
        if not pairs:
            return row
        written = {name.partition(" = ")[0] for name in pairs}
        pairs += [one for one in kept if one.partition(" = ")[0] not in written]
        where, found = self._where(relation, row.place)
        sql = f"UPDATE {self.name(relation.name)} SET {', '.join(pairs)} WHERE {where}"
        with self._row_refusals(relation, named):
            return self.put_changed(relation, row, named, sql, [*(value for _, value in bound), *found])

    def delete(self, relation: Relation, row: Row) -> None:
        """Remove a row."""
        where, found = self._where(relation, row.place)
        with self._row_refusals(relation, {}):
            self.run(f"DELETE FROM {self.name(relation.name)} WHERE {where}{self.one}", found)

    one = ""

    def old_row(self, relation: Relation, row: Row) -> dict[str, Value]:
        """The row as the undo keeps it."""
        return {name: row.values[name] for name in relation.names}

    def put_new(self, relation: Relation, named: Mapping[str, Value], bound: Sequence[tuple[str, Any]]) -> Row:
        """INSERT and read back."""
        result = self.run(self.insert_sql(relation, list(named), [mark for mark, _ in bound]), [v for _, v in bound])
        return self.read_back(relation, self.new_place(relation, named, result.lastrowid))

    def put_changed(
        self, relation: Relation, row: Row, named: Mapping[str, Value], sql: str, parameters: Sequence[Any]
    ) -> Row:
        """UPDATE and read back."""
        self.run(f"{sql}{self.one}", parameters)
        return self.read_back(relation, self.moved_place(relation, row, named))

    def moved_place(self, relation: Relation, row: Row, named: Mapping[str, Value]) -> tuple[Value, ...]:
        """Where a row is after some of its columns were written."""
        if relation.hidden:
            return row.place
        return tuple({**row.values, **named}[name] for name in self._found_by(relation))

    def read_back(self, relation: Relation, place: tuple[Value, ...]) -> Row:
        """The row at `place`."""
        where, found = self._where(relation, place)
        raw = self.run(
            f"SELECT {self._list(relation)} FROM {self.name(relation.name)} WHERE {where}{self.one}", found
        ).fetchone()
        if raw is None:
            raise RowRefusedError((), "the row is not there after it was written: a trigger or rule changed it")
        return self._row(relation, raw)

    def insert_sql(self, relation: Relation, names: Sequence[str], marks: Sequence[str]) -> str:
        """The INSERT statement."""
        columns = ", ".join(map(self.quote, names))
        return f"INSERT INTO {self.name(relation.name)} ({columns}) VALUES ({', '.join(marks)})"

    def _generated(self, relation: Relation, name: str) -> bool:
        return name in relation.by_name and relation.by_name[name].generated

    def _list(self, relation: Relation) -> str:
        return ", ".join([*relation.hidden, *map(self.expression, relation.fields)])

    def _row(self, relation: Relation, raw: Sequence[Any]) -> Row:
        count = len(relation.hidden)
        pairs = zip(relation.fields, raw[count:], strict=True)
        values = {one.name: self.decode(one, cell) for one, cell in pairs}
        place = tuple(raw[:count]) if count else tuple(values[name] for name in self._found_by(relation))
        return Row(place, values)

    def _found_by(self, relation: Relation) -> tuple[str, ...]:
        return relation.primary or relation.names

    def _where(self, relation: Relation, place: Sequence[Value]) -> tuple[str, list[Any]]:
        if relation.hidden:
            return " AND ".join(f"{name} = {self.mark}" for name in relation.hidden), list(place)
        fields = [relation.by_name[name] for name in self._found_by(relation)]
        bound = [self.bind(one, one.name, value) for one, value in zip(fields, place, strict=True)]
        tests = [self.is_same(one, mark) for one, (mark, _) in zip(fields, bound, strict=True)]
        return " AND ".join(tests), [value for _, value in bound]

    @contextmanager
    def _row_refusals(self, relation: Relation, values: Mapping[str, Value]) -> Iterator[None]:
        try:
            yield
        except DBAPIError as exc:
            refusal = None if exc.connection_invalidated else self.explain(relation, values, exc.orig)
            if refusal is None:
                raise
            raise refusal from exc

    def is_same(self, field: Field, mark: str) -> str:
        """The test that finds a stored value again, NULL included."""
        return f"{self.quote(field.name)} IS {mark}"

    def order(self, field: Field) -> str:
        """How `read` sorts by a column."""
        return self.quote(field.name)

    def expression(self, field: Field) -> str:
        """How a column is read."""
        return self.quote(field.name)

    def decode(self, field: Field, cell: Any) -> Value:  # noqa: ARG002, ANN401  what a driver hands over
        """A driver's cell as a Value."""
        value: Value = cell
        return value

    def name(self, table: str) -> str:
        """The table's quoted name, qualified where the engine has schemas."""
        return self.quote(table)

    def advance(self, relation: Relation) -> None:  # noqa: B027  most engines need nothing
        """Move the counters past the ids that were written; SQLite and MySQL do so by themselves."""

    def leftovers(  # noqa: B027  same
        self, tables: Sequence[str], counters: Mapping[str, int | None]
    ) -> None:
        """Finish what a killed `revert` could not do inside its transaction; only MySQL has any."""

    def commit(self) -> None:
        """Make it so."""
        self.connection.commit()

    def rollback(self) -> None:
        """Leave everything as it was."""
        self.connection.rollback()

    @abstractmethod
    def reflect(self, table: str) -> Relation | None:
        """Ask the engine what the table looks like."""

    @abstractmethod
    def relations(self) -> Sequence[str]:
        """The names of all tables."""

    @abstractmethod
    def begin(self, tables: Sequence[str], create: Sequence[Schema]) -> None:
        """Shut other writers out of `tables` and create the missing ones."""

    @abstractmethod
    def bind(self, field: Field | None, name: str, value: Value) -> tuple[str, Any]:
        """A value as placeholder and driver parameter; RowRefusedError if the engine cannot hold it."""

    @abstractmethod
    def new_place(self, relation: Relation, named: Mapping[str, Value], last: int | None) -> tuple[Value, ...]:
        """Where the row just inserted is."""

    @abstractmethod
    def explain(
        self, relation: Relation, values: Mapping[str, Value], error: BaseException | None
    ) -> RowRefusedError | None:
        """Whether the engine refuses this very row, and why; None for anything else."""

    @abstractmethod
    def literal(self, relation: Relation | None, schema: Schema, column: str, value: Value) -> Value:
        """What the column hands back after `value` was written to it."""

    @abstractmethod
    def drop(self, tables: Sequence[str]) -> None:
        """Remove tables that this tool created."""

    @abstractmethod
    def counters(self, tables: Sequence[str]) -> dict[str, int | None]:
        """The positions of the counters behind the tables' surrogate ids."""

    @abstractmethod
    def restore(self, counters: Mapping[str, int | None]) -> None:
        """Put counters back."""

    @abstractmethod
    def probe(self) -> dict[str, str]:
        """What the engine is."""
