"""What is wrong with a target: one kind of finding for all systems, and what they look for alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recon_cli.core.catalog import DeclaredColumn, DeclaredIndex, DeclaredTable, Generated, Numbered
from recon_cli.core.report import Problem
from recon_cli.systems.tables.columns import Dialect, TableColumn

PRIMARY = "primary key"
"""What `uniques` says of the primary key in `constraint`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. `blocks`: no row, or not every row, could be written as it is.

    `sql` mends it, where a statement can; it is shown, and run only by `recon sync init` or `recon record init` on a
    target that they may change.
    """

    name: str
    trouble: str
    why: str
    sql: str = ""
    blocks: bool = True

    def problem(self) -> Problem:
        """The fault as a report shows it."""
        why = f"{self.why}; to mend it: {self.sql}" if self.sql else self.why
        return Problem(self.name, str(self.trouble), why)


def worst_first(found: Iterable[Fault]) -> tuple[Fault, ...]:
    """What blocks first, else in the order given."""
    return tuple(sorted(found, key=lambda one: not one.blocks))


def uniques(table: DeclaredTable) -> Iterator[DeclaredIndex]:
    """Every set of columns that holds no two equal rows, the primary key as one of them."""
    if table.key:
        yield DeclaredIndex(table.key_name or f"{table.name}_pkey", table.key, unique=True, constraint=PRIMARY)
    yield from (one for one in table.indexes if one.unique and not one.expressions and one.where is None)


def computed(column: DeclaredColumn) -> bool:
    """Whether the database computes it, so that nobody may write it."""
    return column.generated is not Generated.NO or column.numbered is Numbered.ALWAYS


def must_be_given(dialect: Dialect, table: DeclaredTable, column: DeclaredColumn) -> bool:
    """Whether a row needs a value for it that the database does not know by itself."""
    given = column.default is not None or computed(column) or column.numbered is not Numbered.NO
    rowid = dialect is Dialect.SQLITE and table.key == (column.name,) and column.declared.upper() == "INTEGER"
    return not given and not rowid and (not column.nullable or column.name in table.key)


def writable(table: DeclaredTable, columns: Iterable[TableColumn]) -> tuple[str, ...]:
    """The columns that recon may write: those of ours that are there and that the database does not compute."""
    there = {one.name for one in table.columns if not computed(one)}
    return tuple(one.name for one in columns if one.sent and one.name in there)
