"""Databases to be backed up: two scripts, times, doubles, big integers, NULLs, JSON, blobs; the same each time."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg

SEED = 20261121
WORDS = [
    "모델",
    "주문",
    '"따옴표"',
    "서울",
    "부산",
    "alpha",
    "beta",
    "gamma",
    "it's",
    "delta",
    "epsilon",
    "파일",
    "경로",
    "2024",
]
SQLITE = """
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT, made_at TEXT, amount REAL, big INTEGER,
                    flag INTEGER, meta TEXT, body BLOB, score REAL);
CREATE TABLE words (word TEXT, n INTEGER, PRIMARY KEY (word, n)) WITHOUT ROWID;
"""
INDEXES = "CREATE INDEX items_made_at ON items(made_at);"
POSTGRES = """
CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL, note text, made_at timestamptz, amount numeric(20, 6),
                    big bigint, flag boolean, meta jsonb, body bytea, score double precision)
"""


def items(rows: int) -> Iterator[tuple[object, ...]]:
    """Rows of `items` as SQLite takes them, about 270 bytes each."""
    r = random.Random(SEED)
    for number in range(1, rows + 1):
        yield (
            number,
            " ".join(r.choices(WORDS, k=4)),
            " ".join(r.choices(WORDS, k=12)) if number % 7 else None,
            f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}T{number % 24:02d}:{number % 60:02d}:00Z",
            r.random() * 10 ** r.randint(-5, 9),
            r.randint(-(2**62), 2**62),
            number & 1,
            f'{{"a": {number}, "b": ["x", {r.randint(0, 99999)}], "이름": "값"}}',
            r.randbytes(120) if number % 10 == 0 else None,
            r.gauss(0, 1),
        )


def sqlite(path: Path, rows: int, row_bytes: int = 0) -> None:
    """A SQLite file with `rows` items (about 250 MB for a million) and a tenth as many words.

    With `row_bytes`, one item in the middle has a blob of that size.
    """
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SQLITE)
    connection.executemany("INSERT INTO items VALUES (?,?,?,?,?,?,?,?,?,?)", items(rows))
    pairs = ((f"{WORDS[number % len(WORDS)]}-{number * 7919 % rows}", number) for number in range(rows // 10))
    connection.executemany("INSERT INTO words VALUES (?,?)", pairs)
    if row_bytes:
        connection.execute("UPDATE items SET body = randomblob(?) WHERE id = ?", (row_bytes, rows // 2))
    connection.executescript(INDEXES)
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def postgres(url: str, password: str, rows: int) -> None:
    """The same rows in Postgres, with its own types."""
    with psycopg.connect(url, password=password) as connection:
        connection.execute(POSTGRES)
        with connection.cursor().copy("COPY items FROM STDIN") as copy:
            for row in items(rows):
                number, name, note, made_at, amount, big, flag, meta, body, score = row
                copy.write_row((number, name, note, made_at, f"{amount:.6f}", big, bool(flag), meta, body, score))
