"""ScanState: a scanned tree on disk. Memory stays flat, a killed scan resumes, and jobs read it as a Tree.

One SQLite file a scan. Paths are kept as bytes (UTF-8, undecodable bytes as they were), so that any name fits and the
order is the same everywhere. A killed process loses nothing that was committed. A power cut may cost the file, which is
then made anew: it holds nothing that another scan would not find again, and so is never waited for (synchronous OFF).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dirs (
  path BLOB PRIMARY KEY, listed_by TEXT NOT NULL, incomplete TEXT, detail TEXT NOT NULL, raw BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entries (
  parent BLOB NOT NULL, path BLOB NOT NULL, type TEXT NOT NULL, size INTEGER, mtime REAL, precision TEXT NOT NULL,
  raw BLOB, listed_by TEXT NOT NULL, note TEXT NOT NULL, PRIMARY KEY (parent, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pieces (
  path BLOB NOT NULL, size INTEGER, mtime REAL, offset INTEGER NOT NULL, wanted INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (path, offset, wanted)
) WITHOUT ROWID;
"""
_COMMIT_EVERY_S = 0.02
EntryRow: TypeAlias = tuple[bytes, str, int | None, float | None, str, bytes | None, str, str]
"""path, type, size in bytes, mtime (seconds since 1970), precision, raw path, listed by, note."""
_ENTRY = "path, type, size, mtime, precision, raw, listed_by, note"


