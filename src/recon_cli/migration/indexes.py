"""Indexes and unique constraints as Postgres has them: order, condition and SQLite's collations kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from recon_cli.core.catalog import DeclaredIndex, DeclaredTable
from recon_cli.migration import translation
from recon_cli.migration.introspect import IndexPart
from recon_cli.migration.plan import ColumnPlan, IndexPlan, TablePlan
from recon_cli.migration.translation import Untranslatable
from recon_cli.stores.bulk.postgres_link import quote

if TYPE_CHECKING:
    from recon_cli.migration.planner import Planner

_FOLDED = {"NOCASE": "lower({})", "RTRIM": "rtrim({}, ' ')"}
_HOW = {"NOCASE": "case", "RTRIM": "blanks at the end"}


def plan_indexes(planner: Planner, table: DeclaredTable, plan: TablePlan) -> Iterator[IndexPlan]:
    """Every index that can be said; the others are left out with a reason."""
    for index in table.indexes:
        try:
            yield _index(planner, table, plan, index)
        except Untranslatable as why:
            words = "UNIQUE" if index.constraint is not None else f"INDEX {index.name}"
            planner.leave(f"{table.name} {words} ({', '.join(index.parts)})", str(why), index.sql or "")


def _index(planner: Planner, table: DeclaredTable, plan: TablePlan, index: DeclaredIndex) -> IndexPlan:
    parts = tuple(
        _part(planner, table, plan, text, part)
        for text, part in zip(index.parts, planner.source.parts[index.name], strict=True)
    )
    where = translation.expression(index.where, planner.known, table.name, "boolean") if index.where else None
    named = index.constraint or f"{table.name}_{'_'.join(index.parts)}_key"
    plain = all(part == quote(name) for part, name in zip(parts, _targets(plan, index.parts), strict=True))
    return IndexPlan(
        planner.relations.take(named if index.constraint is not None else index.name),
        parts,
        index.unique,
        where,
        constraint=index.constraint is not None and plain,
        source=index.sql or "",
    )


def _targets(plan: TablePlan, names: tuple[str, ...]) -> list[str]:
    known = {column.name.lower(): column.target for column in plan.columns}
    return [known.get(name.lower(), name) for name in names]


def _part(planner: Planner, table: DeclaredTable, plan: TablePlan, text: str, part: IndexPart) -> str:
    direction = " DESC" if part.descending else ""
    if part.column is None:
        return f"({translation.expression(text, planner.known, table.name)}){direction}"
    column = next(one for one in plan.columns if one.name == part.column)
    return _folded(column, part.collation) + direction


def _folded(column: ColumnPlan, collation: str) -> str:
    if collation == "BINARY" or column.type != "text":
        return quote(column.target)
    if collation not in _FOLDED:
        raise Untranslatable(f"the collation {collation} is the application's own")
    return f"({_FOLDED[collation].format(quote(column.target))})"


def key_indexes(planner: Planner, table: DeclaredTable, plan: TablePlan) -> list[IndexPlan]:
    """A key that SQLite compares without case is unique in that sense only by an index of its own."""
    collations = planner.source.key_collations.get(table.name, {})
    if not collations:
        return []
    try:
        index = unique_of(planner, table, plan)
    except Untranslatable as why:
        planner.leave(f"{table.name} PRIMARY KEY ({', '.join(table.key)})", f"{why}; it goes by bytes here")
        return []
    for name, collation in collations.items():
        planner.notes.append(
            f"{table.name}.{name}: unique whatever its {_HOW.get(collation, collation)} by the index {index.name}"
        )
    return [index]


def unique_of(planner: Planner, table: DeclaredTable, plan: TablePlan) -> IndexPlan:
    """The primary key as a unique index."""
    collations = planner.source.key_collations.get(table.name, {})
    columns = {column.name: column for column in plan.columns}
    parts = tuple(_folded(columns[name], collations.get(name, "BINARY")) for name in table.key)
    return IndexPlan(planner.relations.take(f"{table.name}_key"), parts, unique=True, source="PRIMARY KEY")
