"""A SQLite file with everything in it that has ever come back from a backup as something else."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

CELLS: tuple[object, ...] = (
    *(None, 0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), True),
    *(0.0, -0.0, 1.0, 0.1, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53, 2.0**63, 1e15),
    *(float("inf"), float("-inf"), 123456789012345.678, 1e-7, 3.0e100),
    *("", " ", "a\0b", "\0", "line\nbreak\r\n\ttab", "\u2028\u2029\x7f\x01\x1f", "평범한 글", "😀", "e\u0301", "é", "\ufeffx", "\uffff"),
    *("1", "1.0", "01", " 1", "1 ", "1e3", "0x10", "-0", "-0.0", "inf", "nan", "NaN", "9223372036854775808", "NULL", "null"),
    *('{"$b":"x"}', '{"$b": "AA=="}', '{"$r":"inf"}', '{"$s":"ff"}', "[1]", '["a"],\n,["b"]', '"', "\\", "\\N", "\\.", "'; DROP TABLE odd;--"),
    *("2024-02-30 25:61:61", "true", "\ud55c" * 300, "\\u0000", "x'00'"),
    *(b"", b"\0", b"\xff\xfe", b"null", b'{"$b":"x"}', b"1", "text as bytes 글".encode(), bytes(range(256))),
)  # fmt: skip
BROKEN_TEXT = (b"\xff\xfe", b"\xc3\x28", b"a\xed\xa0\x80b", b"\xf0\x9f\x98", b"\0\xff\0", b"\xed\xb3\xa9", b"\xc0\x80")
"""Text that is not UTF-8."""

AFFINITIES = ("", "INTEGER", "INT", "TEXT", "VARCHAR(5)", "REAL", "DOUBLE PRECISION", "NUMERIC", "DECIMAL(10,2)",
              "BLOB", "BOOLEAN", "DATETIME", "FLOATING POINT", "JSON", '"odd type()"')  # fmt: skip

TABLES = """
CREATE TABLE strictly (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, a ANY) STRICT;
CREATE TABLE wide (a TEXT, b BLOB, c REAL, payload, PRIMARY KEY (c, a DESC, b)) WITHOUT ROWID;
CREATE TABLE nulls (a, b, note TEXT, PRIMARY KEY (a, b));
CREATE TABLE "null key" (k TEXT PRIMARY KEY, v);
CREATE TABLE keyless (a, b);
CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT DEFAULT 'it''s "so"' NOT NULL);
CREATE TABLE computed (
    a INTEGER, b TEXT, twice INTEGER GENERATED ALWAYS AS (a * 2) STORED, low TEXT AS (lower(b)) VIRTUAL, c REAL DEFAULT 1.5
);
CREATE TABLE ordered (k TEXT COLLATE NOCASE PRIMARY KEY, r TEXT COLLATE RTRIM UNIQUE, n INTEGER CHECK (n > 0 OR n IS NULL));
CREATE TABLE ordered_too (k TEXT COLLATE RTRIM, v, PRIMARY KEY (k)) WITHOUT ROWID;
CREATE TABLE parents (id INTEGER PRIMARY KEY, a TEXT, b INTEGER, up INTEGER REFERENCES parents, UNIQUE (a, b));
CREATE TABLE children (
    a TEXT, b INTEGER, parent INTEGER REFERENCES parents (id) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (a, b) REFERENCES parents (a, b) MATCH FULL
);
CREATE TABLE aliased (oid TEXT, rowid INTEGER, _rowid_ REAL);
CREATE TABLE backwards (id INTEGER PRIMARY KEY DESC, v);
CREATE TABLE "we""ird 'name' 표 %s {} /*" ("co""l" TEXT, [br acket] INT, `tick` REAL, 'quoted' BLOB, "한글" /* a comment */ TEXT -- another
);
CREATE TABLE empty (id INTEGER PRIMARY KEY, v BLOB);
CREATE TABLE emptied (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
CREATE TABLE checked (j TEXT CHECK (json_valid(j)), d DEFAULT (1 + 1), q DEFAULT "a double quoted one", n DEFAULT (datetime('now')));
CREATE INDEX by_path ON checked (json_extract(j, '$.a'));
CREATE TABLE made AS SELECT 1 AS one, 'x' AS "two 2";
CREATE TABLE grown (a INTEGER);
INSERT INTO grown VALUES (1), (2);
ALTER TABLE grown ADD COLUMN b REAL DEFAULT 3;
ALTER TABLE grown ADD COLUMN c TEXT DEFAULT x'00ff';
ALTER TABLE grown RENAME COLUMN a TO "A new name";
CREATE INDEX plain_index ON keyless (a, b DESC);
CREATE INDEX partial_index ON counted (v) WHERE v <> '' AND id > 3;
CREATE UNIQUE INDEX expression_index ON computed (a + 1, lower(b) COLLATE NOCASE);
CREATE INDEX collated ON ordered (n, k COLLATE BINARY);
CREATE VIEW seen AS SELECT a, count(*) AS n FROM keyless GROUP BY a;
CREATE VIEW of_view (x) AS SELECT n FROM seen WHERE n > (SELECT 0);
CREATE TABLE written_to (what TEXT);
CREATE TRIGGER noted AFTER INSERT ON counted BEGIN INSERT INTO written_to VALUES ('insert ' || new.v); END;
CREATE TRIGGER instead INSTEAD OF INSERT ON seen BEGIN SELECT RAISE(ABORT, 'no; never'); END;
CREATE VIRTUAL TABLE words USING fts5(title, body, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');
CREATE TABLE documents (id INTEGER PRIMARY KEY, body TEXT);
CREATE VIRTUAL TABLE outside USING fts5(body, content = 'documents', content_rowid = 'id');
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, y0, y1, +label TEXT);
CREATE VIRTUAL TABLE older USING fts4(a, b);
"""
CONTENT = """
INSERT INTO wide VALUES ('b', x'00', 1.5, 'x'), ('a', x'', -0.0, NULL), ('a', x'00', 1.5, 5), ('', 'text', 9e999, x'ff');
INSERT INTO nulls VALUES (NULL, 1, 'a'), (NULL, 1, 'b'), (1, NULL, 'c'), (NULL, NULL, 'd'), ('', x'', 'e'), (1, 1.5, 'f'), ('1', 1, 'g');
INSERT INTO "null key" VALUES (NULL, 1), (NULL, 1), ('', 2), ('x', 3);
INSERT INTO keyless VALUES (1, 2), (1, 2), (NULL, NULL), ('1', 2), (1.0, 2), (x'31', 2), (1, 2);
INSERT INTO counted (id, v) VALUES (7, 'seven'), (3, ''), (900, 'gone');
DELETE FROM counted WHERE id = 900;
INSERT INTO computed (a, b, c) VALUES (1, 'ABC', 2.5), (NULL, 'Ä', NULL), (-(1 << 62), '', 9e999), (40, NULL, 0);
INSERT INTO ordered VALUES ('b', 'x', 1), ('A', 'y', NULL), ('C ', 'z  ', 5), (NULL, NULL, 2);
INSERT INTO ordered_too VALUES ('a', 1), ('A', 2), (' a', 3);
INSERT INTO parents VALUES (5, 'x', 1, 9), (9, 'y', 2, 5), (1, NULL, NULL, NULL);
INSERT INTO children VALUES ('x', 1, 5), ('y', 2, NULL), (NULL, 3, 1);
INSERT INTO aliased VALUES ('b', 5, 0.5), ('a', 7, 1.5);
INSERT INTO backwards VALUES (3, 'c'), (1, 'a'), (2, 'b');
INSERT INTO "we""ird 'name' 표 %s {} /*" VALUES ('a', 1, 2.5, x'00', '값');
INSERT INTO emptied VALUES (41, 'x');
DELETE FROM emptied;
INSERT INTO checked (j) VALUES ('{"a": 1, "a": 2}'), ('[]');
INSERT INTO words (rowid, title, body) VALUES (9, 'Crème brûlée', 'burnt sugar'), (-4, '', 'a"b'), (12, NULL, 'three words here');
INSERT INTO documents VALUES (1, 'the quick brown fox'), (2, 'jumps over'), (30, '');
INSERT INTO outside (outside) VALUES ('rebuild');
INSERT INTO boxes VALUES (1, 0, 1.5, -2, 2, 'one'), (-8, -1e30, 1e30, 0.1, 0.2, NULL), (3, 1, 1, 1, 1, '글');
INSERT INTO older (docid, a, b) VALUES (4, 'old', 'index'), (2, 'x', NULL);
PRAGMA user_version = -7;
PRAGMA application_id = 1381123918;
"""


def odd_database(path: Path, *, encoding: str = "UTF-8") -> Path:
    """Every storage class in every affinity, and every kind of table, index, view and trigger."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA encoding = '{encoding}'")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        _odd(db, encoding)
        for statement in _statements(TABLES + CONTENT):
            db.execute(statement)
        _strict(db)
        blobs = random.Random(1)
        db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, b BLOB, t TEXT)")
        db.execute("INSERT INTO big VALUES (2, ?, ?)", (blobs.randbytes(1200 << 10), "긴 \0글\n" * 220_000))
        db.execute("INSERT INTO big VALUES (1, zeroblob(1100000), '')")
        db.execute("COMMIT")
    return path


