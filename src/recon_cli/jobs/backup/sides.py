"""A side of a comparison: a snapshot or a live database, table by table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from recon_cli.core.catalog import DeclaredTable
from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.manifest import TableFiles
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import View

Sums = frozenset[str]


@dataclass(frozen=True, slots=True)
class Side:
    """One side.

    `rows(table, skipped)` streams a table without the shards whose SHA-256 is in `skipped`; `parts` is empty for a live
    database.
    """

    label: str
    engine: str
    tables: Mapping[str, DeclaredTable]
    rows: Callable[[str, Sums], Iterator[list[Row]]]
    parts: Mapping[str, TableFiles] = field(default_factory=dict)


def of_snapshot(snapshot: Snapshot, label: str) -> Side:
    """A snapshot as a side."""
    parts = {part.declared.name: part for part in snapshot.manifest.tables}

    def rows(table: str, skipped: Sums) -> Iterator[list[Row]]:
        for shard in parts[table].shards:
            if shard.sha256 not in skipped:
                yield from snapshot.shard(table, shard)

    tables = {name: part.declared for name, part in parts.items()}
    return Side(label, snapshot.manifest.catalog.engine, tables, rows, parts)


def of_view(view: View, label: str) -> Side:
    """A live database as a side; `view` must stay open."""
    catalog = view.catalog()
    tables = {table.name: table for table in catalog.tables}
    return Side(label, catalog.engine, tables, lambda table, _skipped: view.rows(table))
