"""A small database that an operator would miss, and what can be asked of it after a fault."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

SCHEMA = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE moves (id INTEGER PRIMARY KEY AUTOINCREMENT, account INTEGER NOT NULL REFERENCES accounts(id),
                    amount INTEGER NOT NULL, note TEXT, slip BLOB);
CREATE INDEX moves_account ON moves(account);
"""
TOTAL = 1_000_000


def ledger(path: Path, moves: int = 4000, *, wal: bool = True) -> Path:
    """Accounts whose balances always sum up to TOTAL, and moves between them."""
    rng = random.Random(3)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO accounts VALUES (?, ?, ?)", ((n, f"고객 {n}", TOTAL // 100) for n in range(100)))
        rows = ((rng.randrange(100), rng.randrange(-50, 50), f"이체 {n}", rng.randbytes(40)) for n in range(moves))
        db.executemany("INSERT INTO moves (account, amount, note, slip) VALUES (?, ?, ?, ?)", rows)
        db.commit()
    return path


def dump(path: Path) -> list[str]:
    """Everything in a SQLite file, as SQL."""
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def change(path: Path, sql: str) -> None:
    """Run one statement."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(sql)
