"""Small snapshots for the tests of destinations, made by the writer that exports use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable, Kind
from recon_cli.jobs.backup import names
from recon_cli.jobs.backup.destination import NO_RUN, Destination, Published, Run
from recon_cli.snapshot import write
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.manifest import Compression, Manifest

FIRST = datetime(2026, 11, 1, 3, tzinfo=UTC)
Rows = Sequence[tuple[int, str]]
ITEMS = DeclaredTable(
    "items",
    (DeclaredColumn("id", "INTEGER", Kind.INTEGER, nullable=False), DeclaredColumn("name", "TEXT", Kind.TEXT)),
    key=("id",),
)


def rows(count: int = 300, mark: str = "") -> list[tuple[int, str]]:
    return [(number, f"item {number} {mark}".strip()) for number in range(count)]


def fill(folder: Path, content: Rows, compression: Compression = Compression.NONE) -> Manifest:
    """Stage a snapshot of one table in shards of 100 rows."""
    cut = Cut(Scheme.RANGE, 100)
    with write.TableWriter(folder, ITEMS, cut, compression) as writer:
        writer.add(content)
        part = writer.finish()
    files = write.table_files(ITEMS, cut, [part])
    manifest = Manifest(
        Catalog("sqlite", (ITEMS,)), "sqlite:///items.db", "recon test", "one transaction", compression, (files,)
    )
    write.finish(folder, manifest)
    return manifest


def day(number: int) -> str:
    """The name of the snapshot of that day."""
    return names.name_of(FIRST + timedelta(days=number))


def publish(destination: Destination, content: Rows, name: str = day(0), run: Run = NO_RUN) -> Published:
    with destination.staging(name) as folder:
        return destination.publish(name, folder, fill(folder, content), run)


def content(destination: Destination, name: str = "latest") -> list[tuple[object, ...]]:
    with destination.open(name) as snapshot:
        return [row for block in snapshot.rows("items") for row in block]
