"""A side of a comparison: a snapshot or a live database, table by table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from recon_cli.core.catalog import DeclaredTable
from recon_cli.snapshot import compare
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import View


@dataclass(frozen=True, slots=True)
class Side:
    """One side. `table` opens one of its tables for the comparison, `count` says how many rows that has."""

    label: str
    engine: str
    tables: Mapping[str, DeclaredTable]
    table: Callable[[str], compare.Side | None]
    count: Callable[[str], int]


def of_snapshot(snapshot: Snapshot, label: str) -> Side:
    """A snapshot as a side."""
    parts = {part.declared.name: part for part in snapshot.manifest.tables}
    tables = {name: part.declared for name, part in parts.items()}
    engine = snapshot.manifest.catalog.engine
    return Side(label, engine, tables, partial(compare.side, snapshot), lambda name: parts[name].rows)


def of_view(view: View, label: str) -> Side:
    """A live database as a side; `view` must stay open."""
    catalog = view.catalog()
    tables = {table.name: table for table in catalog.tables}

    def table(name: str) -> compare.Side | None:
        return compare.Side(tables[name], lambda: view.rows(name)) if name in tables else None

    return Side(label, catalog.engine, tables, table, view.count)
