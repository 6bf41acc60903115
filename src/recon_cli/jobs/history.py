"""History: what earlier checks counted, and how big each file was when it was last accepted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from recon_cli.core.entry import Entry
from recon_cli.ops import paths

_SCHEMA = """
CREATE TABLE IF NOT EXISTS checks (
  at TEXT PRIMARY KEY, items INTEGER, rows INTEGER, orphans INTEGER, missing INTEGER, changed INTEGER, marked INTEGER,
  unproven INTEGER, alarm INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, sha256 TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Count:
    """One check in numbers. `at` is ISO 8601 UTC; `alarm` is 1 when the count alarm went off."""

    at: str
    items: int
    rows: int
    orphans: int
    missing: int
    changed: int
    marked: int
    unproven: int
    alarm: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file as it was accepted: its size in bytes and, once hashed, its SHA-256 (hex)."""

    size_bytes: int | None
    sha256: str | None


class History:
    """The checks of one pair of stores, in one SQLite file of the state folder."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, count: Count) -> None:
        """Remember one check; one of the same second is replaced, unless this one alarms."""
        marks = ", ".join("?" for _ in fields(Count))
        clash = "IGNORE" if count.alarm else "REPLACE"
        with self._db:
            self._db.execute(f"INSERT OR {clash} INTO checks VALUES ({marks})", astuple(count))  # noqa: S608  only marks

    def latest(self, limit: int = 60) -> list[Count]:
        """The last checks, the oldest first."""
        rows = self._db.execute("SELECT * FROM checks ORDER BY at DESC LIMIT ?", (limit,)).fetchall()
        return [Count(*row) for row in reversed(rows)]

    def reference(self) -> Count | None:
        """The last check without a count alarm; the next is compared with it, so an alarm stays until accepted."""
        row = self._db.execute("SELECT * FROM checks WHERE alarm = 0 ORDER BY at DESC LIMIT 1").fetchone()
        return None if row is None else Count(*row)

    def accepted(self, path: str) -> Accepted | None:
        """How a file was when it was accepted, or None when it is new."""
        row = self._db.execute("SELECT size, sha256 FROM files WHERE path = ?", (_bytes(path),)).fetchone()
        return None if row is None else Accepted(*row)

    def accept(self, found: Iterable[tuple[Entry, str | None]]) -> None:
        """Take files as they are now (entry, SHA-256 or None) for what they should be."""
        with self._db:
            self._db.executemany(
                "INSERT INTO files VALUES (?, ?, ?) ON CONFLICT (path) DO UPDATE SET"
                " sha256 = coalesce(excluded.sha256, CASE WHEN size IS excluded.size THEN sha256 END),"
                " size = excluded.size",
                ((_bytes(entry.path), entry.size_bytes, sha256) for entry, sha256 in found),
            )


@contextmanager
def open_history(state_dir: Path, files_url: str, store_url: str, table: str) -> Iterator[History]:
    """The history of checking this table of this store against these files."""
    paths.private_dir(state_dir / "checks")
    db = sqlite3.connect(path_of(state_dir, files_url, store_url, table))
    try:
        db.executescript(f"PRAGMA journal_mode=WAL; {_SCHEMA}")
        yield History(db)
    finally:
        db.close()


def path_of(state_dir: Path, files_url: str, store_url: str, table: str) -> Path:
    """The file of that history; it need not exist."""
    return state_dir / "checks" / f"{paths.name_of(chr(0).join((files_url, store_url, table)))}.db"


def remembered(path: Path, limit: int = 60) -> list[Count]:
    """The last checks of a history, the oldest first; none where there is no such file, or it cannot be read."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return History(db).latest(limit)
    except sqlite3.Error:
        return []


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
