"""Seen: which files were put already, so that the next run need not read them again. Losing it costs time, no file.

One SQLite file in the state folder for each source and target. It is derived from the files, the outbox and the
target; what it does not know is read again, and put again under the same identity.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from recon_cli.core.errors import ReconError
from recon_cli.files.watched.look import Look
from recon_cli.ops import paths

_SCHEMA = """
CREATE TABLE files (
  path BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,
  state TEXT NOT NULL, source TEXT NOT NULL, hash TEXT NOT NULL, item TEXT NOT NULL,
  delivered INTEGER NOT NULL, first_seen TEXT NOT NULL, checked REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX items ON files (item);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_MANY = 500


class State(StrEnum):
    """What became of a file at its last reading."""

    PUT = "put"
    """It is in the outbox, or went through it."""
    HALF = "half"
    """It ended before its content did; `checked` is when that was seen first."""
    UNFIT = "unfit"
    """It is a dead letter."""


class Entry(NamedTuple):
    """A file as it was last read. `checked` is wall clock seconds, `first_seen` an ISO time."""

    look: Look
    state: State
    source: str
    hash: str = ""
    item: str = ""
    delivered: bool = False
    first_seen: str = ""
    checked: float = 0.0


class Seen:
    """The file, opened. Threads may share it."""

    def __init__(self, path: Path) -> None:
        paths.private_dir(path.parent)
        self._path = path
        self._lock = threading.RLock()
        with self._translated():
            self._db = _opened(path)

    def known(self, looks: Sequence[Look]) -> dict[str, Entry]:
        """What is known of these files, by path."""
        found: dict[str, Entry] = {}
        names = iter([os.fsencode(one.path) for one in looks])
        while some := list(islice(names, _MANY)):
            marks = ", ".join("?" * len(some))
            for row in self._all(f"SELECT * FROM files WHERE path IN ({marks})", some):  # noqa: S608  marks alone
                entry = _entry(row)
                found[entry.look.path] = entry
        return found

    def mark(self, entries: Iterable[Entry]) -> None:
        """Remember what became of files."""
        with self._changing() as db:
            db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(_row, entries))

    def delivered(self, items: Iterable[str]) -> None:
        """The target has the items of these keys. Forgotten where the disk is full: that must not keep the queue."""
        with suppress(ReconError), self._changing() as db:
            db.executemany("UPDATE files SET delivered = 1 WHERE item = ?", [(one,) for one in items])

    def read_again(self, *, delivered: bool) -> int:
        """Forget that files were put, so that they are read and put anew; how many.

        Without `delivered` only those that the target has not got yet: the outbox may have lost them. With it every
        file, under a new identity: the target may have lost them.
        """
        which = "" if delivered else " WHERE delivered = 0"
        with self._changing() as db:
            if delivered:
                row = db.execute("SELECT value FROM facts WHERE name = 'round'").fetchone()
                db.execute("INSERT OR REPLACE INTO facts VALUES ('round', ?)", (str(int(row[0] if row else 0) + 1),))
            return db.execute(f"UPDATE files SET size_bytes = -1, delivered = 0{which}").rowcount  # noqa: S608  a constant

    def fact(self, name: str) -> str | None:
        """A note by its name."""
        found = self._all("SELECT value FROM facts WHERE name = ?", [name])
        return str(found[0][0]) if found else None

    def note(self, name: str, value: str) -> None:
        """Leave a note."""
        with self._changing() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._db.close()

    def _all(self, query: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        with self._lock, self._translated():
            return self._db.execute(query, list(values)).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            hint = "look at `df -h`; deleting it loses no file: all is read again"
            raise ReconError(f"cannot use {self._path}", cause=str(exc), hint=hint) from exc


def iso(moment: datetime) -> str:
    """A time as it is noted and sent."""
    return moment.isoformat(timespec="microseconds")


def _opened(path: Path) -> sqlite3.Connection:
    """Open it, or make it; a damaged one is set aside, for all of it can be found out again."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError as exc:
        if isinstance(exc, sqlite3.OperationalError):
            raise
        for ending in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + ending).replace(path.with_name(f"{path.name}.damaged{ending}"))
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 256")  # a megabyte: the queue leaves that much room on a full disk
        db.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes back is read and put again
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            with suppress(sqlite3.OperationalError):  # another process was quicker
                db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            if db.in_transaction:
                db.execute("ROLLBACK")
    except BaseException:
        db.close()
        raise
    return db


def _row(entry: Entry) -> tuple[object, ...]:
    look, state, source, digest, item, delivered, first, checked = entry
    path, size, mtime, inode = look
    return (os.fsencode(path), size, mtime, inode, state.value, source, digest, item, int(delivered), first, checked)


def _entry(row: tuple[object, ...]) -> Entry:
    path, size, mtime, inode, state, source, digest, item, delivered, first, checked = row
    look = Look(os.fsdecode(path), int(size), int(mtime), int(inode))  # type: ignore[arg-type, call-overload]  # as declared
    told = (str(source), str(digest), str(item), bool(delivered), str(first), float(checked))  # type: ignore[arg-type]  # same
    return Entry(look, State(str(state)), *told)
