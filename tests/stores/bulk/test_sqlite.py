"""SQLite as a bulk store: the conformance suite, and what only SQLite has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import pytest

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import DataError, GuardError, LockedError, ReconError
from recon_cli.core.lines import Lines
from recon_cli.core.place import Place
from recon_cli.snapshot import rows as lines
from recon_cli.stores.bulk import native
from recon_cli.stores.bulk.base import BulkStore, Loading, Mode, Row, Span, Writing
from recon_cli.stores.bulk.sqlite import open_sqlite
from tests.stores.bulk.conformance import (
    BulkStoreConformance,
    catalog,
    declared,
    every,
    everything,
    incoming,
    read,
)

# Another SQLite library in this process would drop the locks of ours (POSIX locks belong to a process).
_CHILD = """
import json, sqlite3, sys
path, *statements = json.load(sys.stdin)
connection = sqlite3.connect(path, isolation_level=None, timeout=1)
for statement in statements:
    connection.execute(statement)
connection.close()
"""


_PATHS = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class SqliteBulkBench:
    """Files in one folder; other programs are the stdlib's SQLite, in a process of its own."""

    creates = True
    transactions = True

    def __init__(self, folder: Path, journal: str) -> None:
        self.folder, self.journal = folder, journal
        self.path = folder / "shop.db"
        self.sql()
        self.store: BulkStore = self.on(self.path)
        self._made = 0

    def on(self, path: Path) -> BulkStore:
        return open_sqlite(Place(f"sqlite:///{path}", options={"timeout_s": 2}))

    def sql(self, *statements: str) -> None:
        asked = json.dumps([str(self.path), f"PRAGMA journal_mode={self.journal}", *statements])
        subprocess.run([sys.executable, "-S", "-c", _CHILD], input=asked, text=True, check=True, timeout=30)

    def empty(self) -> BulkStore:
        self._made += 1
        return self.on(self.folder / f"other{self._made}.db")

    def missing(self) -> BulkStore:
        return self.on(self.folder / "nowhere.db")


class TestSqliteBulk(BulkStoreConformance):
    @pytest.fixture(params=["wal"])
    def bench(self, tmp_path: Path, request: pytest.FixtureRequest) -> SqliteBulkBench:
        return SqliteBulkBench(tmp_path, request.param)


