"""Keys: numbering and where it stands, composite and missing keys, foreign keys."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import sqlite3

from tests.migration.features.registry import Probe, feature, script


@feature(Probe("INSERT INTO t (c) VALUES ('next')", "SELECT max(id) FROM t"))
def number_key(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (3, "c")])


@feature(Probe("INSERT INTO t (c) VALUES ('next')", "SELECT max(id) FROM t"))
def number_key_with_gaps_at_the_end(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, c TEXT)")
    db.executemany("INSERT INTO t (c) VALUES (?)", [("a",), ("b",), ("c",)])
    db.execute("DELETE FROM t WHERE id > 1")


@feature(Probe("INSERT INTO t (c) VALUES ('next')", "SELECT max(id) FROM t"))
def number_key_of_an_emptied_table(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, c TEXT)")
    db.executemany("INSERT INTO t (c) VALUES (?)", [("a",), ("b",)])
    db.execute("DELETE FROM t")


@feature()
def number_key_in_a_constraint(db: sqlite3.Connection) -> None:
    script(db, "CREATE TABLE t (c TEXT, ID INTEGER, PRIMARY KEY(id));\nINSERT INTO t (c) VALUES ('a'), ('b');\n")


@feature()
def number_key_negative_and_far(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(-(2**63), "a"), (-5, "b"), (0, "c"), (2**62, "d")])


@feature()
def number_key_used_up(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, c TEXT)")
    db.execute("INSERT INTO t VALUES (?, 'last')", (2**63 - 1,))


@feature(Probe("INSERT INTO t (c) VALUES ('no number')"))
def number_key_that_is_none(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY DESC NOT NULL, c TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (2, "b")])


@feature(Probe("INSERT INTO t VALUES (1, 'a', 'again')"))
def key_composite(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (n INTEGER, w TEXT, v TEXT, PRIMARY KEY (w, n))")
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(1, "a", "x"), (1, "b", "y"), (2, "a", "z")])


@feature(Probe("INSERT INTO t (v) VALUES (9)"))
def key_without_rowid(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (w TEXT, n INTEGER, v, PRIMARY KEY (w, n)) WITHOUT ROWID")
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", [("가", 1, 1), ("a", -1, 2), ("A", 2**40, None)])


@feature()
def key_missing(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (a INTEGER, b TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), (1, "x"), (None, None), (None, None)])


@feature(Probe("INSERT INTO t VALUES ('A', 3)"), Probe("INSERT INTO t VALUES ('a', 3)"))
def key_of_text(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [("a", 1), ("é", 2), ("", 3)])


@feature(refused=True)
def key_with_null(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [("a", 1), (None, 2), (None, 3)])


@feature(Probe("INSERT INTO t VALUES ('ABC', 9)"), Probe("INSERT INTO t VALUES ('É', 9)"))
def key_nocase(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v INTEGER)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [("abc", 1), ("é", 2)])


PARENTS = "CREATE TABLE p (a INTEGER, b TEXT, v TEXT UNIQUE, PRIMARY KEY (a, b));\nINSERT INTO p VALUES (1, 'x', 'v'), (2, 'y', 'w');\n"  # fmt: skip


@feature(
    Probe("INSERT INTO c VALUES (9, 1, 'nowhere')"),
    Probe("DELETE FROM p WHERE a = 1", "SELECT count(*) FROM c WHERE pb = 'x'"),
)
def foreign_composite(db: sqlite3.Connection) -> None:
    script(
        db,
        PARENTS + "CREATE TABLE c (id INTEGER PRIMARY KEY, pa INTEGER, pb TEXT,\n"
        "  FOREIGN KEY (pa, pb) REFERENCES p (a, b) ON DELETE CASCADE ON UPDATE CASCADE);\n"
        "INSERT INTO c VALUES (1, 1, 'x'), (2, 2, 'y'), (3, NULL, 'z');\n",
    )


@feature(Probe("INSERT INTO t VALUES (9, 99)"))
def foreign_to_itself(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, up INTEGER REFERENCES t ON DELETE SET NULL);\n"
        "INSERT INTO t VALUES (1, 3), (2, 1), (3, NULL);\n",
    )


@feature()
def foreign_in_a_circle(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b(id) DEFERRABLE INITIALLY DEFERRED);\n"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a(id) DEFERRABLE);\n"
        "INSERT INTO a VALUES (1, 1);\nINSERT INTO b VALUES (1, 1);\n",
    )


@feature(refused=True)
def foreign_with_orphans(db: sqlite3.Connection) -> None:
    script(
        db,
        PARENTS + "CREATE TABLE c (id INTEGER PRIMARY KEY, v TEXT REFERENCES p(v), other TEXT REFERENCES p(v));\n"
        "INSERT INTO c VALUES (1, 'v', 'v'), (2, 'lost', 'w'), (3, 'gone', NULL);\n",
    )


@feature()
def foreign_spelled_in_other_case(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE Users (Id INTEGER PRIMARY KEY);\nINSERT INTO Users VALUES (1);\n"
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, userId INTEGER, FOREIGN KEY (USERID) REFERENCES users (ID));\n"
        "INSERT INTO posts VALUES (1, 1);\n",
    )


@feature()
def foreign_all_actions(db: sqlite3.Connection) -> None:
    script(
        db,
        PARENTS + "CREATE TABLE c (id INTEGER PRIMARY KEY, w TEXT DEFAULT 'v' REFERENCES p(v) ON DELETE SET DEFAULT,\n"
        "  x TEXT REFERENCES p(v) ON UPDATE RESTRICT, y TEXT REFERENCES p(v) ON DELETE NO ACTION DEFERRABLE,\n"
        "  z TEXT NOT NULL REFERENCES p(v) ON UPDATE CASCADE ON DELETE RESTRICT NOT DEFERRABLE);\n"
        "INSERT INTO c VALUES (1, 'v', 'v', 'v', 'w');\n",
    )


@feature()
def foreign_to_nothing(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES never_made(id));\nINSERT INTO c VALUES (1, 5);\n",
    )


@feature(refused=True)
def foreign_of_another_type(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (1), (2);\n"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p VARCHAR(36) REFERENCES p(id));\nINSERT INTO c VALUES (1, '1');\n",
    )


@feature()
def foreign_to_what_is_not_unique(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE p (id INTEGER PRIMARY KEY, v TEXT);\nINSERT INTO p VALUES (1, 'a'), (2, 'a');\n"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, v TEXT REFERENCES p(v));\nINSERT INTO c VALUES (1, 'a');\n",
    )


CODES = """CREATE TABLE unit (auth TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL CHECK (length(code) >= 1), name TEXT, gone BOOLEAN,
  PRIMARY KEY (auth, code));