def _odd(db: sqlite3.Connection, encoding: str) -> None:
    columns = ", ".join(f'"c{number}" {declared}' for number, declared in enumerate(AFFINITIES))
    db.execute(f"CREATE TABLE odd (id INTEGER PRIMARY KEY, {columns})")
    marks = ", ".join("?" * (1 + len(AFFINITIES)))
    rows = [(number * 3 - 50, *(cell,) * len(AFFINITIES)) for number, cell in enumerate(CELLS)]
    db.executemany(f"INSERT INTO odd VALUES ({marks})", rows)  # noqa: S608  constants
    if encoding == "UTF-8":
        casts = ", ".join(["?", *["CAST(? AS TEXT)"] * len(AFFINITIES)])
        broken = [(1000 + number, *(raw,) * len(AFFINITIES)) for number, raw in enumerate(BROKEN_TEXT)]
        db.executemany(f"INSERT INTO odd VALUES ({casts})", broken)  # noqa: S608  same
    db.execute("CREATE TABLE any_key (k PRIMARY KEY, v) WITHOUT ROWID")
    db.executemany("INSERT OR IGNORE INTO any_key VALUES (?, ?)", [(one, one) for one in CELLS if one is not None])


def _strict(db: sqlite3.Connection) -> None:
    rows = [
        (number, *(cell if type(cell) is kind else None for kind in (int, float, str, bytes)), cell)
        for number, cell in enumerate(CELLS)
    ]
    db.executemany("INSERT INTO strictly VALUES (?, ?, ?, ?, ?, ?)", rows)


def _statements(script: str) -> list[str]:
    """One by one: `executescript` would commit first."""
    found, held = [], ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            found.append(held)
            held = ""
    return found
