"""Adopting an older queue: `pending.db` of the GFX sync service, in either of its shapes, with its log.

The old file is only read: a copy of it and its log is opened, since reading a log may write. Each row's `record_json`
becomes a payload as it is, byte for byte. Its identity holds the PC, the file's hash and the content, so that the same
file seen by two PCs stays two observations, and adopting twice adds nothing.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.json_text import loads
from recon_cli.outbox.item import DeadLetter, Item, Letter, digest

_TABLES = ("pending_sync", "dead_letter")
_NEEDED = frozenset({"id", "record_json"})
_MANY = "adopted"
ADOPTED = "adopted_from"
"""In a letter's `meta`: from which file, and which row of it."""
_NOTHING: Mapping[str, str] = MappingProxyType({})


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A private copy of an older queue, with its log.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a queue of a known shape, or damaged.
    """
    if not path.is_file():
        raise NotFoundError(f"no file {path}", hint="name the old queue's file, such as `pending.db`")
    with tempfile.TemporaryDirectory(prefix="recon-adopt-") as folder:
        for suffix in ("", "-wal"):
            beside = path.with_name(path.name + suffix)
            if beside.is_file():
                shutil.copyfile(beside, Path(folder, f"pending.db{suffix}"))
        with closing(sqlite3.connect(Path(folder, "pending.db"))) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA trusted_schema = OFF")
            _require_shape(db, path)
            yield db


def waiting(
    db: sqlite3.Connection, path: Path, target: str, table: str, meta: Mapping[str, str] = _NOTHING
) -> Iterator[Letter]:
    """What waited there, the oldest first. Its retries are not counted on: the old service spent them on outages."""
    for row in _rows(db, "pending_sync"):
        yield _letter(row, path, (target, table), meta)


def dead(
    db: sqlite3.Connection, path: Path, target: str, table: str, now: datetime, meta: Mapping[str, str] = _NOTHING
) -> Iterator[DeadLetter]:
    """What was given up there."""
    for row in _rows(db, "dead_letter"):
        at = _moment(row.get("created_at"), now)
        item = Item(0, _letter(row, path, (target, table), meta), at, _count(row.get("retry_count")))
        yield DeadLetter(item, _MANY, str(row.get("error_reason") or row.get("last_error") or ""), at)


def _require_shape(db: sqlite3.Connection, path: Path) -> None:
    try:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        shapes = [{row[1] for row in db.execute(f"PRAGMA table_info({name})")} for name in _TABLES if name in tables]
    except sqlite3.DatabaseError as exc:
        raise DataError(f"cannot read {path}", cause=str(exc), hint="copy its `-wal` beside it, too") from exc
    if not shapes or any(not shape >= _NEEDED for shape in shapes):
        hint = "name one that holds `pending_sync` or `dead_letter` with `record_json`"
        raise DataError(f"{path} is not a queue of a known shape", hint=hint)


def _rows(db: sqlite3.Connection, table: str) -> Iterator[Mapping[str, Any]]:
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
    if found:
        for row in db.execute(f"SELECT * FROM {table} ORDER BY id"):  # noqa: S608  constant names
            yield dict(row)


def _letter(row: Mapping[str, Any], path: Path, to: tuple[str, str], more: Mapping[str, str]) -> Letter:
    kept = row["record_json"]
    payload = bytes(kept) if isinstance(kept, bytes) else str(kept).encode("utf-8", "surrogateescape")
    machine = str(row.get("gfx_pc_id") or "")
    known = _file_hash(payload)
    key = f"{machine}/{known}/{digest(payload).hex()}"
    meta = {name: str(value) for name, value in row.items() if name not in {"record_json", "id"} and value is not None}
    return Letter(*to, key, payload, {**meta, **more, "file_hash": known, ADOPTED: f"{path.name}#{row['id']}"})


def _file_hash(payload: bytes) -> str:
    try:
        record = loads(payload)
    except ValueError:
        return "-"
    return str(record.get("file_hash") or "-") if isinstance(record, dict) else "-"


def _count(cell: object) -> int:
    """SQLite keeps any text in a column of numbers."""
    return cell if isinstance(cell, int) and cell >= 0 else 0


def _moment(text: object, now: datetime) -> float:
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return now.timestamp()