ODD_CELLS: list[object] = [0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, 5e-324, float("inf"), "", "서울", "1", "1.0", "1e5"]
ODD_CELLS += ["9223372036854775808", "it's", "🗣️", 0.1, 1e15, b"", b"\xff\x00", None]
ODD_TEXTS = [b"\xff\xfe", b"ok\xed\xa0\x80", b"a\x00b", b"\x00\xd8", b"\x00\xd8A\x00"]
ODD_SCHEMA = """
CREATE TABLE cells (id INTEGER PRIMARY KEY, a, b TEXT, c REAL, d NUMERIC, e INTEGER, f BLOB);
CREATE TABLE "we ird ""q"" 표" (a TEXT COLLATE NOCASE, b REAL DEFAULT (1+2), "c d" BLOB NOT NULL DEFAULT x'00',
  g AS (b*2) STORED, h AS (length(a)), PRIMARY KEY (a DESC, b), CHECK (b < 1e9), CONSTRAINT "u u" UNIQUE ("c d", b));
CREATE TABLE without (k TEXT COLLATE NOCASE, n INT, v, PRIMARY KEY (k, n DESC)) WITHOUT ROWID;
CREATE TABLE strictly (a INT PRIMARY KEY, b TEXT NOT NULL, c ANY, d REAL) STRICT;
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, x VARCHAR(10) DEFAULT 'it''s');
CREATE TABLE keyless (a, b);
CREATE TABLE nulls (k TEXT, j INT, v, PRIMARY KEY (k, j));
CREATE TABLE other_collation (k TEXT, v, PRIMARY KEY (k COLLATE NOCASE));
CREATE TABLE downward (id INTEGER PRIMARY KEY DESC, v);
CREATE TABLE parents (id INTEGER PRIMARY KEY, u TEXT UNIQUE);
CREATE TABLE children (id INT PRIMARY KEY, p INT REFERENCES parents ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  q TEXT CONSTRAINT named REFERENCES parents (u) ON UPDATE SET NULL);
CREATE INDEX mixed ON cells (a, lower(b) COLLATE NOCASE DESC) WHERE a IS NOT NULL;
CREATE VIEW told AS SELECT * FROM cells;
CREATE TRIGGER loud AFTER INSERT ON cells BEGIN SELECT RAISE(ABORT, 'a trigger ran'); END;
CREATE VIRTUAL TABLE found USING fts5(title, body, tokenize='porter');
CREATE VIRTUAL TABLE outside USING fts5(u, content='parents', content_rowid='id');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +label);
INSERT INTO counted (x) VALUES ('a'), ('b');
DELETE FROM counted WHERE id = 2;
INSERT INTO without VALUES ('b', 3, 1), ('B', 2, 1), ('a', 2, 0), ('a', 9, 0);
INSERT INTO "we ird ""q"" 표" (a, b, "c d") VALUES ('x', 1, x'01'), ('X', 2, x'02'), (NULL, 1, x'03'), (NULL, 2, x'04'),
  ('y', NULL, x'05'), ('y', NULL, x'06');
INSERT INTO strictly VALUES (1, 'a', 1, 1.0), (2, 'b', '1', 2), (3, 'c', x'78', NULL);
INSERT INTO keyless VALUES (3, 1), (1, 2), (2, 3), (NULL, NULL), (NULL, NULL), ('z', 0);
INSERT INTO nulls VALUES ('b', 1, 0), (NULL, 1, 1), (NULL, 1, 2), ('a', NULL, 3), ('a', NULL, 4), ('a', 2, 5);
INSERT INTO other_collation VALUES ('b', 1), ('A', 2), ('c', 3);
INSERT INTO downward VALUES (5, 1), (1, 2), (9, 3);
INSERT INTO parents VALUES (1, 'x'), (2, 'y');
INSERT INTO children VALUES (1, 1, 'x'), (2, 99, 'y');
INSERT INTO found VALUES ('hello', 'running fast'), ('b', 'c');
INSERT INTO boxes VALUES (1, 0.1, 0.2, 'l'), (5, -3, 9.7, NULL);
PRAGMA user_version = 42;
PRAGMA application_id = -7;
"""


def odd_database(path: Path, encoding: str) -> None:
    """One of everything that SQLite allows."""
    with closing(apsw.Connection(str(path))) as db:
        db.execute(f"PRAGMA encoding = '{encoding}'").fetchall()
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        for _ in db.execute(ODD_SCHEMA):
            pass
        for cell in ODD_CELLS:
            db.execute("INSERT INTO cells VALUES (NULL, ?, ?, ?, ?, ?, ?)", [cell] * 6)  # type: ignore[list-item]
        for text in ODD_TEXTS:
            db.execute("INSERT INTO cells (a, b) VALUES (CAST(? AS TEXT), CAST(? AS TEXT))", (text, text))
            db.execute("INSERT OR IGNORE INTO without VALUES (CAST(? AS TEXT), 1, ?)", (text, text))
            db.execute("INSERT INTO keyless VALUES (CAST(? AS TEXT), 1)", (text,))


def snapshot(store: BulkStore, chunk_rows: int = 1000) -> tuple[Catalog, dict[str, list[str]]]:
    """The catalog, and every row to the last bit."""
    with store.join() as view:
        found = view.catalog()
        rows = {table.name: list(map(repr, every(view, table.name, chunk_rows=chunk_rows))) for table in found.tables}
    return found, rows


@pytest.fixture(params=["UTF-8", "UTF-16le", "UTF-16be"])
def odd(tmp_path: Path, request: pytest.FixtureRequest) -> BulkStore:
    odd_database(tmp_path / "odd.db", request.param)
    return open_sqlite(Place(str(tmp_path / "odd.db")))


