"""What is declared round the rows: indexes, checks, defaults, generated columns, views, triggers."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import sqlite3

from tests.migration.features.registry import Probe, feature, script

PEOPLE = """CREATE TABLE t (id INTEGER, name TEXT, city TEXT, age INTEGER, made TEXT, gone INTEGER);
INSERT INTO t VALUES (1, 'Kim', 'Seoul', 30, '2024-01-01 10:00:00', 0), (2, 'lee', NULL, 17, NULL, 1),
  (3, 'Ámos', 'Busan', NULL, '2023-05-06 07:08:09', 0);
"""


@feature(Probe("INSERT INTO t (name, city) VALUES ('Kim', 'Seoul')"), Probe("INSERT INTO t (name) VALUES ('lee')"))
def index_unique(db: sqlite3.Connection) -> None:
    script(db, PEOPLE + "CREATE UNIQUE INDEX once ON t (name, city);\n")


@feature(Probe("INSERT INTO t VALUES (9, 'a', 'x')"), Probe("INSERT INTO t VALUES (9, NULL, 'c')"))
def index_of_unique_constraints(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, a TEXT UNIQUE, b TEXT, CONSTRAINT pair UNIQUE (b, a));\n"
        "INSERT INTO t VALUES (1, 'a', 'b'), (2, NULL, 'b'), (3, NULL, 'b');\n",
    )


@feature(Probe("INSERT INTO t (name, gone) VALUES ('Kim', 0)"), Probe("INSERT INTO t (name, gone) VALUES ('lee', 1)"))
def index_partial(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE UNIQUE INDEX living ON t (name) WHERE gone = 0 AND city IS NOT NULL;\n"
        "CREATE INDEX grown ON t (age) WHERE age >= 18;\nCREATE INDEX named ON t (city) WHERE name <> 'Kim';\n",
    )


@feature()
def index_on_expressions(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE INDEX lowered ON t (lower(name));\nCREATE INDEX summed ON t (age * 2 + 1, city);\n"
        "CREATE INDEX joined ON t (name || '-' || coalesce(city, ''));\n",
    )


@feature(Probe("INSERT INTO t (name) VALUES ('KIM')"), Probe("INSERT INTO t (name) VALUES ('ámos')"))
def index_nocase(db: sqlite3.Connection) -> None:
    script(db, PEOPLE + "CREATE UNIQUE INDEX folded ON t (name COLLATE NOCASE);\n")


@feature()
def index_descending(db: sqlite3.Connection) -> None:
    script(db, PEOPLE + "CREATE INDEX newest ON t (made DESC, name ASC, age DESC);\n")


@feature()
def index_rtrim(db: sqlite3.Connection) -> None:
    script(db, PEOPLE + "CREATE INDEX trimmed ON t (city COLLATE RTRIM);\n")


@feature()
def index_over_long_text(db: sqlite3.Connection) -> None:
    script(db, "CREATE TABLE t (id INTEGER, c TEXT);\nCREATE INDEX longest ON t (c);\n")
    db.execute("INSERT INTO t (c) SELECT hex(randomblob(9000))")


@feature()
def index_with_a_function_of_sqlite(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE INDEX by_day ON t (date(made));\nCREATE INDEX by_glob ON t (age) WHERE name GLOB 'K*';\n",
    )


@feature()
def index_named_like_a_table(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + 'CREATE TABLE other (a INTEGER);\nCREATE INDEX "t_pkey" ON t (age);\n'
        'CREATE INDEX "Other" ON t (name);\n'
        .replace('"Other"', '"other_a"'),
    )  # fmt: skip


@feature(
    Probe("INSERT INTO t VALUES (9, -1, 'a', 'new', 1)"),
    Probe("INSERT INTO t VALUES (9, 1, '', 'new', 1)"),
    Probe("INSERT INTO t VALUES (9, 1, 'a', 'other', 1)"),
    Probe("INSERT INTO t VALUES (9, 5, 'a', NULL, NULL)"),
    Probe("INSERT INTO t VALUES (9, 5, 'a', 'done', 4)"),
)
def checks(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, n INTEGER CHECK (n >= 0), w TEXT CHECK (length(w) > 0),\n"
        "  state TEXT CONSTRAINT known CHECK (state IN ('new', 'done')), m INTEGER,\n"
        "  CHECK (m IS NULL OR m <= n), CHECK (n BETWEEN -10 AND 1000 AND w <> 'no'));\n"
        "INSERT INTO t VALUES (1, 3, 'a', 'new', 2), (2, NULL, 'b', NULL, NULL);\n",
    )


@feature()
def checks_in_words_of_sqlite(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, a TEXT CHECK (a GLOB '[0-9]*'), b TEXT CHECK (b LIKE 'X%'),\n"
        "  c CHECK (typeof(c) = 'integer'), d TEXT CHECK (json_valid(d)), e INTEGER CHECK (e IN (0, 1)),\n"
        "  f TEXT CHECK (f == 'x' OR f ISNULL), g TEXT CHECK (date(g) IS NOT NULL));\n"
        "INSERT INTO t VALUES (1, '1a', 'xy', 5, '{}', 1, 'x', '2024-01-01');\n",
    )


@feature(Probe("INSERT INTO t (id) VALUES (9)"))
def defaults_constant(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, a INTEGER DEFAULT 7, b TEXT NOT NULL DEFAULT 'it''s', c REAL DEFAULT -1.5,\n"
        "  d BOOLEAN DEFAULT 1, e TEXT DEFAULT '', f BLOB DEFAULT x'00ff', g TEXT DEFAULT NULL, h BOOLEAN DEFAULT FALSE,\n"
        "  i TEXT DEFAULT 5, j INTEGER DEFAULT '6', k DECIMAL(5,2) DEFAULT 0.10, l TEXT DEFAULT \"quoted\");\n"
        "INSERT INTO t (id) VALUES (1);\n",
    )


@feature(Probe("INSERT INTO t (id) VALUES (9)"))
def defaults_of_the_clock(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, a TIMESTAMP DEFAULT CURRENT_TIMESTAMP, b DATE DEFAULT CURRENT_DATE,\n"
        "  c TEXT DEFAULT CURRENT_TIME, d TEXT DEFAULT (datetime('now')), e INTEGER DEFAULT (strftime('%s','now')),\n"
        "  f TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), g TEXT DEFAULT CURRENT_TIMESTAMP,\n"
        "  h TEXT DEFAULT (date('now')), i REAL DEFAULT (julianday('now')), j DATETIME DEFAULT (datetime('now')));\n"
        "INSERT INTO t (id) VALUES (1), (2);\n",
    )


@feature(Probe("INSERT INTO t (id) VALUES (9)"))
def defaults_computed(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, a TEXT DEFAULT (lower(hex(randomblob(16)))), b INTEGER DEFAULT (1 + 2),\n"
        "  c TEXT DEFAULT ('a' || 'b'), d INTEGER DEFAULT (abs(random())), e TEXT DEFAULT (upper('x')));\n"
        "INSERT INTO t (id) VALUES (1);\n",
    )


@feature(Probe("UPDATE t SET n = 4, w = 'new' WHERE id = 1", "SELECT twice, loud FROM t WHERE id = 1", unless="twice"))
def generated(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, n INTEGER, w TEXT, twice INTEGER GENERATED ALWAYS AS (n * 2) STORED,\n"
        "  loud TEXT AS (upper(w)) VIRTUAL, both TEXT AS (w || ':' || coalesce(w, '')) STORED NOT NULL);\n"
        "INSERT INTO t (id, n, w) VALUES (1, 3, 'a'), (2, NULL, 'b');\n",
    )


@feature()
def generated_in_words_of_sqlite(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, j TEXT, at TEXT, size INTEGER AS (json_extract(j, '$.size')) STORED,\n"
        "  day TEXT AS (date(at)) VIRTUAL, half REAL AS (size / 2) STORED);\n"
        """INSERT INTO t (id, j, at) VALUES (1, '{"size": 5}', '2024-01-01 10:00:00'), (2, '{}', NULL);\n""",
    )


@feature()
def not_null_everywhere(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER NOT NULL, a TEXT NOT NULL, b INTEGER NOT NULL ON CONFLICT IGNORE,\n"
        "  c REAL NOT NULL DEFAULT 0, d BLOB NOT NULL, e TEXT);\nINSERT INTO t VALUES (1, '', 0, 0, x'', NULL);\n",
    )


@feature()
def views(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE VIEW grown AS SELECT id, name AS who FROM t WHERE age >= 18;\n"
        "CREATE VIEW aged (who, years) AS SELECT name, age + 1 FROM t;\n"
        "CREATE VIEW counted AS SELECT gone, count(*) AS n, max(age) AS oldest FROM t GROUP BY gone;\n"
        "CREATE VIEW a_first AS SELECT who FROM z_last;\nCREATE VIEW z_last AS SELECT who FROM grown ORDER BY who LIMIT 5;\n",
    )


@feature()
def views_in_words_of_sqlite(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE VIEW a AS SELECT ifnull(city, '-') AS city, iif(age > 18, 'old', 'young') AS sort FROM t;\n"
        "CREATE VIEW b AS SELECT group_concat(name, ';') AS names FROM t;\n"
        "CREATE VIEW c AS SELECT strftime('%Y', made) AS year, date(made) AS day FROM t;\n"
        'CREATE VIEW d AS SELECT "name", [city], `age` FROM t WHERE name = "Kim" OR name LIKE \'%EE\';\n'
        "CREATE VIEW e AS SELECT *, rowid AS r FROM t;\nCREATE VIEW f AS SELECT total(age) AS s, age / 7 AS q FROM t GROUP BY age;\n"
        "CREATE VIEW g AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n;\n"
        "CREATE VIEW h AS SELECT name, row_number() OVER (ORDER BY id) AS place FROM t;\n",
    )


@feature()
def view_that_is_broken(db: sqlite3.Connection) -> None:
    script(db, PEOPLE + "CREATE VIEW lost AS SELECT x FROM was_dropped;\nCREATE VIEW over AS SELECT x FROM lost;\n")


TOUCHED = "SELECT name, length(made) FROM t WHERE id = 2"


@feature(Probe("UPDATE t SET name = 'new' WHERE id = 2", TOUCHED, unless="touch"))
def trigger_that_touches(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE TRIGGER touch AFTER UPDATE ON t FOR EACH ROW BEGIN\n"
        "  UPDATE t SET made = CURRENT_TIMESTAMP WHERE id = NEW.id;\nEND;\n",
    )


@feature(Probe("UPDATE t SET name = 'new' WHERE id = 2", TOUCHED, unless="touch"))
def trigger_that_touches_when_unchanged(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE TRIGGER touch AFTER UPDATE OF name, city ON t WHEN old.made IS new.made BEGIN\n"
        "  UPDATE t SET made = datetime('now') WHERE rowid = old.rowid;\nEND;\n",
    )


@feature()
def triggers_of_other_sorts(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE TABLE log (id INTEGER PRIMARY KEY, what TEXT);\nCREATE VIEW v AS SELECT name FROM t;\n"
        "CREATE TRIGGER kept BEFORE DELETE ON t BEGIN\n  INSERT INTO log (what) VALUES (old.name);\nEND;\n"
        "CREATE TRIGGER never AFTER INSERT ON t WHEN new.age < 0 BEGIN\n  SELECT RAISE(ABORT, 'no');\nEND;\n"
        "CREATE TRIGGER through INSTEAD OF INSERT ON v BEGIN\n  INSERT INTO t (name) VALUES (new.name);\nEND;\n",
    )


@feature()
def views_with_json_and_braces(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE TABLE j (id INTEGER PRIMARY KEY, doc TEXT);\n"
        """INSERT INTO j VALUES (1, '{"a": {"b": [1, 2]}, "n": 5}'), (2, '{}');\n"""
        "CREATE VIEW a AS SELECT id, '{name} %s {}' AS form FROM t;\n"
        "CREATE VIEW b AS SELECT id, json_extract(doc, '$.n') AS n, doc ->> '$.n' AS m FROM j;\n"
        "CREATE VIEW c AS SELECT id, substr(name, 2, 2) AS s, instr(name, 'i') AS i, length(city) AS l FROM t;\n"
        "CREATE VIEW d AS SELECT a.id FROM t a LEFT JOIN t b ON a.age > b.age WHERE b.id IS NULL;\n"
        "CREATE VIEW e AS SELECT DISTINCT gone FROM t UNION ALL SELECT 9 ORDER BY 1;\n"
        "CREATE VIEW f AS SELECT round(age / 3.0, 2) AS r, abs(-age) AS a, max(age, 18) AS m, min(age, 18) AS n FROM t;\n"
        "CREATE VIEW g AS SELECT cast(name AS INTEGER) AS n, age % 7 AS m, -age AS neg, age || 'x' AS s FROM t;\n",
    )


@feature()
def views_that_compare_as_sqlite_does(db: sqlite3.Connection) -> None:
    script(
        db,
        PEOPLE + "CREATE VIEW a AS SELECT id FROM t WHERE name LIKE 'k%';\n"
        "CREATE VIEW b AS SELECT id FROM t WHERE name = 'kim' COLLATE NOCASE;\n"
        "CREATE VIEW c AS SELECT id FROM t WHERE gone;\nCREATE VIEW d AS SELECT id FROM t WHERE NOT gone AND age;\n"
        "CREATE VIEW e AS SELECT id, name > city AS more, name IS NOT city AS other, gone = 1 AS g FROM t;\n"
        "CREATE VIEW f AS SELECT id FROM t WHERE made > '2023-12-31' ORDER BY made DESC;\n"
        "CREATE VIEW g AS SELECT name FROM t ORDER BY name COLLATE NOCASE LIMIT 2 OFFSET 1;\n"
        "CREATE VIEW h AS SELECT city, count(*) FROM t GROUP BY city HAVING count(*) > 0;\n"
        "CREATE VIEW i AS SELECT id, CASE WHEN age > 20 THEN 1 ELSE 'no' END AS mixed FROM t;\n"
        "CREATE VIEW j AS SELECT name, max(age) FROM t;\n",
    )


@feature(Probe("UPDATE t SET ok = 'x' WHERE id = 1"), Probe("INSERT INTO t (id, ok) VALUES (9, 2)"))
def checks_on_booleans(db: sqlite3.Connection) -> None:
    script(
        db,
        "CREATE TABLE t (id INTEGER, ok BOOLEAN NOT NULL DEFAULT 1 CHECK (ok IN (0, 1)), at DATETIME CHECK (at > '2020-01-01'),\n"
        "  price DECIMAL(8,2) CHECK (price >= 0.5), CHECK (ok = 1 OR price > 10));\n"
        "CREATE INDEX live ON t (at) WHERE ok = 1;\nCREATE INDEX dead ON t (id) WHERE NOT ok;\n"
        "INSERT INTO t VALUES (1, 1, '2024-01-01 10:00:00', 1.25), (2, 0, NULL, 11);\n"
        "CREATE VIEW shown AS SELECT id FROM t WHERE ok = 1 AND at < '2024-06-01';\n",
    )
