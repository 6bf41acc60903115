"""Reading back after an import: alone or with children, a table that is another is found, and where it differs."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.jobs.backup import readback
from recon_cli.jobs.backup.crew import crew
from recon_cli.jobs.backup.readback import Pair
from recon_cli.jobs.backup.restore import RestoreRequest, restore
from recon_cli.ops.clock import SystemClock
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Compression
from recon_cli.stores.bulk.registry import open_bulk
from tests.jobs.backup.made import fill, rows

MANY = 120_000
"""Enough to be read in several spans."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A snapshot and the database that was filled from it."""

    snapshot: FolderSnapshot
    path: Path
    proof: str

    def differences(self, *, children: bool, new: bool = True) -> list[tuple[str, str]]:
        """What reading back finds."""
        place = Place(f"sqlite:///{self.path}")
        manifest = self.snapshot.manifest
        with (
            crew(2) if children else nullcontext() as many,
            closing(open_bulk(place)) as store,
            readback.reading(store, manifest.compression, place, many) as reader,
        ):
            [there] = reader.view.catalog().tables
            return list(reader.differences([Pair(there, manifest.tables[0], new)]))

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(sql)


@pytest.fixture(params=[Compression.NONE, Compression.ZSTD], ids=["plain", "zstd"])
def restored(request: pytest.FixtureRequest, tmp_path: Path) -> Restored:
    fill(tmp_path / "kept", rows(MANY), request.param)
    snapshot = FolderSnapshot(tmp_path / "kept")
    place = Place(f"sqlite:///{tmp_path}/new.db")
    with closing(open_bulk(place)) as store:
        report = restore(snapshot, store, tmp_path / "state", RestoreRequest(place=place), SystemClock())
    return Restored(snapshot, tmp_path / "new.db", str(report.body["proof"]))


def test_what_was_imported_is_equal_and_any_change_of_it_is_found_alone_and_by_children(restored: Restored) -> None:
    assert restored.proof == "1 table read back, equal by content"
    assert restored.differences(children=True) == restored.differences(children=False) == []
    restored.change("UPDATE items SET name = 'item 70000 ' WHERE id = 70000")
    [(table, cause)] = restored.differences(children=True)
    assert table == "items"
    plain = restored.snapshot.manifest.compression is Compression.NONE
    assert ("rows 70001 to 70100" in cause) is plain
    assert restored.differences(children=False) == [(table, cause)]


def test_a_missing_and_an_added_row_are_found(restored: Restored) -> None:
    restored.change("DELETE FROM items WHERE id = 119999")
    assert restored.differences(children=True)
    restored.change("INSERT INTO items VALUES (119999, 'item 119999')")
    assert restored.differences(children=True) == []
    restored.change("INSERT INTO items VALUES (-1, 'one more')")
    assert restored.differences(children=True)


def test_a_table_that_was_there_before_is_compared_by_content_whatever_its_key(restored: Restored) -> None:
    restored.change("ALTER TABLE items RENAME TO old")
    restored.change("CREATE TABLE items (id INTEGER, name TEXT PRIMARY KEY)")
    restored.change("INSERT INTO items SELECT * FROM old ORDER BY id DESC")
    restored.change("DROP TABLE old")
    assert restored.differences(children=True, new=False) == []
    assert restored.differences(children=True) == []
