"""Copies are read as far as they can be read, named where they cannot, and never touched."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.stores.copies import read_copy


def _database(path: Path, rows: int = 3, *, tail: str = "") -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute(f"CREATE TABLE models (id TEXT PRIMARY KEY, name TEXT, body TEXT){tail}")
        connection.execute("BEGIN")
        for number in range(rows):
            connection.execute("INSERT INTO models VALUES (?, ?, ?)", (f"{number:06}", f"모델 {number}", "x" * 200))
        connection.execute("COMMIT")
    return path


def _state(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_sound_copy_gives_every_row_and_stays_as_it_is(tmp_path: Path) -> None:
    path = _database(tmp_path / "streamlit_3d.db")
    before = _state(tmp_path)
    copy = read_copy(path, "html/streamlit_3d.db", "store", "Asia/Seoul")
    assert [row["name"] for row in copy.tables["models"]] == ["모델 0", "모델 1", "모델 2"]
    assert (copy.source, copy.origin, copy.zone, copy.problems) == ("html/streamlit_3d.db", "store", "Asia/Seoul", ())
    assert _state(tmp_path) == before


def test_rows_that_are_only_in_the_write_ahead_log_are_read(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    with closing(sqlite3.connect(live / "one.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE models (id TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO models VALUES ('in the log')")
        copied = tmp_path / "copied"
        copied.mkdir()
        for name in ("one.db", "one.db-wal"):
            shutil.copy(live / name, copied / name)
    before = _state(copied)
    assert read_copy(copied / "one.db", "one.db", "also").tables["models"] == [{"id": "in the log"}]
    assert _state(copied) == before


@pytest.mark.parametrize("tail", ["", " WITHOUT ROWID"])
def test_rows_on_both_sides_of_a_damaged_page_are_read(tmp_path: Path, tail: str) -> None:
    path = _database(tmp_path / "one.db", 500, tail=tail)
    whole = {row["id"]: row for row in read_copy(path, "one.db", "also").tables["models"]}
    assert len(whole) == 500
    content = bytearray(path.read_bytes())
    needle = content.index(b"000250")
    page = next(at for at in _places(content, b"000250") if b"x" * 200 in content[at : at + 300])
    assert needle
    start = page // 1024 * 1024
    content[start : start + 1024] = b"\xa5" * 1024
    path.write_bytes(content)
    copy = read_copy(path, "one.db", "also")
    read = copy.tables["models"]
    assert all(whole[row["id"]] == row for row in read)
    assert 480 <= len(read) < 500
    assert {read[0]["id"], read[-1]["id"]} == {"000000", "000499"}
    assert all(problem.item == "one.db#models" for problem in copy.problems)
    assert copy.problems


def test_a_copy_cut_short_gives_what_came(tmp_path: Path) -> None:
    path = _database(tmp_path / "one.db", 500)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    copy = read_copy(path, "one.db", "also")
    assert 50 < len(copy.tables["models"]) < 500
    assert copy.problems


def test_text_with_odd_bytes_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (a, b)")
        connection.execute("INSERT INTO t VALUES (CAST(x'c7d1b1db00' AS TEXT), x'ff')")
    assert read_copy(path, "one.db", "also").tables["t"] == [{"a": "\udcc7ѱ\udcdb\0", "b": b"\xff"}]


def test_a_damaged_list_of_tables_is_told(tmp_path: Path) -> None:
    path = _database(tmp_path / "one.db")
    content = bytearray(path.read_bytes())
    content[100:600] = b"\xff" * 500
    path.write_bytes(content)
    copy = read_copy(path, "one.db", "also")
    assert not copy.tables
    assert copy.problems[0].item == "one.db"


@pytest.mark.parametrize(
    ("text", "tables", "problems"),
    [
        ('{"models": [{"id": "a"}], "notes": []}', {"models": [{"id": "a"}], "notes": []}, 0),
        ('[{"id": "a"}, {"id": 9007199254740993}]', {"": [{"id": "a"}, {"id": 9007199254740993}]}, 0),
        ('{"id": "a"}\n\n{"id": "b"}\n', {"": [{"id": "a"}, {"id": "b"}]}, 0),
        ('{"id": "a"}', {"": [{"id": "a"}]}, 0),
        ('{"id": "a"}\n{"id": "b', {"": [{"id": "a"}]}, 1),
        ('[{"id": "a"}, 5]', {"": [{"id": "a"}]}, 1),
        ('\ufeff[{"id": "가"}]', {"": [{"id": "가"}]}, 0),
        ('[{"id": "a"}, {"id": "b"}, {"i', {"": [{"id": "a"}, {"id": "b"}]}, 1),
        ('{"version": 1, "models": [{"id": "a"},\n {"id"', {"models": [{"id": "a"}]}, 1),
        ('{"notes": [{"id": 1}], "models": [{"id": "a"}, {', {"notes": [{"id": 1}], "models": [{"id": "a"}]}, 1),
        ("these are notes", {}, 1),
        ("", {}, 1),
        ("5", {}, 1),
    ],
)
def test_json_backups_of_every_shape_are_read(tmp_path: Path, text: str, tables: object, problems: int) -> None:
    path = tmp_path / "backup.json"
    path.write_text(text, encoding="utf-8")
    copy = read_copy(path, "backup.json", "also")
    assert (copy.tables, len(copy.problems)) == (tables, problems)


def test_a_backup_in_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "backup.json"
    path.write_bytes(json.dumps([{"id": "가"}], ensure_ascii=False).encode("utf-16"))
    assert read_copy(path, "backup.json", "also").tables == {"": [{"id": "가"}]}


@pytest.mark.parametrize("what", ["missing", "folder", "picture"])
def test_what_is_no_copy_is_one_problem_and_never_an_error(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "folder":
        path.mkdir()
    if what == "picture":
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    copy = read_copy(path, "x", "also")
    assert (dict(copy.tables), len(copy.problems)) == ({}, 1)


def _places(content: bytes | bytearray, needle: bytes) -> list[int]:
    found, at = [], content.find(needle)
    while at >= 0:
        found.append(at)
        at = content.find(needle, at + 1)
    return found
