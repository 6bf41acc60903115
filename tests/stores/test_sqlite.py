"""SQLite's own ways: storage classes, dumps, files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.canonical import Value
from recon_cli.core.errors import DataError, LockedError, NotFoundError, ReconError, UsageError
from recon_cli.core.place import Place
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.stores.registry import open_records
from tests.stores.conformance import MODELS, SCHEMAS, create, model, row, write
from tests.stores.engines import SqliteBench

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def one(tmp_path: Path) -> SqliteBench:
    return SqliteBench(tmp_path / "one.db")


def test_reading_a_file_that_is_not_there_does_not_make_it(one: SqliteBench) -> None:
    assert (one.store.columns(), list(one.store.read("models"))) == ({}, [])
    one.store.probe()
    one.store.insert_literal(MODELS, "name", "x")
    assert not one.path.exists()


def test_a_file_made_by_apply_goes_with_undo_and_after_a_failed_apply(one: SqliteBench) -> None:
    undo = write(one.store, model("a"), create("notes", model_token="t-a"))
    assert one.path.exists()
    one.store.revert(undo)
    assert list(one.path.parent.iterdir()) == []
    one.store.revert(undo)
    with pytest.raises(DataError):
        write(one.store, model("a", share_token="t"), model("b", share_token="t"))
    assert list(one.path.parent.iterdir()) == []


def test_a_file_made_by_apply_stays_when_others_use_it(one: SqliteBench) -> None:
    undo = write(one.store, model("a"))
    one.sql("CREATE TABLE theirs (x)")
    one.store.revert(undo)
    assert one.store.columns() == {"theirs": ("x",)}


def test_cells_keep_their_storage_class(one: SqliteBench) -> None:
    one.sql(
        "CREATE TABLE cells (id INTEGER PRIMARY KEY, any, at TIMESTAMP, flag BOOLEAN, amount DECIMAL(9,2))",
        "INSERT INTO cells VALUES (1, CAST(x'ff00fe' AS TEXT), '2024-01-01 00:00:00', 'true', '1.50')",
        "INSERT INTO cells VALUES (2, x'00', 1700000000, 1, 'n/a')",
        "INSERT INTO cells VALUES (3, -0.0, NULL, 2, 9223372036854775807)",
    )
    rows = [tuple(found.values.values()) for found in one.store.read("cells", ("id",))]
    assert rows[0] == (1, "\udcff\0\udcfe", "2024-01-01 00:00:00", "true", 1.5)
    assert rows[1] == (2, b"\0", 1700000000, 1, "n/a")
    assert rows[2] == (3, -0.0, None, 2, 9223372036854775807)
    assert str(rows[2][1]) == "-0.0"


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        ("TEXT", 5, "5"),
        ("INTEGER", "5", 5),
        ("INTEGER", "five", "five"),
        ("REAL", 2, 2.0),
        ("", "5", "5"),
        ("DECIMAL(10,5)", "1.0", 1),
        ("BLOB", 1.5, 1.5),
        ("INTEGER", float("nan"), None),
    ],
)
def test_the_literal_follows_the_affinity_of_the_column(
    one: SqliteBench, declared: str, value: Value, expected: Value
) -> None:
    one.sql(f"CREATE TABLE t (id TEXT PRIMARY KEY, cell {declared})")
    schema = Schema("t", (Column("id"), Column("cell", ColumnType.BLOB)), ("id",))
    assert repr(one.store.insert_literal(schema, "cell", value)) == repr(expected)
    change = Change(ChangeKind.CREATE, "t", ("a",), {"id": "a", "cell": value})
    one.store.apply([change], {"t": schema}, base={}, prepared=lambda _undo: None)
    assert repr(row(one.store, "t", "a")["cell"]) == repr(expected)


def test_a_timestamp_is_text_in_utc_without_zone(one: SqliteBench) -> None:
    literal = one.store.insert_literal
    assert literal(MODELS, "created_at", "2024-03-01T09:00:00+09:00") == "2024-03-01 00:00:00"
    assert literal(MODELS, "created_at", "2024-03-01 09:00:00.5") == "2024-03-01 09:00:00.500000"
    assert literal(MODELS, "public", True) == 1
    assert literal(MODELS, "paths", {"é": [1]}) == '{"é": [1]}'


@pytest.mark.parametrize("kind", ["rowid", "WITHOUT ROWID", "AUTOINCREMENT", "taken names"])
def test_undo_keeps_row_order_and_counters(one: SqliteBench, kind: str) -> None:
    columns = {
        "rowid": "id TEXT PRIMARY KEY, v)",
        "WITHOUT ROWID": "id TEXT PRIMARY KEY, v) WITHOUT ROWID",
        "AUTOINCREMENT": "id INTEGER PRIMARY KEY AUTOINCREMENT, v)",
        "taken names": "id TEXT PRIMARY KEY, v, rowid, _rowid_)",
    }[kind]
    one.sql(f"CREATE TABLE t ({columns}", "INSERT INTO t (id, v) VALUES (5, 5), (3, 3), (9, 9), (7, 7)")
    one.sql("DELETE FROM t WHERE id = 9")
    before = one.dump()
    number = kind == "AUTOINCREMENT"
    schema = Schema("t", (Column("id", ColumnType.INTEGER if number else ColumnType.TEXT), Column("v")), ("id",))
    key = 3 if number else "3"
    changes = [
        Change(ChangeKind.DELETE, "t", (key,), None),
        Change(ChangeKind.UPDATE, "t", (5 if number else "5",), {"v": 55}),
        Change(ChangeKind.CREATE, "t", (20 if number else "20",), {"id": 20 if number else "20", "v": 1}),
    ]
    undo = one.store.apply(changes, {"t": schema}, base={}, prepared=lambda _undo: None)
    assert one.dump() != before
    one.store.revert(undo)
    assert one.dump() == before


def test_undo_removes_the_counter_table_that_the_run_brought(one: SqliteBench) -> None:
    one.sql("CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (1)")
    before = one.dump()
    undo = write(one.store, model("a"), create("notes", model_token="t-a"))
    one.store.revert(undo)
    assert one.dump() == before


def test_a_table_with_other_column_order_and_fewer_columns_is_written_by_name(one: SqliteBench) -> None:
    one.sql(
        "CREATE TABLE models (share_token TEXT UNIQUE, name TEXT NOT NULL, extra INT DEFAULT 7, id TEXT PRIMARY KEY)"
    )
    write(one.store, model("a"))
    assert row(one.store, "models", "a") == {"share_token": "t-a", "name": "name of a", "extra": 7, "id": "a"}


def test_a_trigger_that_writes_elsewhere_is_noticed(one: SqliteBench) -> None:
    write(one.store, model("a"))
    one.sql("CREATE TRIGGER meddle AFTER INSERT ON models BEGIN UPDATE models SET name = 'x' WHERE id = 'a'; END")
    before = one.dump()
    with pytest.raises(DataError, match="models"):
        write(one.store, model("b"))
    assert one.dump() == before


def test_a_locked_file_is_told_after_the_waiting_time(one: SqliteBench) -> None:
    write(one.store, model("a"))
    store = open_records(Place(one.url, options={"timeout_s": 0.1}))
    with closing(sqlite3.connect(one.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for action in (lambda: write(store, model("b")), lambda: list(store.read("models")), store.columns):
            with pytest.raises(LockedError) as caught:
                action()
            assert "timeout_s" in (caught.value.hint or "")


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(b"these are notes, not a database" * 100)
    store = open_records(Place(f"sqlite:///{path}"))
    for action in (store.columns, lambda: write(store, model("a"))):
        with pytest.raises(DataError, match="not a sound SQLite database"):
            action()
    assert path.read_bytes() == b"these are notes, not a database" * 100


def test_a_missing_folder_and_a_folder_in_place_of_the_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as missing:
        write(open_records(Place(f"sqlite:///{tmp_path}/no/such/folder/x.db")), model("a"))
    assert "mkdir" in (missing.value.hint or "")
    with pytest.raises(ReconError, match="folder"):
        open_records(Place(f"sqlite:///{tmp_path}")).columns()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_target_without_write_permission_says_so(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    one = SqliteBench(folder / "one.db")
    write(one.store, model("a"))
    before = one.dump()
    (one.path if what == "file" else folder).chmod(0o444 if what == "file" else 0o555)
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_AS_OTHER, one.url],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    folder.chmod(0o755)
    assert done.stdout.startswith("1 "), done.stdout + done.stderr
    assert "permission" in done.stdout
    assert str(one.path if what == "file" else folder) in done.stdout
    assert one.dump() == before


_WRITE_AS_OTHER = """
import ctypes, os, sys
from recon_cli.core.errors import ReconError
from recon_cli.core.place import Place
from recon_cli.stores.registry import open_records
import recon_cli.stores.sqlite
from tests.stores.conformance import model, update, write
if os.geteuid() == 0:  # root passes every permission: give that power away, keep the user
    for capability in range(64):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
    os.execv(sys.executable, [sys.executable, "-c", open("/proc/self/cmdline").read().split("\\0")[2].replace(
        "os.geteuid() == 0", "False"), sys.argv[1]])
try:
    write(open_records(Place(sys.argv[1])), update("models", "a", name="x"))
except ReconError as exc:
    print(int(exc.code), exc.message, exc.cause, exc.hint)
"""


@pytest.mark.parametrize("url", ["one.db", "./one.sqlite3", "sqlite:///one.db"])
def test_a_plain_path_and_a_relative_url_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(open_records(Place(url)), model("a"))
    assert [path.stem for path in tmp_path.iterdir()] == ["one"]


def test_an_unknown_scheme_lists_the_known_ones_and_hides_the_password() -> None:
    with pytest.raises(UsageError) as caught:
        open_records(Place("oracle://me:s3cret@host/db"))
    assert "sqlite://" in (caught.value.cause or "")
    assert "s3cret" not in str(caught.value.document())


def test_a_write_ahead_log_is_read_and_written_through(one: SqliteBench) -> None:
    one.sql("PRAGMA journal_mode = WAL")
    write(one.store, model("a"))
    with closing(sqlite3.connect(one.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM models").fetchone()
        write(one.store, model("b"))
        assert set(SCHEMAS) >= set(one.store.columns())
        assert one.store.fingerprint("models").rows == 2
