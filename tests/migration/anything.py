"""Databases by chance: any mixture of types, values, keys, indexes, checks, defaults and views; the same for a seed."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress

TYPES = ("INTEGER", "INT", "BIGINT", "TEXT", "VARCHAR(20)", "REAL", "DOUBLE", "NUMERIC", "DECIMAL(12,3)", "BOOLEAN",
         "DATETIME", "TIMESTAMP", "DATE", "TIME", "BLOB", "JSON", "UUID", "CHAR(8)", "", "odd type")  # fmt: skip
NAMES = ("name", "Name2", "order", "값", "a b", "x%", "user", "camelCase", "UPPER", "select", "n", "at", "kind", "é")
WORDS = ("", "a", "A", "글", "it's", "x\\y", "a\nb", "%", "1", "01", "1.0", "true", "NULL", "z" * 300, "é", "{}", "[1]")
DIRECTIONS = ("", " DESC", " ASC")
Cell = object
R = random.Random


def _moment(r: R) -> str:
    day = f"20{r.randint(10, 30)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"
    return f"{day} {r.randint(0, 23):02d}:{r.randint(0, 59):02d}:00"


KINDS: dict[str, Callable[[R], Cell]] = {
    "small": lambda r: r.randint(-5, 5),
    "whole": lambda r: r.choice((0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), r.getrandbits(40))),
    "bool": lambda r: r.randint(0, 1),
    "real": lambda r: r.choice((0.5, -0.0, 1e300, 5e-324, math.inf, r.gauss(0, 9), 2.0**60)),
    "word": lambda r: r.choice(WORDS),
    "moment": _moment,
    "day": lambda r: _moment(r)[:10],
    "clock": lambda r: _moment(r)[11:],
    "epoch": lambda r: r.randint(10**9, 2 * 10**9),
    "bytes": lambda r: r.randbytes(r.choice((0, 1, 16, 40))),
    "json": lambda r: r.choice(('{"a": 1}', "[]", '{"b": [1.5, "글"]}', "null")),
    "uuid": lambda r: f"{r.getrandbits(32):08x}-0000-4000-8000-{r.getrandbits(48):012x}",
    "long": lambda r: r.choice(WORDS) * r.randint(1, 900),
}
USUAL = {"INTEGER": "whole", "INT": "small", "BIGINT": "whole", "TEXT": "word", "VARCHAR(20)": "word", "REAL": "real",
         "DOUBLE": "real", "NUMERIC": "small", "DECIMAL(12,3)": "small", "BOOLEAN": "bool", "DATETIME": "moment",
         "TIMESTAMP": "epoch", "DATE": "day", "TIME": "clock", "BLOB": "bytes", "JSON": "json", "UUID": "uuid",
         "CHAR(8)": "word"}  # fmt: skip


def fill(db: sqlite3.Connection, seed: int) -> None:
    """One to four tables, each with what comes; what SQLite itself refuses is left out."""
    r = random.Random(seed)
    made: list[tuple[str, str]] = []
    for number in range(r.randint(1, 4)):
        table = f"{r.choice(NAMES)}{number}"
        columns = [(name, r.choice(TYPES)) for name in r.sample(NAMES, r.randint(1, 6))]
        key = _table(db, r, table, columns, made)
        _rows(db, r, table, columns, key)
        _indexes(db, r, table, columns)
        if key == "INTEGER":
            made.append((table, "id"))
        _views(db, r, table, columns)


def _table(
    db: sqlite3.Connection, r: R, table: str, columns: Sequence[tuple[str, str]], made: list[tuple[str, str]]
) -> str:
    key = r.choice(("INTEGER", "INTEGER", "AUTOINCREMENT", "none", "first", "without"))
    parts = ['"id" INTEGER PRIMARY KEY' + (" AUTOINCREMENT" if key == "AUTOINCREMENT" else "")] if key.isupper() else []
    parts += [f'"{name}" {declared}{_constraint(r, name, declared)}' for name, declared in columns]
    if made and r.random() < 0.5:
        parent, target = r.choice(made)
        action = r.choice(("", " ON DELETE CASCADE", " ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED"))
        parts.insert(len(parts), f'"ref" INTEGER REFERENCES "{parent}" ("{target}"){action}')
    if key in {"first", "without"}:
        parts.append(f'PRIMARY KEY ("{columns[0][0]}")')
    tail = " WITHOUT ROWID" if key == "without" else ""
    db.execute(f'CREATE TABLE "{table}" ({", ".join(parts)}){tail}')
    return key


def _constraint(r: R, name: str, declared: str) -> str:
    choice = r.random()
    if choice < 0.1:
        return " NOT NULL"
    if choice < 0.2:
        return " DEFAULT " + r.choice(("0", "1", "'x'", "NULL", "CURRENT_TIMESTAMP", "-1.5", "(1 + 1)", "x'00'"))
    if choice < 0.3:
        column = f'"{name}"'
        return r.choice((f" CHECK ({column} <> 'never')", f" CHECK ({column} IS NULL OR length({column}) < 100000)"))
    return " COLLATE NOCASE" if choice < 0.35 and "CHAR" in declared else ""


def _rows(db: sqlite3.Connection, r: R, table: str, columns: Sequence[tuple[str, str]], key: str) -> None:
    kinds = [
        USUAL.get(declared, r.choice([*KINDS])) if r.random() < 0.75 else r.choice([*KINDS]) for _, declared in columns
    ]
    mixed = [r.random() < 0.15 for _ in columns]
    names = ", ".join(f'"{name}"' for name, _ in columns)
    for _ in range(r.choice((0, 1, 5, 40))):
        cells = [
            None if r.random() < 0.15 else KINDS[r.choice([*KINDS]) if odd and r.random() < 0.3 else kind](r)
            for kind, odd in zip(kinds, mixed, strict=True)
        ]
        with suppress(sqlite3.IntegrityError):
            db.execute(f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(cells))})', cells)
    if key == "AUTOINCREMENT" and r.random() < 0.5:
        db.execute(f'DELETE FROM "{table}" WHERE id > 3')


def _indexes(db: sqlite3.Connection, r: R, table: str, columns: Sequence[tuple[str, str]]) -> None:
    for number in range(r.randint(0, 3)):
        parts = [f'"{name}"{r.choice(DIRECTIONS)}' for name, _ in r.sample(columns, r.randint(1, min(3, len(columns))))]
        name = columns[0][0]
        if r.random() < 0.2:
            parts[0] = r.choice((f'lower("{name}")', f'length("{name}")', f'"{name}" COLLATE NOCASE'))
        where = r.choice(("", "", f' WHERE "{name}" IS NOT NULL', f' WHERE "{name}" > 0', f" WHERE \"{name}\" = 'a'"))
        unique = "UNIQUE " if r.random() < 0.3 else ""
        with suppress(sqlite3.IntegrityError):
            db.execute(f'CREATE {unique}INDEX "ix {table} {number}" ON "{table}" ({", ".join(parts)}){where}')


def _views(db: sqlite3.Connection, r: R, table: str, columns: Sequence[tuple[str, str]]) -> None:
    if r.random() < 0.5:
        return
    name = columns[-1][0]
    body = r.choice(
        (
            f'SELECT "{name}" FROM "{table}" WHERE "{name}" IS NOT NULL',
            f'SELECT count(*) AS n, max("{name}") AS most FROM "{table}"',
            f'SELECT "{name}" AS v, length("{name}") AS l FROM "{table}" ORDER BY 2',
            f'SELECT "{name}" || \'-\' AS v FROM "{table}"',
            f'SELECT * FROM "{table}" WHERE "{name}" > \'5\'',
            f'SELECT "{name}" % 7 AS rest FROM "{table}"',
        )
    )
    db.execute(f'CREATE VIEW "view of {table}" AS {body}')
