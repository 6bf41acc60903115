"""Databases behind REST have no transactions, and say so: before they are written to, and when they are saved."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.jobs.backup.export import ExportRequest, export
from recon_cli.jobs.backup.restore import RestoreRequest, restore
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.bulk.registry import open_bulk
from tests.jobs.backup.made import publish, rows
from tests.jobs.backup.recipes import opened, recipe
from tests.support import postgres, postgrest
from tests.support.postgrest import Rest


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[str, str]]:
    with postgres.running() as server:
        yield server.database(), server.password


@pytest.fixture
def rest(database: tuple[str, str]) -> Iterator[Rest]:
    with postgrest.serving(*database) as served:
        served.sql("DROP TABLE IF EXISTS items", "CREATE TABLE items (id bigint PRIMARY KEY, name text)")
        yield served


def place(rest: Rest) -> Place:
    return Place(rest.url, secret=lambda: rest.key, options={"timeout_s": 5})


def test_an_import_warns_before_it_writes_that_it_is_not_one_transaction(rest: Rest, tmp_path: Path) -> None:
    kept = opened(recipe(str(tmp_path / "kept")))
    publish(kept, rows(20))
    warned: list[tuple[str, int]] = []

    def warn(text: str) -> None:
        warned.append((text, len(rest.sql("SELECT * FROM items"))))

    with closing(open_bulk(place(rest))) as store, kept.open() as snapshot:
        request = RestoreRequest(plan=True, warn=warn)
        planned = restore(snapshot, store, tmp_path, request, SystemClock())
        assert "not one transaction" in str(planned.body["atomicity"])
        assert any("not one transaction" in str(row) for table in planned.tables for row in table.rows)
        assert not warned
        done = restore(snapshot, store, tmp_path, RestoreRequest(warn=warn), SystemClock())
    ((told, there),) = warned
    assert "not one transaction" in told
    assert there == 0
    assert done.body["inserted"] == 20


def test_an_import_into_one_transaction_warns_of_nothing(tmp_path: Path) -> None:
    kept = opened(recipe(str(tmp_path / "kept")))
    publish(kept, rows(20))
    warned: list[str] = []
    with closing(open_bulk(Place(f"sqlite:///{tmp_path}/new.db"))) as store, kept.open() as snapshot:
        done = restore(snapshot, store, tmp_path, RestoreRequest(warn=warned.append), SystemClock())
    assert not warned
    assert done.body["atomicity"] is None


def test_what_was_read_page_by_page_is_not_passed_off_as_one_state(rest: Rest, tmp_path: Path) -> None:
    rest.sql("INSERT INTO items VALUES (1, 'one')")
    with closing(open_bulk(place(rest))) as store:
        saved = export(store, place(rest), opened(recipe(str(tmp_path / "a"))), ExportRequest(), SystemClock())
    assert "read page by page" in saved.summary
    with closing(sqlite3.connect(tmp_path / "items.db")) as made:
        made.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)")
    here = Place(f"sqlite:///{tmp_path}/items.db")
    with closing(open_bulk(here)) as store:
        saved = export(store, here, opened(recipe(str(tmp_path / "b"))), ExportRequest(), SystemClock())
    assert "read" not in saved.summary