def test_every_odd_table_comes_back_with_all_that_it_declares_and_every_storage_class(
    odd: BulkStore, tmp_path: Path
) -> None:
    source, tables = everything(odd)
    other = open_sqlite(Place(str(tmp_path / "other.db")))
    loaded = other.load(Loading(source, tables, trusted=True))
    assert snapshot(other) == snapshot(odd)
    assert "children: 1 rows point at rows of parents that are not there, as in the source" in loaded.notes
    with closing(apsw.Connection(str(tmp_path / "other.db"))) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT rowid FROM found('run')").fetchall() == [(1,)]
        assert db.execute("SELECT rowid FROM outside('y')").fetchall() == [(2,)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["odd.db", "other.db"]


@pytest.mark.parametrize("mode", [Mode.INSERT, Mode.UPSERT, Mode.MERGE, Mode.REPLACE])
def test_loading_the_same_again_changes_nothing(odd: BulkStore, mode: Mode) -> None:
    source, tables = everything(odd)
    before = snapshot(odd)
    loaded = odd.load(Loading(source, tables, mode))
    assert snapshot(odd) == before
    touched = {one.table for one in loaded.tables if one.inserted or one.updated or one.deleted or one.conflicts}
    assert touched <= {"keyless"}


def test_every_odd_table_reads_the_same_in_any_chunks_and_any_spans(odd: BulkStore) -> None:
    found, rows = snapshot(odd)
    assert snapshot(odd, 1) == snapshot(odd, 3) == (found, rows)
    with odd.join() as view:
        for table in found.tables:
            for key in view.keys(table.name) if table.key else ():
                low, high = every(view, table.name, Span(end=key)), every(view, table.name, Span(first=key))
                assert list(map(repr, low + high)) == rows[table.name]


def test_shadow_tables_and_sqlites_own_are_not_tables(odd: BulkStore) -> None:
    names = {table.name for table in catalog(odd).tables}
    assert {"found", "boxes"} <= names
    assert not any(name.startswith(("found_", "outside", "boxes_", "sqlite_")) for name in names)


def test_what_the_pragmas_do_not_tell_is_read_from_the_statement(odd: BulkStore) -> None:
    children, weird = declared(odd, "children"), declared(odd, 'we ird "q" 표')
    assert [(key.name, key.on_delete, key.on_update, key.deferrable) for key in children.foreign_keys] == [
        (None, "CASCADE", "", "DEFERRABLE INITIALLY DEFERRED"),
        ("named", "", "SET NULL", ""),
    ]
    assert [check.expression for check in weird.checks] == ["b < 1e9"]
    assert [index.constraint for index in weird.indexes] == ["u u"]
    assert [column.expression for column in weird.columns if column.generated] == ["b*2", "length(a)"]
    assert [column.name for column in weird.stored] == ["a", "b", "c d"]
    assert declared(odd, "counted").counter == 2
    (mixed,) = declared(odd, "cells").indexes
    assert (mixed.parts, mixed.expressions, mixed.where) == (("a", "lower(b)"), (1,), "a IS NOT NULL")


class TestRollbackJournal:
    @pytest.fixture
    def bench(self, tmp_path: Path) -> SqliteBulkBench:
        bench = SqliteBulkBench(tmp_path, "delete")
        bench.sql("CREATE TABLE crates (id INTEGER PRIMARY KEY)", "INSERT INTO crates VALUES (1)")
        return bench

    def test_readers_join_at_the_gate_and_see_one_state(self, bench: SqliteBulkBench) -> None:
        with ExitStack() as views:
            with bench.store.gate() as ticket:
                joined = [views.enter_context(bench.store.join(ticket)) for _ in range(3)]
            assert [view.count("crates") for view in joined] == [1, 1, 1]
        bench.sql("INSERT INTO crates VALUES (2)")
        assert len(read(bench.store, "crates")) == 2

    def test_a_reader_that_comes_too_late_is_told_so(self, bench: SqliteBulkBench) -> None:
        with bench.store.gate() as ticket:
            pass
        bench.sql("INSERT INTO crates VALUES (2)")
        with pytest.raises(LockedError), bench.store.join(ticket):
            pass

    def test_a_database_that_stays_locked_is_told_as_locked(self, bench: SqliteBulkBench) -> None:
        store = open_sqlite(Place(str(bench.path), options={"timeout_s": 0.1}))
        with closing(apsw.Connection(str(bench.path))) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            with pytest.raises(LockedError), store.gate():
                pass
            with pytest.raises(LockedError), store.join():
                pass

    def test_reading_leaves_the_folder_as_it_was(self, bench: SqliteBulkBench) -> None:
        for journal in ("delete", "wal"):
            bench.journal = journal
            bench.sql()
            before = bench.path.read_bytes()
            with bench.store.gate() as ticket, bench.store.join(ticket) as view:
                every(view, "crates")
            assert [path.name for path in bench.folder.iterdir()] == ["shop.db"]
            assert bench.path.read_bytes() == before


# Whoever runs the tests may be root, whom no permission stops.
_AS_NOBODY = """
import os, sys
from recon_cli.core.place import Place
from recon_cli.stores.bulk.sqlite import open_sqlite
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
store = open_sqlite(Place(sys.argv[1]))
with store.gate() as ticket, store.join(ticket) as view:
    print(view.count("crates"))
"""


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_that_cannot_be_written_to_is_read_all_the_same(journal: str) -> None:
    with TemporaryDirectory() as name:
        bench = SqliteBulkBench(Path(name), journal)
        bench.sql("CREATE TABLE crates (id INTEGER PRIMARY KEY)", "INSERT INTO crates VALUES (1)")
        bench.path.chmod(0o444)
        bench.folder.chmod(0o555)
        try:
            argv = [sys.executable, "-c", _AS_NOBODY, str(bench.path)]
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30, env=_PATHS)
            assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr
            assert [path.name for path in bench.folder.iterdir()] == ["shop.db"]
        finally:
            bench.folder.chmod(0o755)


