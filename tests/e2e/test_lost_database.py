"""System A lost its database: the whole way back, from the command line only."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.conftest import Scene

Build = Callable[..., Scene]


def rows(path: Path, table: str = "models") -> dict[str, dict[str, Any]]:
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        return {str(row["id"]): dict(row) for row in db.execute(f"SELECT * FROM {table}")}  # noqa: S608  the name stands in this file


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as db:
        return list(db.iterdump())


def test_with_a_database_copy_every_row_and_every_token_comes_back(scene: Build) -> None:
    s = scene(models=50)
    s.recon("recover", "models", "--apply", expect=None)
    lost, found = rows(s.twin.lost), rows(s.database)
    assert found.keys() == lost.keys()
    assert len(found) == 50
    assert {key: row["share_token"] for key, row in found.items()} == {key: r["share_token"] for key, r in lost.items()}
    for key, row in lost.items():
        assert meaning(found[key], zone="UTC") == meaning(row, zone="Asia/Seoul")


NOWHERE = {"last_accessed", "backup_paths"}
"""Columns of the lost database that nothing on the host tells: its copies there never had them."""


def meaning(row: dict[str, Any], *, zone: str) -> dict[str, Any]:
    """What a row says: paths as JSON, `created_at` as the moment that its text means in the zone of its writer."""
    known: dict[str, Any] = {name: value for name, value in row.items() if name not in NOWHERE}
    created = datetime.fromisoformat(known["created_at"]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return {**known, "file_paths": json.loads(known["file_paths"]), "created_at": created}


def test_without_any_copy_ids_names_heights_and_textures_come_from_the_files(scene: Build) -> None:
    s = scene(models=50, database_copy=False)
    s.recon("recover", "models", "--apply", expect=None)
    lost, found = rows(s.twin.lost), rows(s.database)
    assert found.keys() == lost.keys()
    for key, row in lost.items():
        assert found[key]["name"] == row["name"]
        assert abs(found[key]["real_height"] - row["real_height"]) <= 0.02 * row["real_height"]


def test_every_field_of_a_plan_carries_its_evidence(scene: Build) -> None:
    s = scene(models=10, database_copy=False)
    plan = s.recon("recover", "models", "--json", expect=None).document
    assert len(plan["changes"]) == 10
    for change in plan["changes"]:
        assert change["after"].keys() <= change["evidence"].keys()
        for candidates in change["evidence"].values():
            assert candidates[0].keys() >= {"value", "source", "method", "confidence"}


def test_planning_writes_nothing_and_applying_twice_changes_nothing(scene: Build) -> None:
    s = scene()
    s.recon("recover", "models", "--plan-out", "plan.json", expect=None)
    assert not s.database.exists()
    s.recon("apply", "plan.json")
    first = dump(s.database)
    again = s.recon("recover", "models", "--apply", "--json", expect=None).document
    assert again["changes"] == {"create": 0, "update": 0, "delete": 0}
    assert dump(s.database) == first


def test_a_plan_is_refused_once_the_target_moved_on(scene: Build) -> None:
    s = scene()
    shutil.copy(s.twin.lost, s.database)
    with sqlite3.connect(s.database) as db:
        db.execute("DELETE FROM models WHERE rowid IN (1, 2)")
    s.recon("recover", "models", "--plan-out", "plan.json", expect=None)
    with sqlite3.connect(s.database) as db:
        db.execute("UPDATE models SET access_count = access_count + 1")
    before = dump(s.database)
    refused = s.recon("apply", "plan.json", expect=5)
    assert "hint:" in refused.err
    assert dump(s.database) == before


def test_applying_a_plan_a_second_time_says_that_it_is_done(scene: Build) -> None:
    s = scene()
    s.recon("recover", "models", "--plan-out", "plan.json", expect=None)
    s.recon("apply", "plan.json")
    again = s.recon("apply", "plan.json", "--json").document
    assert again["already_applied"] is True


def test_undo_restores_the_target_dump_for_dump(scene: Build) -> None:
    s = scene()
    shutil.copy(s.twin.lost, s.database)
    with sqlite3.connect(s.database) as db:
        db.execute("DELETE FROM models WHERE rowid IN (2, 3)")
        db.execute("UPDATE models SET name = '' WHERE rowid = 1")
    before = dump(s.database)
    run = s.recon("recover", "models", "--apply", "--json", expect=None).document["run"]
    assert dump(s.database) != before
    s.recon("undo", run)
    assert dump(s.database) == before
    s.recon("undo", run)
    assert dump(s.database) == before


def test_a_known_token_is_never_changed(scene: Build) -> None:
    s = scene()
    shutil.copy(s.twin.lost, s.database)
    with sqlite3.connect(s.database) as db:
        db.execute("UPDATE models SET share_token = 'sent-to-a-customer' WHERE rowid = 1")
    plan = s.recon("recover", "models", "--take", "share_token", "--apply", "--json", expect=None).document
    tokens = {row["share_token"] for row in rows(s.database).values()}
    assert "sent-to-a-customer" in tokens
    assert plan["conflicts"] == 1


def test_a_row_whose_files_are_gone_is_marked_and_kept_and_unmarked_when_they_return(scene: Build) -> None:
    s = scene()
    key = s.twin.models[0].id
    folder = s.data / "files" / key
    shutil.move(folder, s.folder / "aside")
    s.recon("recover", "models", "--apply", expect=None)
    assert key in rows(s.database)
    with sqlite3.connect(s.database) as db:
        assert db.execute("SELECT row_key, mark FROM recon_marks").fetchall() == [(key, "missing")]
    shutil.move(s.folder / "aside", folder)
    s.recon("recover", "models", "--apply", expect=None)
    with sqlite3.connect(s.database) as db:
        assert db.execute("SELECT count(*) FROM recon_marks").fetchone() == (0,)


def test_an_emptied_host_never_leads_to_marks(scene: Build) -> None:
    s = scene()
    shutil.copy(s.twin.lost, s.database)
    shutil.rmtree(s.data / "files")
    (s.data / "files").mkdir()
    before = dump(s.database)
    refused = s.recon("recover", "models", "--apply", expect=5)
    assert "refused" in refused.err
    assert dump(s.database) == before


def test_half_of_the_folders_gone_is_refused_too(scene: Build) -> None:
    s = scene(models=9)
    shutil.copy(s.twin.lost, s.database)
    for key in [model.id for model in s.twin.models[:5]]:
        shutil.rmtree(s.data / "files" / key)
    s.recon("recover", "models", "--apply", expect=5)
    s.recon("recover", "models", "--no-missing", expect=None)


def test_a_sidecar_makes_the_next_recovery_exact_without_any_database(scene: Build) -> None:
    s = scene()
    s.recon("recover", "models", "--apply", "--sidecar", expect=None)
    first = rows(s.database)
    s.database.unlink()
    for copy in s.data.glob("*.db"):
        copy.unlink()
    s.recon("recover", "models", "--apply", expect=None)
    assert rows(s.database) == first


def test_a_corrupt_copy_is_reported_and_the_next_evidence_is_used(scene: Build) -> None:
    s = scene()
    (s.data / "streamlit_3d.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = s.recon("recover", "models", "--apply", "--json", expect=None)
    assert any("streamlit_3d.db" in problem["item"] for problem in done.document["problems"])
    tokens = {row["share_token"] for row in rows(s.database).values()}
    in_backup = {row["share_token"] for row in rows(next(s.data.glob("backup_*.db"))).values()}
    assert len(in_backup) >= 3
    assert in_backup <= tokens
