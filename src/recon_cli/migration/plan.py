"""MigrationPlan: everything that a migration will do, as data: made without a target, shown, edited, applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from recon_cli.migration.policy import Policies


class Coding(StrEnum):
    """How a stored value becomes a value of its new column."""

    INT = "int"
    REAL = "real"
    TEXT = "text"
    BYTES = "bytes"
    BOOL = "bool"
    BOOL_WORD = "bool-word"
    DATE = "date"
    TIME = "time"
    STAMP = "timestamp"
    """ISO text; an offset is taken off, so that the moment stays."""
    STAMP_ZONE = "timestamp-in-zone"
    EPOCH_S = "epoch-s"
    EPOCH_MS = "epoch-ms"
    EPOCH_US = "epoch-us"
    EPOCH_REAL = "epoch-real"
    JULIAN = "julian-day"
    JSON = "json"
    JSONB = "jsonb"
    NUMERIC = "numeric"
    UUID = "uuid"
    TEXT_OF_ANY = "text-of-any"
    BYTES_OF_ANY = "bytes-of-any"


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column. `why` is for people; `holds` are the storage classes that its values have.

    `careful`: some values may not fit, each is looked at. `default` and `expression` (of a generated column) are SQL of
    the target. `compare` is the collation that SQLite compares by, where it is not by bytes.
    """

    name: str
    target: str
    type: str
    coding: Coding
    declared: str = ""
    nullable: bool = True
    identity: bool = False
    default: str | None = None
    expression: str | None = None
    compare: str = ""
    zone: str = ""
    holds: tuple[str, ...] = ()
    careful: bool = False
    why: str = ""

    @property
    def type_sql(self) -> str:
        """The type with the order that SQLite's BINARY has."""
        return f'{self.type} COLLATE "C"' if self.type == "text" or self.type.startswith("varchar") else self.type


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """An index; `parts` and `where` are SQL of the target. `constraint`: made for a UNIQUE constraint."""

    name: str
    parts: tuple[str, ...]
    unique: bool = False
    where: str | None = None
    constraint: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKeyPlan:
    """A foreign key in names of the target."""

    name: str
    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    actions: str = ""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """A check in SQL of the target."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table. `included` False leaves it out. `counter` is the last number given out, if that is known."""

    name: str
    target: str
    columns: tuple[ColumnPlan, ...]
    key: tuple[str, ...] = ()
    key_name: str = ""
    indexes: tuple[IndexPlan, ...] = ()
    foreign_keys: tuple[ForeignKeyPlan, ...] = ()
    checks: tuple[CheckPlan, ...] = ()
    counter: int | None = None
    rows: int = 0
    size_bytes: int = 0
    longest_bytes: int = 0
    included: bool = True
    rowid: str = ""
    """How the source calls the row number; empty where there is none."""
    numbered: bool = False
    """Whether the key is that number."""
    source_key: tuple[str, ...] = ()
    virtual: str = ""

    @property
    def stored(self) -> tuple[ColumnPlan, ...]:
        """The columns that are copied."""
        return tuple(column for column in self.columns if column.expression is None)

    @property
    def number(self) -> ColumnPlan | None:
        """The key, where it is the row number: the column by which spans are cut."""
        if not self.numbered or len(self.key) != 1:
            return None
        return next((column for column in self.columns if column.target == self.key[0]), None)


@dataclass(frozen=True, slots=True)
class ObjectPlan:
    """A view or a trigger, in statements of the target; `source` is the statement it was."""

    kind: str
    name: str
    target: str
    statements: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that has no equal in the target: what, why, what to do about it."""

    item: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """The whole. `state` tells whether the source is as it was when the plan was made."""

    source: str
    tables: tuple[TablePlan, ...]
    objects: tuple[ObjectPlan, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    policies: Policies = field(default_factory=Policies)
    system: str = ""
    state: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    quick: bool = False
    """Made without looking at every value: a value that does not fit ends the run, and another plan is made."""

    @property
    def included(self) -> tuple[TablePlan, ...]:
        """The tables that are migrated."""
        return tuple(table for table in self.tables if table.included)

    @property
    def rows(self) -> int:
        """How many rows will be copied."""
        return sum(table.rows for table in self.included)