@pytest.mark.parametrize(
    "content", [b"this is no database, it is a letter" * 100, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_a_data_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter.db").write_bytes(content)
    with pytest.raises(DataError), open_sqlite(Place(str(tmp_path / "letter.db"))).join() as view:
        view.catalog()


def test_rows_of_many_megabytes_come_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)")
        sizes = [9, 9, 9_000_000, 9, 9_000_000, 9_000_000] + [9] * 3000
        db.executemany("INSERT INTO t (body) VALUES (zeroblob(?))", [(size,) for size in sizes])
    with open_sqlite(Place(str(path))).join() as view:
        chunks = list(view.rows("t"))
    assert max(sum(len(body) for _, body in chunk) for chunk in chunks) <= 9_000_100  # type: ignore[arg-type, misc]
    assert [row[0] for chunk in chunks for row in chunk] == list(range(1, len(sizes) + 1))
    assert len(chunks) < 30


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("CREATE TABLE t (a DEFAULT (load_extension('x')))", GuardError),
        ("CREATE TABLE t (a CHECK (a IN (SELECT 1)))", DataError),
        ("CREATE TABLE t (a); DROP TABLE mine", DataError),
        ("CREATE TABLE t AS SELECT * FROM mine", DataError),
        ("ATTACH 'stolen.db' AS t", DataError),
        ("CREATE TABLE elsewhere (a)", DataError),
        ("CREATE TABLE temp.t (a)", DataError),
    ],
)
def test_a_snapshot_from_elsewhere_runs_no_sql_of_its_own(tmp_path: Path, sql: str, error: type[ReconError]) -> None:
    bench = SqliteBulkBench(tmp_path, "wal")
    bench.sql("CREATE TABLE mine (a)", "INSERT INTO mine VALUES (1)")
    table = DeclaredTable("t", (DeclaredColumn("a"),), sql=sql)
    with pytest.raises(error):
        bench.store.load(Loading(Catalog("sqlite", (table,)), (incoming(table, [(1,)]),)))
    assert [one.name for one in catalog(bench.store).tables] == ["mine"]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".db"]


