"""Rescue: rows out of a damaged queue file, by row number, round the damaged pages.

Where the first page is gone, the file cannot even be opened. All tables were made at once in a known order, so the
first page of a new queue fits: it is put in its place, in a copy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recon_cli.outbox import schema

_TOP = (1 << 63) - 1
_MOST_HOLES = 10_000


@dataclass(slots=True)
class Rescued:
    """An open copy of a damaged queue, and what could not be read in it so far: (place, reason)."""

    db: sqlite3.Connection
    holes: list[tuple[str, str]] = field(default_factory=list)

    def rows(self, table: str, key: str, columns: str) -> Iterator[tuple[Any, ...]]:
        """The rows that can be read, by rising `key` (the row number); each unreadable stretch becomes a hole."""
        start: int | None = 0
        for _ in range(_MOST_HOLES):
            last = None
            query = f"SELECT {key}, {columns} FROM {table} NOT INDEXED WHERE {key} >= ? ORDER BY {key}"  # noqa: S608  constant names
            try:
                for row in self.db.execute(query, (start,)):
                    last = row[0]
                    yield row[1:]
            except sqlite3.DatabaseError as exc:
                lost = (start or 0) if last is None else last + 1
                start = self._next_readable(table, key, lost)
                upper = "the end" if start is None else f"{start - 1}"
                self.holes.append((f"{table} {lost} to {upper}", str(exc)))
                if start is None:
                    return
            else:
                return

    def small(self, query: str) -> list[tuple[Any, ...]]:
        """A table that is small, or what can be read of it."""
        found: list[tuple[Any, ...]] = []
        try:
            found.extend(self.db.execute(query))
        except sqlite3.DatabaseError as exc:
            self.holes.append((query.partition(" FROM ")[2], str(exc)))
        return found

    def _next_readable(self, table: str, key: str, lost: int) -> int | None:
        """The smallest row number above the damage from which a row can be read; None if there is none."""
        step = 1
        while not self._readable(table, key, low := min(lost + step, _TOP)):
            if low == _TOP:
                return None
            step *= 2
        bad, good = lost + step // 2, low
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if self._readable(table, key, middle) else (middle, good)
        return good

    def _readable(self, table: str, key: str, number: int) -> bool:
        query = f"SELECT * FROM {table} NOT INDEXED WHERE {key} >= ? ORDER BY {key} LIMIT 1"  # noqa: S608  constant names
        try:
            self.db.execute(query, (number,)).fetchone()
        except sqlite3.DatabaseError:
            return False
        return True


def opened(copy: Path) -> Rescued:
    """A copy of a damaged queue, opened one way or the other.

    Raises:
        sqlite3.DatabaseError: nothing in it can be read.
    """
    try:
        return Rescued(_connect(copy))
    except sqlite3.DatabaseError as exc:
        graft(copy)
        return Rescued(_connect(copy), [("the first page", str(exc))])


def graft(copy: Path) -> None:
    """Give a file the first page of a new queue."""
    fresh = copy.with_name("fresh.db")
    with closing(schema.connect(fresh)) as db:
        schema.create(db)
    page = bytearray(fresh.read_bytes()[: schema.PAGE_BYTES])
    pages = max(1, copy.stat().st_size // schema.PAGE_BYTES)
    page[28:32] = pages.to_bytes(4, "big")  # the file's size in pages
    page[32:40] = bytes(8)  # no free pages
    page[92:96] = page[24:28]  # the size is valid for this very change counter
    for suffix in ("-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    with copy.open("r+b") as file:
        file.write(page)
    fresh.unlink()


def _connect(path: Path) -> sqlite3.Connection:
    db = schema.connect(path)
    try:
        db.execute("SELECT 1 FROM items LIMIT 0").fetchall()
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db
