-- Every kind of table, index, view and trigger of SQLite, with rows that mind how they are written.
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
CREATE TABLE sparse (id INTEGER PRIMARY KEY, v);
INSERT INTO sparse VALUES (-9223372036854775808, 'least'), (-1, 'x'), (0, 'y'), (9223372036854775807, 'greatest');
CREATE TABLE long_keys (k TEXT PRIMARY KEY, v TEXT UNIQUE, w BLOB) WITHOUT ROWID;
CREATE INDEX by_w ON long_keys (w);
INSERT INTO long_keys VALUES (hex(randomblob(3000)), hex(randomblob(2000)), randomblob(9000)), ('short', '', x'');
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