def test_an_affinity_that_would_change_a_value_is_a_data_error(bench: SqliteBulkBench) -> None:
    bench.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, amount DECIMAL(10,2))")
    table = DeclaredTable("t", (DeclaredColumn("id", "INTEGER"), DeclaredColumn("amount", "TEXT")), key=("id",))
    with pytest.raises(DataError, match="amount of the row with key 7"):
        bench.store.load(Loading(Catalog("sqlite", (table,)), (incoming(table, [(6, "x"), (7, "1.10")]),)))


def test_types_of_postgres_are_kept_letter_by_letter_and_remembered(tmp_path: Path) -> None:
    kinds = [
        ("id", "bigint", Kind.INTEGER),
        ("price", "numeric(10,2)", Kind.DECIMAL),
        ("tags", "integer[]", Kind.ARRAY),
    ]
    kinds += [
        ("span", "interval", Kind.INTERVAL),
        ("score", "double precision", Kind.REAL),
        ("ok", "boolean", Kind.BOOLEAN),
    ]
    cells = DeclaredColumn("mixed", "text", Kind.TEXT, comment="recon:cells NUMERIC")
    columns = (*(DeclaredColumn(name, declared, kind) for name, declared, kind in kinds), cells)
    table = DeclaredTable("t", columns, key=("id",))
    rows: list[Row] = [
        (1, "1.10", "{1,2}", "1 day", float("nan"), True, '{"$b": "/w=="}'),
        (2, "NaN", None, None, 1.5, False, '"x"'),
    ]
    store = open_sqlite(Place(str(tmp_path / "from.db")))
    store.load(Loading(Catalog("postgresql", (table,)), (incoming(table, rows),)))
    found = declared(store, "t")
    assert [(one.name, one.declared, one.comment) for one in found.columns] == [
        ("id", "INTEGER", "recon:type bigint"),
        ("price", "DECIMAL_TEXT", "recon:type numeric(10,2)"),
        ("tags", "ARRAY_TEXT", "recon:type integer[]"),
        ("span", "PERIOD_TEXT", "recon:type interval"),
        ("score", "REAL", None),
        ("ok", "BOOLEAN", None),
        ("mixed", "NUMERIC", None),
    ]
    assert read(store, "t") == [(1, "1.10", "{1,2}", "1 day", "NaN", 1, b"\xff"), (2, "NaN", None, None, 1.5, 0, "x")]


@pytest.fixture
def bench(tmp_path: Path) -> SqliteBulkBench:
    return SqliteBulkBench(tmp_path, "wal")


def test_rows_written_as_lines_are_the_rows_read_whatever_stands_between_them(tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, a, b); BEGIN")
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", ((n, f"{n}서", n / 7) for n in range(-3000, 3000)))
        db.execute("UPDATE t SET a = CAST(x'ff41' AS TEXT) WHERE k % 400 = 1 OR k = 2999")
        db.execute("UPDATE t SET a = zeroblob(2000000) WHERE k IN (-3000, 7, 8)")
        db.execute("UPDATE t SET b = 9e999 WHERE k % 100 = 0; COMMIT")
    with open_sqlite(Place(f"sqlite:///{path}")).join() as view:
        assert isinstance(view, Writing)
        for span in (Span(), Span((-17,), (1500,)), Span((9000,))):
            rows = [row for chunk in view.rows("t", span) for row in chunk]
            found = list(view.lines("t", span, 64))
            texts = [one.text if isinstance(one, Lines) else lines.encode(one, (1, 2)) for one in found]
            assert b"".join(texts) == lines.encode(rows, (1, 2))
            if native.for_lines() and rows:
                assert sum(one.rows for one in found if isinstance(one, Lines)) > len(rows) / 4
