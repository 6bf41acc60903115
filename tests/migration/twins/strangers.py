"""Files of programs that bring collations, functions and tokenizers of their own, or count time in their own way."""

# ruff: noqa: E501  SQL reads best a statement a line

from __future__ import annotations

import random
import sqlite3

from tests.migration.features.registry import script

CARDS = """
CREATE TABLE col (id integer PRIMARY KEY, crt integer NOT NULL, mod integer NOT NULL, conf text NOT NULL, models text NOT NULL);
CREATE TABLE notes (id integer PRIMARY KEY, guid text NOT NULL, mid integer NOT NULL, tags text NOT NULL, flds text NOT NULL, sfld integer NOT NULL, csum integer NOT NULL);
CREATE TABLE cards (id integer PRIMARY KEY, nid integer NOT NULL, due integer NOT NULL, ivl integer NOT NULL, factor integer NOT NULL, data text NOT NULL);
CREATE TABLE notetypes (id integer NOT NULL PRIMARY KEY, name text NOT NULL COLLATE unicase, config blob NOT NULL);
CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE unicase, usn integer NOT NULL) WITHOUT ROWID;
CREATE TABLE graves (usn integer NOT NULL, oid integer NOT NULL, type integer NOT NULL, PRIMARY KEY (oid, type)) WITHOUT ROWID;
CREATE UNIQUE INDEX idx_notetypes_name ON notetypes (name);
CREATE INDEX ix_notes_csum ON notes (csum);
CREATE INDEX ix_cards_sched ON cards (nid, due);
"""


def cards(db: sqlite3.Connection) -> None:
    """Flash cards: a collation of the program's own, times in milliseconds as keys, text in a column of integers."""
    db.create_collation("unicase", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold()))
    script(db, CARDS)
    db.execute("INSERT INTO col VALUES (1, 1700000000, 1700000000123, '{}', ?)", ('{"1": {"name": "기본"}}',))
    notes = [
        (1_700_000_000_000 + n, f"g{n}", 1, " a b ", f"앞\x1f뒤 {n}", f"앞 {n}" if n % 3 else n, n * 7919)
        for n in range(60)
    ]
    db.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?)", notes)
    db.executemany(
        "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?)",
        [(n, 1_700_000_000_000 + n, n, n % 30, 2500, "") for n in range(1, 60)],
    )
    db.executemany("INSERT INTO notetypes VALUES (?, ?, ?)", [(1, "Basic", b"\x08\x01"), (2, "기본", b"")])
    db.executemany("INSERT INTO tags VALUES (?, ?)", [("a", -1), ("B", 0), ("가", 1)])


LIBRARY = """
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, sort TEXT COLLATE NOCASE, link TEXT NOT NULL DEFAULT "", UNIQUE (name));
CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE, sort TEXT COLLATE NOCASE, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    pubdate TIMESTAMP DEFAULT CURRENT_TIMESTAMP, series_index REAL NOT NULL DEFAULT 1.0, path TEXT NOT NULL DEFAULT "", uuid TEXT, has_cover BOOL DEFAULT 0, last_modified TIMESTAMP NOT NULL DEFAULT "2000-01-01 00:00:00+00:00");
CREATE TABLE books_authors_link (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, author INTEGER NOT NULL, UNIQUE (book, author));
CREATE TABLE data (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, format TEXT NOT NULL COLLATE NOCASE, uncompressed_size INTEGER NOT NULL, UNIQUE (book, format));
CREATE INDEX authors_idx ON books (sort COLLATE NOCASE);
CREATE INDEX books_authors_link_aidx ON books_authors_link (author);
CREATE VIEW meta AS SELECT id, title, (SELECT concat(name) FROM authors WHERE authors.id IN (SELECT author FROM books_authors_link WHERE book = books.id)) authors,
    (SELECT max(uncompressed_size) FROM data WHERE book = books.id) size FROM books;
CREATE TRIGGER books_insert_trg AFTER INSERT ON books BEGIN
  UPDATE books SET sort = title_sort(NEW.title), uuid = uuid4() WHERE id = NEW.id;
END;
CREATE TRIGGER fkc_insert BEFORE INSERT ON books_authors_link BEGIN
  SELECT CASE WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL THEN RAISE(ABORT, 'Foreign key violation: book not in books') END;
END;
"""


