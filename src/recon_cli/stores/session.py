"""Session: one open connection of a record store, in the few verbs that `apply` and `revert` are written in.

Each engine has one (sqlite, postgres, mysql, memory); the rules of writing and taking back stand once, in apply.py and
revert.py, on top of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from recon_cli.core.canonical import Value
from recon_cli.core.schema import Schema


class Kind(StrEnum):
    """What a column really stores, whatever the schema calls it."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    SINGLE = "single"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    """Date and time without a zone; UTC by agreement."""
    INSTANT = "instant"
    """Date and time with a zone."""
    DATE = "date"
    TIME = "time"
    JSON = "json"
    BLOB = "blob"
    UUID = "uuid"
    ARRAY = "array"
    OTHER = "other"
    """A type we hand through as the engine's own text."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column as the engine has it.

    `scale` are the digits after the point (of a second, for times); `length` the most characters; `primary` its place
    in the primary key from 1, or 0; `touched` when the engine sets it by itself at every update.
    """

    name: str
    kind: Kind
    declared: str = ""
    scale: int | None = None
    length: int | None = None
    primary: int = 0
    generated: bool = False
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """One table as the engine has it; `hidden` is the SQL that finds a row again and is no column of the table."""

    name: str
    fields: tuple[Field, ...]
    hidden: tuple[str, ...] = ()
    by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.fields})

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in their order."""
        return tuple(one.name for one in self.fields)

    @property
    def primary(self) -> tuple[str, ...]:
        """The columns of the primary key, in its order; empty if there is none."""
        keyed = sorted((one for one in self.fields if one.primary), key=lambda one: one.primary)
        return tuple(one.name for one in keyed)


@dataclass(frozen=True, slots=True)
class Row:
    """One row and where it is: `place` finds it again within the same transaction."""

    place: tuple[Value, ...]
    values: Mapping[str, Value]


class RowRefusedError(Exception):
    """The engine refuses one row: the columns it blames, and its words. `apply` says which row it was."""

    def __init__(self, columns: Sequence[str], cause: str, *, unique: bool = False, held: bool = True) -> None:
        super().__init__(cause)
        self.columns, self.cause, self.unique, self.held = tuple(columns), cause, unique, held


class Session(Protocol):
    """One transaction on one connection. Raises `ReconError`s, and RowRefusedError where one row is written."""

    def relations(self) -> Sequence[str]:
        """The names of all tables."""

    def relation(self, table: str) -> Relation | None:
        """The table's columns, or None if it does not exist."""

    def begin(self, tables: Sequence[str], create: Sequence[Schema]) -> None:
        """Start writing: shut other writers out of `tables` and create the missing ones, parents first."""

    def scan(self, relation: Relation) -> Iterator[Row]:
        """Every row, streamed. No other statement runs while it is open."""

    def literal(self, relation: Relation, schema: Schema, column: str, value: Value) -> Value:
        """What the column hands back after `value` was written to it."""

    def insert(self, relation: Relation, values: Mapping[str, Value]) -> Row:
        """Write a new row (literals) and read it back."""

    def update(self, relation: Relation, row: Row, values: Mapping[str, Value]) -> Row:
        """Write some columns of a row (literals) and read it back."""

    def delete(self, relation: Relation, row: Row) -> None:
        """Remove a row."""

    def old_row(self, relation: Relation, row: Row) -> dict[str, Value]:
        """The row as the undo keeps it: its values, and its hidden number where order depends on it."""

    def drop(self, tables: Sequence[str]) -> None:
        """Remove tables that this tool created, in the order given."""

    def counters(self, tables: Sequence[str]) -> dict[str, int | None]:
        """The positions of the counters behind the tables' surrogate ids."""

    def advance(self, relation: Relation) -> None:
        """Move the counters past the ids that were written."""

    def restore(self, counters: Mapping[str, int | None]) -> None:
        """Put counters back."""

    def leftovers(self, tables: Sequence[str], counters: Mapping[str, int | None]) -> None:
        """Finish what a killed `revert` could not do inside its transaction."""

    def commit(self) -> None:
        """Make it so."""

    def rollback(self) -> None:
        """Leave everything as it was. Safe to call twice."""
