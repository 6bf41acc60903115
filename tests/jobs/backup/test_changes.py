"""What is told to be new in a snapshot: in words, cheaply, and never at the cost of the export."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from recon_cli.core.catalog import DeclaredColumn
from recon_cli.core.place import Place
from recon_cli.jobs.backup import changes
from recon_cli.jobs.backup.destination import ByFile, Destination
from recon_cli.jobs.backup.export import ExportRequest, export
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.bulk.registry import open_bulk
from tests.jobs.backup import made
from tests.jobs.backup.recipes import opened, recipe


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(params=["folder", "git", "archives"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Destination]:
    url = f"git:{tmp_path}/repo#backups" if request.param == "git" else str(tmp_path / "kept")
    with closing(opened(recipe(url, archive=request.param == "archives"))) as destination:
        yield destination


def told(destination: Destination, before: made.Rows, after: made.Rows, folder: Path) -> tuple[str, ...]:
    made.publish(destination, before)
    manifest = made.fill(folder, after)
    return changes.changes(destination, destination.latest(), folder, manifest)


def edited() -> made.Rows:
    return [
        *((number, "other" if number in (5, 7) else name) for number, name in made.rows() if number != 150),
        (900, ""),
    ]


def test_rows_are_counted_where_single_files_can_be_had_and_else_the_table(kept: Destination, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (line,) = told(kept, made.rows(), edited(), tmp_path / "new")
    near = isinstance(kept, ByFile)
    assert line == ("items: 1 added, 2 changed, 1 removed" if near else "items: 300 rows, not all as they were")


def test_many_changed_files_are_told_by_counts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_FEW_BYTES", 1000)
    (tmp_path / "new").mkdir()
    with closing(opened(recipe(str(tmp_path / "kept")))) as destination:
        assert told(destination, made.rows(1204), made.rows(1216, "x"), tmp_path / "new") == (
            "items: 1 204 → 1 216 rows",
        )


def test_the_first_snapshot_and_an_unchanged_one_tell_nothing(kept: Destination, tmp_path: Path) -> None:
    manifest = made.fill(tmp_path, made.rows())
    assert changes.changes(kept, None, tmp_path, manifest) == ()
    assert changes.changes(kept, manifest, tmp_path, manifest) == ()


def test_tables_that_come_and_go_or_are_declared_otherwise_are_named(kept: Destination, tmp_path: Path) -> None:
    manifest = made.fill(tmp_path, made.rows())
    (files,) = manifest.tables
    none = replace(manifest, tables=())
    wide = replace(files, declared=replace(files.declared, columns=(*files.declared.columns, DeclaredColumn("x"))))
    tell = changes.changes
    assert tell(kept, none, tmp_path, manifest) == ("items: new, 300 rows",)
    assert tell(kept, manifest, tmp_path, none) == ("items: gone, 300 rows",)
    assert tell(kept, manifest, tmp_path, replace(manifest, tables=(wide,))) == ("items: declared otherwise",)
    catalog = replace(manifest.catalog, settings={"user_version": 2})
    assert tell(kept, manifest, tmp_path, replace(manifest, catalog=catalog)) == ("what is declared has changed",)


def test_a_damaged_snapshot_costs_the_words_and_not_the_export(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with closing(opened(recipe(str(tmp_path / "kept")))) as destination:
        made.publish(destination, made.rows())
        previous = destination.latest()
        for path in (tmp_path / "kept").glob("*/data/items/*"):
            path.unlink()
        manifest = made.fill(tmp_path / "new", edited())
        assert changes.changes(destination, previous, tmp_path / "new", manifest) == (
            "items: 300 rows, not all as they were",
        )


def test_an_export_tells_what_changed_in_its_commit_and_beside_its_snapshot(tmp_path: Path) -> None:
    database = tmp_path / "app.db"
    destinations = [f"git:{tmp_path}/repo", str(tmp_path / "kept")]
    run(
        database,
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO items VALUES (1, 'a'), (2, 'b')",
    )
    save(database, destinations)
    run(database, "UPDATE items SET name = 'other' WHERE id = 2", "INSERT INTO items VALUES (3, 'c')")
    save(database, destinations)
    log = subprocess.run(
        ["git", "-C", str(tmp_path / "repo"), "log", "-1", "--format=%B"], capture_output=True, check=True
    )
    assert log.stdout.decode().startswith("items: 1 added, 1 changed\n")
    assert "Recon-Took: " in log.stdout.decode()
    newest = max((tmp_path / "kept").glob("*/run.json"), key=lambda path: (len(path.parent.name), path.parent.name))
    assert json.loads(newest.read_bytes())["changes"] == ["items: 1 added, 1 changed"]
    assert json.loads(newest.read_bytes())["host"]


def run(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def save(database: Path, destinations: list[str]) -> None:
    place = Place(f"sqlite:///{database}")
    for url in destinations:
        with closing(open_bulk(place)) as store, closing(opened(recipe(url))) as destination:
            export(store, place, destination, ExportRequest(), SystemClock())
