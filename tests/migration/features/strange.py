"""Strange tables and names: STRICT, virtual and shadow tables, reserved and endless names, very wide and very large."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import sqlite3

from tests.migration.features.registry import Probe, column, feature, script


@feature(Probe("INSERT INTO t VALUES (9, 'word', 1.5, 'x', NULL, 1)"))
def strict(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, i INT NOT NULL, r REAL, s TEXT, b BLOB, a ANY) STRICT;\n"
        "INSERT INTO t VALUES (1, 5, 1.0, 'x', x'01', 7), (2, -5, 0.1, '', NULL, 8);\n",
    )


@feature()
def full_text(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT);\nINSERT INTO note VALUES (1, 'kept');\n"
        "CREATE VIRTUAL TABLE search USING fts5(title, body);\n"
        "INSERT INTO search VALUES ('one', 'first body 글'), ('two', NULL);\n",
    )


@feature()
def full_text_of_another_table(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT, body TEXT);\nINSERT INTO note VALUES (1, 'a', 'b');\n"
        "CREATE VIRTUAL TABLE search USING fts5(title, body, content='note', content_rowid='id');\n"
        "INSERT INTO search (search) VALUES ('rebuild');\n"
        "CREATE TRIGGER note_in AFTER INSERT ON note BEGIN\n"
        "  INSERT INTO search (rowid, title, body) VALUES (new.id, new.title, new.body);\nEND;\n",
    )


@feature()
def full_text_of_old(db: sqlite3.Connection) -> None:
    script(db, "CREATE VIRTUAL TABLE page USING fts4(title, body);\nINSERT INTO page VALUES ('t', 'b'), ('u', '');\n")


@feature()
def r_tree(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE VIRTUAL TABLE box USING rtree(id, x0, x1, y0, y1);\n"
        "INSERT INTO box VALUES (1, 0.5, 1.5, -2.25, 3), (7, 10, 11, 12, 13);\n",
    )


@feature()
def module_that_is_not_here(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "kept")
    db.execute("PRAGMA writable_schema = ON")
    db.execute(
        "INSERT INTO sqlite_master VALUES ('table', 'SpatialIndex', 'SpatialIndex', 0, "
        "'CREATE VIRTUAL TABLE SpatialIndex USING VirtualSpatialIndex()')"
    )
    db.execute("PRAGMA writable_schema = RESET")


@feature()
def names_in_two_cases(db: sqlite3.Connection) -> None:
    script(
        db,
        'CREATE TABLE "CamelCase" (Id INTEGER PRIMARY KEY, firstName TEXT, LAST_NAME TEXT);\n'
        "INSERT INTO CamelCase VALUES (1, 'a', 'b');\nCREATE INDEX Ix_First ON camelcase (FIRSTNAME);\n"
        "CREATE TABLE UPPER (A TEXT);\nCREATE VIEW MyView AS SELECT FirstName FROM CAMELCASE;\n",
    )


@feature()
def names_reserved(db: sqlite3.Connection) -> None:
    script(
        db,
        'CREATE TABLE "order" ("select" INTEGER PRIMARY KEY, "from" TEXT, user TEXT, "table" TEXT, "end" TEXT, offset TEXT,\n'
        '  analyse TEXT, "primary" INTEGER REFERENCES "group");\nCREATE TABLE "group" (id INTEGER PRIMARY KEY, all_ TEXT);\n'
        "INSERT INTO \"order\" VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f', NULL);\nCREATE INDEX \"index\" ON \"order\" (\"from\");\n",
    )


@feature()
def names_of_odd_signs(db: sqlite3.Connection) -> None:
    script(
        db,
        'CREATE TABLE "a ""quoted"" name" ("x.y" INTEGER PRIMARY KEY, "with space" TEXT, "100%" TEXT, "it\'s" TEXT, "a;b" TEXT,\n'
        "  \"\" TEXT, \"%s\" TEXT, \"[b]\" TEXT);\nINSERT INTO \"a \"\"quoted\"\" name\" VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f', 'g');\n"
        'CREATE INDEX "in dex" ON "a ""quoted"" name" ("with space");\n',
    )


@feature()
def names_in_korean(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE 주문 (번호 INTEGER PRIMARY KEY, 손님 TEXT NOT NULL, 🙂 TEXT);\n"
        "INSERT INTO 주문 VALUES (1, '김', 'x');\nCREATE INDEX 손님별 ON 주문 (손님);\n"
        "CREATE VIEW 손님들 AS SELECT 손님 FROM 주문;\n",
    )


@feature()
def names_over_63_bytes(db: sqlite3.Connection) -> None:
    long = "a_very_long_name_that_goes_on_and_on_until_nobody_reads_it_any_more_"
    script(
        db,
        f"CREATE TABLE {long}one (id INTEGER PRIMARY KEY, {long}x TEXT, {long}y TEXT);\n"
        f"INSERT INTO {long}one VALUES (1, 'x', 'y');\n"
        f"CREATE TABLE {long}two (id INTEGER PRIMARY KEY, p INTEGER REFERENCES {long}one);\n"
        f"INSERT INTO {long}two VALUES (2, 1);\nCREATE INDEX {long}index ON {long}one ({long}y);\n"
        f"CREATE TABLE {'긴이름' * 9} (가 TEXT);\n",
    )


@feature()
def names_of_system_columns(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, ctid TEXT, xmin INTEGER, tableoid TEXT, oid INTEGER);\n"
        "INSERT INTO t VALUES (1, 'a', 2, 'b', 3);\nCREATE TABLE pg_class (a TEXT);\nINSERT INTO pg_class VALUES ('mine');\n",
    )


@feature()
def empty_tables(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b BOOLEAN, c DATETIME, d JSON, e DECIMAL(8,3), f, g VARCHAR(20) NOT NULL);\n"
        "CREATE TABLE b (x TEXT PRIMARY KEY, y BLOB) WITHOUT ROWID;\nCREATE INDEX ax ON a (c DESC);\n",
    )


@feature()
def tables_of_the_engine(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, c TEXT);\nINSERT INTO t (c) VALUES ('a');\n"
        "CREATE INDEX tc ON t (c);\nANALYZE;\nPRAGMA user_version = 7;\n",
    )


@feature()
def no_tables(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA user_version = 1")


@feature()
def wide_1600_columns(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TABLE t ({', '.join(f'c{number} INTEGER' for number in range(1600))})")
    db.execute("INSERT INTO t (c0, c799, c1599) VALUES (1, 2, 3)")


@feature(refused=True)
def wide_1700_columns(db: sqlite3.Connection) -> None:
    column(db, "TEXT", "kept")
    db.execute(f"CREATE TABLE wide ({', '.join(f'c{number} INTEGER' for number in range(1700))})")
    db.execute("INSERT INTO wide (c0, c1699) VALUES (1, 2)")


@feature(refused=True)
def wide_row_that_no_page_holds(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'c{number} REAL' for number in range(1200))})")
    db.execute(f"INSERT INTO t VALUES (1, {', '.join('0.5' for _ in range(1200))})")
    db.execute("INSERT INTO t (id, c1) VALUES (2, 1.5)")


@feature(slow=True)
def blob_of_50_mb(db: sqlite3.Connection) -> None:
    column(db, "BLOB", b"\x5a" * 50_000_000, b"small")


@feature()
def names_that_meet(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE);\nINSERT INTO t VALUES (1, 'x');\n"
        "CREATE TABLE t_id_seq (a TEXT);\nCREATE TABLE t_pkey (a TEXT);\nCREATE TABLE t_a_key (a TEXT);\n"
        "INSERT INTO t_a_key VALUES ('kept');\nCREATE VIEW recon_units AS SELECT a FROM t;\n",
    )


@feature()
def columns_added_later(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY);\nINSERT INTO t VALUES (1), (2);\n"
        "ALTER TABLE t ADD COLUMN a TEXT NOT NULL DEFAULT 'old';\nALTER TABLE t ADD COLUMN b INTEGER DEFAULT 5;\n"
        "INSERT INTO t VALUES (3, 'new', NULL);\nALTER TABLE t RENAME COLUMN b TO c;\nALTER TABLE t DROP COLUMN c;\n",
    )