CREATE TABLE axis (auth TEXT, code INTEGER_OR_TEXT, unit_auth TEXT, unit_code INTEGER_OR_TEXT, gone BOOLEAN,
  PRIMARY KEY (auth, code), FOREIGN KEY (unit_auth, unit_code) REFERENCES unit (auth, code));
CREATE TABLE use (id INTEGER PRIMARY KEY, axis_auth TEXT, axis_code INTEGER_OR_TEXT CHECK (axis_code NOT IN ('none', 'all')),
  FOREIGN KEY (axis_auth, axis_code) REFERENCES axis);
INSERT INTO unit VALUES ('EPSG', 9001, 'metre', 0), ('OWN', 'ft', 'foot', 1), ('OWN', 7, 'seven', 0);
INSERT INTO axis VALUES ('EPSG', 1, 'EPSG', 9001, 0), ('EPSG', 2, 'OWN', 7, 1);
INSERT INTO use VALUES (1, 'EPSG', 1), (2, 'EPSG', 2), (3, NULL, NULL);
"""


@feature(
    Probe("INSERT INTO use VALUES (4, 'EPSG', 2)"),
    Probe("INSERT INTO use VALUES (5, 'EPSG', 9)"),
    Probe("DELETE FROM unit WHERE name = 'metre'"),
    Probe("DELETE FROM unit WHERE name = 'foot'"),
)
def foreign_keys_through_numbers_and_texts(db: sqlite3.Connection) -> None:
    """Only one of three linked tables holds a text, and all three must be text for the keys to hold."""
    script(db, CODES)


@feature()
def views_over_numbers_and_texts(db: sqlite3.Connection) -> None:
    script(
        db,
        CODES + "CREATE VIEW named AS SELECT u.id, a.code, n.name, n.code AS unit FROM use u\n"
        "  JOIN axis a ON a.auth = u.axis_auth AND a.code = u.axis_code JOIN unit n ON n.auth = a.unit_auth AND n.code = a.unit_code;\n"
        "CREATE VIEW every AS SELECT 'unit' AS what, code, gone FROM unit UNION ALL SELECT 'axis', code, gone FROM axis\n"
        "  UNION ALL SELECT 'use', id, 0 FROM use UNION ALL SELECT 'none', NULL, NULL;\n"
        "CREATE VIEW some AS SELECT name FROM unit WHERE code = 7 OR code = 'ft' OR code IN (1, 9001);\n"
        "CREATE VIEW chosen AS SELECT CASE WHEN gone THEN code ELSE name END AS told, length(code) AS n FROM unit;\n",
    )