def library(db: sqlite3.Connection) -> None:
    """Books: NOCASE everywhere, defaults in double quotes, times with offsets, a trigger and a view with own functions."""
    db.create_function("title_sort", 1, lambda title: title)
    db.create_function("uuid4", 0, lambda: "6fa459ea-ee8a-4ca4-894e-db77e160355e")
    script(db, LIBRARY)
    at = "2024-01-31 10:00:00.123456+00:00"
    db.executemany("INSERT INTO authors VALUES (?, ?, ?, ?)", [(n, f"작가 {n}", f"Ä{n}", "") for n in range(1, 20)])
    books = [(f"Title {n}", at, "0101-01-01 00:00:00+00:00", n / 2, f"p/{n}", n % 2, at) for n in range(50)]
    db.executemany(
        "INSERT INTO books (title, timestamp, pubdate, series_index, path, has_cover, last_modified) VALUES (?, ?, ?, ?, ?, ?, ?)",
        books,
    )
    db.executemany(
        "INSERT INTO books_authors_link (book, author) VALUES (?, ?)", [(n + 1, n % 19 + 1) for n in range(50)]
    )
    db.executemany(
        "INSERT INTO data (book, format, uncompressed_size) VALUES (?, ?, ?)",
        [(n + 1, "EPUB", n * 10**7) for n in range(50)],
    )


PHOTOS = """
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID VARCHAR(255), Z_PLIST BLOB);
CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZKIND INTEGER, ZFAVORITE INTEGER, ZWIDTH INTEGER, ZLATITUDE FLOAT, ZDURATION FLOAT, ZFILENAME VARCHAR, ZUUID VARCHAR, ZTHUMB BLOB);
CREATE INDEX ZASSET_ZUUID_INDEX ON ZASSET (ZUUID COLLATE BINARY ASC);
CREATE INDEX Z_Asset_byKind ON ZASSET (ZKIND COLLATE BINARY ASC, ZWIDTH COLLATE BINARY DESC);
"""


def photos(db: sqlite3.Connection) -> None:
    """An object store: names in capitals, indexes with COLLATE BINARY on numbers."""
    r = random.Random(6)
    script(db, PHOTOS)
    db.execute("INSERT INTO Z_PRIMARYKEY VALUES (1, 'Asset', 0, 90)")
    db.execute("INSERT INTO Z_METADATA VALUES (1, 'A1B2', ?)", (b"bplist00" + r.randbytes(40),))
    assets = [
        (
            n,
            1,
            n % 9,
            n % 2,
            0,
            4032,
            37.5 + r.random(),
            0.0,
            f"IMG_{n:04d}.HEIC",
            f"{r.getrandbits(128):032X}",
            r.randbytes(60),
        )
        for n in range(1, 90)
    ]
    db.executemany(f"INSERT INTO ZASSET VALUES ({', '.join('?' * 11)})", assets)


FORGE = """
CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `lower_name` TEXT NOT NULL, `name` TEXT NOT NULL, `is_admin` INTEGER NULL, `created_unix` INTEGER NULL, `rands` TEXT NULL, `max_repo_creation` INTEGER DEFAULT -1 NOT NULL);
CREATE UNIQUE INDEX `UQE_user_lower_name` ON `user` (`lower_name`);
CREATE INDEX `IDX_user_created_unix` ON `user` (`created_unix`);
CREATE TABLE `issue` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `repo_id` INTEGER NULL, `index` INTEGER NULL, `name` TEXT NULL, `content` TEXT NULL, `is_closed` INTEGER NULL, `deadline_unix` INTEGER NULL);
CREATE UNIQUE INDEX `UQE_issue_repo_index` ON `issue` (`repo_id`,`index`);
CREATE TABLE `session` (`key` TEXT PRIMARY KEY NOT NULL, `data` BLOB NULL, `expiry` INTEGER NULL);
CREATE TABLE `version` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `version` INTEGER NULL);
CREATE VIRTUAL TABLE `search` USING fts4(content, tokenize=unicode61);
"""


def forge(db: sqlite3.Connection) -> None:
    """A code forge: names in backticks, reserved ones among them, seconds in integers, sessions as bytes."""
    script(db, FORGE)
    users = [(f"u{n}", f"U{n}", n == 1, 1_700_000_000 + n, "r") for n in range(30)]
    db.executemany("INSERT INTO user (lower_name, name, is_admin, created_unix, rands) VALUES (?, ?, ?, ?, ?)", users)
    issues = [(n % 5, n // 5, f"버그 {n}", "`code`\n" * (n % 5), n % 2, 0) for n in range(100)]
    db.executemany(
        "INSERT INTO issue (repo_id, `index`, name, content, is_closed, deadline_unix) VALUES (?, ?, ?, ?, ?, ?)",
        issues,
    )
    db.executemany(
        "INSERT INTO session VALUES (?, ?, ?)", [(f"{n:040x}", bytes([14, 255, n]), 1_700_000_000) for n in range(20)]
    )
    db.execute("INSERT INTO version (version) VALUES (299)")
    db.executemany("INSERT INTO search VALUES (?)", [("글 하나",), ("two words",)])


BUILDS = (cards, library, photos, forge)
