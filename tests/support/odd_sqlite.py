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
    *("", " ", "a\0b", "\0", "line\nbreak\r\n\ttab", "\u2028\u2029\x7f\x01\x1f", "평범한 글", "😀", "e\u0301", "é"),
    *("\ufeffx", "\uffff", "1", "1.0", "01", " 1", "1 ", "1e3", "0x10", "-0", "-0.0", "inf", "nan", "NaN"),
    *("9223372036854775808", "NULL", "null", '{"$b":"x"}', '{"$b": "AA=="}', '{"$r":"inf"}', '{"$s":"ff"}', "[1]"),
    *('["a"],\n,["b"]', '"', "\\", "\\N", "\\.", "'; DROP TABLE odd;--", "2024-02-30 25:61:61", "true"),
    *("\ud55c" * 300, "\\u0000", "x'00'"),
    *(b"", b"\0", b"\xff\xfe", b"null", b'{"$b":"x"}', b"1", "text as bytes 글".encode(), bytes(range(256))),
)
BROKEN_TEXT = (b"\xff\xfe", b"\xc3\x28", b"a\xed\xa0\x80b", b"\xf0\x9f\x98", b"\0\xff\0", b"\xed\xb3\xa9", b"\xc0\x80")
"""Text that is not UTF-8."""

AFFINITIES = ("", "INTEGER", "INT", "TEXT", "VARCHAR(5)", "REAL", "DOUBLE PRECISION", "NUMERIC", "DECIMAL(10,2)",
              "BLOB", "BOOLEAN", "DATETIME", "FLOATING POINT", "JSON", '"odd type()"')  # fmt: skip

SCRIPT = Path(__file__).with_suffix(".sql")


def odd_database(path: Path, *, encoding: str = "UTF-8") -> Path:
    """Every storage class in every affinity, and every kind of table, index, view and trigger."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA encoding = '{encoding}'")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        _odd(db, encoding)
        for statement in _statements(SCRIPT.read_text()):
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