class ScanState:
    """A scanned tree in one SQLite file; implements `core.ports.Tree`.

    Used by one thread at a time. `finished` is True once the whole scan came to its end.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        if fresh:
            _remove(path)
        self.path = path
        try:
            self._db = _open(path)
        except sqlite3.DatabaseError:
            _remove(path)
            self._db = _open(path)

    def record(self, listings: Iterable[Listing]) -> Iterator[Listing]:
        """Store each listing and pass it on; what was passed on is committed within a fiftieth of a second."""
        waiting: list[Listing] = []
        due = 0.0
        try:
            for listing in listings:
                waiting.append(listing)
                if (now := time.monotonic()) > due:
                    self._put(waiting)
                    waiting, due = [], now + _COMMIT_EVERY_S
                yield listing
        finally:
            self._put(waiting)

    def _put(self, listings: Sequence[Listing]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO dirs VALUES (?, ?, ?, ?, ?)",
            [(_bytes(one.path), one.listed_by, one.incomplete, one.detail, one.raw_path) for one in listings],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row for listing in listings for row in _rows(listing)),
        )
        self._db.execute("COMMIT")

    def note(self, name: str, value: str) -> None:
        """Remember a fact about this scan."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str | None:
        """A remembered fact, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    @property
    def finished(self) -> bool:
        """Whether the scan came to its end."""
        return self.noted("finished") == "1"

    def forget_incomplete(self) -> None:
        """Drop the directories that are not proven complete, so that a resumed scan lists them again."""
        self._db.execute("DELETE FROM entries WHERE parent IN (SELECT path FROM dirs WHERE incomplete IS NOT NULL)")
        self._db.execute("DELETE FROM dirs WHERE incomplete IS NOT NULL")

    def listing(self, path: str) -> Listing | None:
        """How `path` was listed, or None if no such directory was seen."""
        row = self._db.execute(
            "SELECT listed_by, incomplete, detail, raw FROM dirs WHERE path = ?", (_bytes(path),)
        ).fetchone()
        return None if row is None else self._load(path, row)

    def _load(self, path: str, row: tuple[str, str | None, str, bytes | None]) -> Listing:
        entries = self._db.execute(f"SELECT {_ENTRY} FROM entries WHERE parent = ? ORDER BY path", (_bytes(path),))  # noqa: S608  constant
        incomplete = None if row[1] is None else Incomplete(row[1])
        return Listing(path, tuple(map(load_entry, entries)), row[0], incomplete, row[2], row[3])

    def listings(self, under: str = "") -> Iterator[Listing]:
        """The directory `under` and all below it, by path order."""
        low, high = _range(under)
        found = self._db.execute(
            "SELECT path, listed_by, incomplete, detail, raw FROM dirs"
            " WHERE path = ? OR (path >= ? AND path < ?) ORDER BY path",
            (_bytes(under), low, high),
        )
        for path, *row in found:
            yield self._load(_text(path), tuple(row))

    def entries(self) -> Iterator[Entry]:
        """Every entry of the tree by path order, streamed."""
        return map(load_entry, self.rows())

    def rows(self) -> Iterator[EntryRow]:
        """As `entries`, as they lie in the file: for output, where each step counts."""
        return self._db.execute(f"SELECT {_ENTRY} FROM entries ORDER BY path")  # noqa: S608  constant

    def complete(self, path: str) -> bool:
        """Whether `path` and every directory above it were listed completely."""
        return all(self._is_complete(one) for one in _with_parents(path))

    def complete_below(self, path: str) -> bool:
        """Whether `path`, every directory above it and every directory below it were listed completely."""
        low, high = _range(path)
        bad = self._db.execute(
            "SELECT 1 FROM dirs WHERE path >= ? AND path < ? AND incomplete IS NOT NULL LIMIT 1", (low, high)
        ).fetchone()
        return bad is None and self.complete(path)

    def _is_complete(self, path: str) -> bool:
        row = self._db.execute("SELECT incomplete FROM dirs WHERE path = ?", (_bytes(path),)).fetchone()
        return row is not None and row[0] is None

    def incomplete(self) -> Iterator[Listing]:
        """The directories that are not proven complete, by path order, without their entries."""
        found = self._db.execute(
            "SELECT path, listed_by, incomplete, detail, raw FROM dirs WHERE incomplete IS NOT NULL ORDER BY path"
        )
        for path, listed_by, reason, detail, raw in found:
            yield Listing(_text(path), (), listed_by, Incomplete(reason), detail, raw)

    def totals(self) -> tuple[int, int, int]:
        """Directories listed, files seen, and the sum of the known sizes in bytes."""
        (dirs,) = self._db.execute("SELECT count(*) FROM dirs").fetchone()
        files, size = self._db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM entries WHERE type = 'file'"
        ).fetchone()
        return int(dirs), int(files), int(size)

    def piece(self, entry: Entry, offset: int, wanted: int) -> bytes | None:
        """Bytes of this very file (same path, size and mtime) read before, or None."""
        row = self._db.execute(
            "SELECT body FROM pieces WHERE path = ? AND offset = ? AND wanted = ? AND size IS ? AND mtime IS ?",
            (_bytes(entry.path), offset, wanted, entry.size_bytes, _stamp(entry)),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def keep_piece(self, entry: Entry, offset: int, wanted: int, body: bytes) -> None:
        """Remember bytes of a file."""
        self._db.execute(
            "INSERT OR REPLACE INTO pieces VALUES (?, ?, ?, ?, ?, ?)",
            (_bytes(entry.path), entry.size_bytes, _stamp(entry), offset, wanted, body),
        )

    def forget_tree(self) -> None:
        """Drop the tree and keep the pieces: the next scan starts afresh, the next look at unchanged files is free."""
        self._db.execute("BEGIN")
        for table in ("dirs", "entries", "meta"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608  constant names
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {_SCHEMA}")
    return db


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _text(path: bytes) -> str:
    return bytes(path).decode("utf-8", "surrogateescape")


def _range(path: str) -> tuple[bytes, bytes]:
    """The half-open range of the paths below `path` (for the root: everything but the root itself)."""
    return (_bytes(path) + b"/", _bytes(path) + b"0") if path else (b"\x00", b"\xff" * 8)


def _with_parents(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def _stamp(entry: Entry) -> float | None:
    return None if entry.mtime is None else entry.mtime.timestamp()


def _rows(listing: Listing) -> Iterator[tuple[object, ...]]:
    """The rows of a listing, with plain texts: SQLite looks long for an adapter of anything else."""
    parent = _bytes(listing.path)
    for entry in listing.entries:
        yield (
            parent, _bytes(entry.path), str(entry.type), entry.size_bytes, _stamp(entry), str(entry.precision),
            entry.raw_path, entry.listed_by, entry.note,
        )  # fmt: skip


def load_entry(row: EntryRow) -> Entry:
    """An entry from its row."""
    path, kind, size, mtime, precision, raw, listed_by, note = row
    moment = None if mtime is None else datetime.fromtimestamp(mtime, UTC)
    return Entry(_text(path), EntryType(kind), size, moment, Precision(precision), raw, listed_by, note)
