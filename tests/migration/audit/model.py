"""What either side declares, in the same words, so that the two can be laid beside each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `base` is Postgres' own type name (`int8`, `text`), empty on the other side."""

    name: str
    declared: str
    base: str = ""
    nullable: bool = True
    default: str | None = None
    generated: bool = False
    collation: str = ""
    """BINARY, NOCASE, RTRIM in SQLite; the collation's name in Postgres, `nondeterministic` where it is that."""
    numbered: bool = False
    """The engine gives out numbers for it by itself."""
    next_number: int | None = None
    """The number that would come next; None where the numbers are used up."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an index: a column's name, or an expression (then `column` is empty)."""

    column: str
    expression: str = ""
    descending: bool = False
    collation: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index, or a unique constraint's index (`constraint`)."""

    name: str
    parts: tuple[Part, ...]
    unique: bool
    where: str | None = None
    constraint: bool = False
    valid: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; actions as SQL words. `deferred` is one of "", "immediate", "deferred"."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"
    deferred: str = ""
    validated: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table, in column order. `virtual` names the module of a virtual one."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[str, ...] = ()
    virtual: str = ""
    without_rowid: bool = False

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((one for one in self.columns if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger, and what it hangs on."""

    name: str
    table: str


@dataclass(frozen=True, slots=True)
class Database:
    """One side."""

    tables: dict[str, Table]
    views: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    shadows: tuple[str, ...] = ()
    """Tables that belong to a virtual one and are no content of their own."""
