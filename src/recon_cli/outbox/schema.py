"""The queue file: its tables, and how a connection to it is set up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recon_cli.core.errors import DataError, ReconError

APPLICATION_ID = 0x72636E71
VERSION = 1
PAGE_BYTES = 4096
_BUSY_S = 60.0

# An item's row is written once and never changed, so that leasing a record of 20 kB costs a few bytes; what changes is
# in `tries`. All tables are made at once and in this order: `rescue` relies on their root pages.
SCHEMA = """
CREATE TABLE items (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mark BLOB NOT NULL UNIQUE, target TEXT NOT NULL, tbl TEXT NOT NULL,
  key TEXT NOT NULL, payload BLOB NOT NULL, digest BLOB NOT NULL, meta TEXT NOT NULL, put_at REAL NOT NULL
);
CREATE INDEX lanes ON items (target, tbl, id);
CREATE TABLE tries (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL DEFAULT '', until REAL NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT ''
);
CREATE TABLE dead (
  id INTEGER PRIMARY KEY, mark BLOB NOT NULL UNIQUE, target TEXT NOT NULL, tbl TEXT NOT NULL, key TEXT NOT NULL,
  payload BLOB NOT NULL, digest BLOB NOT NULL, meta TEXT NOT NULL, put_at REAL NOT NULL,
  failures INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, buried_at REAL NOT NULL
);
CREATE TABLE acked (seq INTEGER PRIMARY KEY AUTOINCREMENT, mark BLOB NOT NULL UNIQUE);
CREATE TABLE segments (no INTEGER PRIMARY KEY AUTOINCREMENT, items INTEGER NOT NULL, size_bytes INTEGER NOT NULL);
CREATE TABLE spilled (id INTEGER PRIMARY KEY, mark BLOB NOT NULL UNIQUE, segment INTEGER NOT NULL, put_at REAL);
CREATE TABLE circuits (
  target TEXT, tbl TEXT, failure TEXT NOT NULL, failures INTEGER NOT NULL, until REAL NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (target, tbl)
) WITHOUT ROWID;
CREATE TABLE ledger (account TEXT PRIMARY KEY, items INTEGER NOT NULL, ids INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE losses (no INTEGER PRIMARY KEY, at REAL NOT NULL, item TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

COLUMNS = "id, mark, target, tbl, key, payload, digest, meta, put_at"
DEAD_COLUMNS = f"{COLUMNS}, failures, reason, detail, buried_at"


def connect(path: Path, *, writable: bool = True) -> sqlite3.Connection:
    """A connection on which a commit is on disk when it returns. Threads may share it if they take turns."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if writable else 'ro'}"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA cache_size=-8000")
    if writable:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=1000")
        db.execute(
            "PRAGMA secure_delete=OFF"
        )  # where it is on (Debian), each delivered item is written once more, as zeros
    return db


def create(db: sqlite3.Connection) -> None:
    """Make the tables if this is a new file; two that come at once make them once."""
    with transaction(db):
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in SCHEMA.strip().split(";\n"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={VERSION}")


def require_known(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a SQLite file that is something else, or newer than this program.

    Raises:
        DataError: it is.
    """
    made_by = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if made_by != APPLICATION_ID:
        hint = "name another file in `[queue] path`; an older queue comes in with `recon queue adopt FILE`"
        raise DataError(f"{path} is not a queue of recon", hint=hint)
    if version > VERSION:
        raise DataError(
            f"{path} was written by a newer recon",
            cause=f"format {version}",
            hint="update recon: `pip install --upgrade recon-cli`",
        )


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One writer at a time, all or nothing; also nothing when the block is interrupted."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def is_full(exc: Exception) -> bool:
    """Whether the disk is full."""
    return getattr(exc, "sqlite_errorname", "") == "SQLITE_FULL" or "disk is full" in str(exc)


def full(path: Path, cause: str) -> ReconError:
    """The error of a disk without room."""
    hint = "make room on its disk; what was acknowledged is safe, what was not is to be put again"
    return ReconError(f"the disk of the queue {path} is full", cause=cause, hint=hint)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as recon's.

    Raises:
        DataError: the file is damaged.
        ReconError: the disk is full, or another program holds the file.
    """
    try:
        yield
    except sqlite3.DatabaseError as exc:
        if is_full(exc):
            raise full(path, str(exc)) from exc
        if isinstance(exc, sqlite3.OperationalError):
            raise ReconError(f"cannot use the queue {path}", cause=str(exc), hint=f"look at `fuser {path}`") from exc
        hint = "run again: a damaged queue is set aside and salvaged then"
        raise DataError(f"the queue {path} is damaged", cause=str(exc), hint=hint) from exc
