"""Spilling: the oldest items of a queue that is too long, in files beside it.

A segment is written, synced and renamed into place *before* its items leave the queue, in the transaction that takes
them out; it is deleted after the transaction that takes them back. So at every moment an item is in the queue, or in
a segment that the queue knows, or (for a moment, after a kill) in both: then the file is stale and the queue is right.
Numbers of segments are never given twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from recon_cli.core.errors import DataError
from recon_cli.ops import atomic, paths
from recon_cli.outbox import ledger, moves, rows
from recon_cli.outbox.item import Item, Limits
from recon_cli.outbox.ledger import Account
from recon_cli.outbox.schema import COLUMNS

_SUFFIX = ".jsonl"
_MOVABLE = (
    "SELECT i.id FROM items i LEFT JOIN tries t ON t.id = i.id WHERE coalesce(t.until, 0) <= ? ORDER BY i.id LIMIT ?"
)


def folder(queue: Path) -> Path:
    """Where the segments of a queue are."""
    return queue.with_name(queue.name + ".spill")


def segment_path(queue: Path, number: int) -> Path:
    """The file of one segment."""
    return folder(queue) / f"{number:08}{_SUFFIX}"


def on_disk(queue: Path) -> Iterator[tuple[int, Path]]:
    """All segment files there are, known or stale, by number."""
    if folder(queue).is_dir():
        for path in sorted(folder(queue).glob(f"*{_SUFFIX}")):
            if path.stem.isdigit():
                yield int(path.stem), path


def spill(db: sqlite3.Connection, queue: Path, now: float, limits: Limits, step: Callable[[str], None]) -> int:
    """Move the oldest items that nobody holds into a new segment; how many were moved."""
    ids = [number for (number,) in db.execute(_MOVABLE, (now, limits.segment_items))]
    if not ids:
        return 0
    number: int = db.execute("INSERT INTO segments (items, size_bytes) VALUES (?, 0)", (len(ids),)).lastrowid or 0
    step("spill: write")
    paths.private_dir(folder(queue))
    lines = (rows.to_line(item) for item in _items(db, ids))
    size_bytes = atomic.write_file(segment_path(queue, number), lines, mode=0o600)
    step("spill: written")
    db.execute("UPDATE segments SET size_bytes = ? WHERE no = ?", (size_bytes, number))
    stubs = f"INSERT INTO spilled SELECT id, mark, {number:d}, put_at FROM items WHERE id IN ({{}})"  # noqa: S608  a number
    rows.change_in(db, stubs, ids)
    moves.remove(db, "items", ids)
    ledger.move(db, ids, Account.WAITING, Account.SPILLED)
    return len(ids)


def _items(db: sqlite3.Connection, ids: list[int]) -> Iterator[Item]:
    columns = ", ".join(f"i.{name}" for name in COLUMNS.split(", "))
    joined = "FROM items i LEFT JOIN tries t ON t.id = i.id WHERE i.id IN ({}) ORDER BY i.id"
    query = f"SELECT {columns}, coalesce(t.failures, 0), coalesce(t.detail, '') {joined}"
    return (rows.from_row(row[:9], *row[9:]) for row in rows.select_in(db, query, ids))


def has_room(db: sqlite3.Connection, limits: Limits) -> bool:
    """Whether there is a segment, and room for it in the queue; an empty one has room for any."""
    first = _first(db)
    waiting = ledger.count(db, Account.WAITING)
    return first is not None and (waiting == 0 or waiting + first[1] <= limits.max_items)


def _first(db: sqlite3.Connection) -> tuple[int, int] | None:
    row: tuple[int, int] | None = db.execute("SELECT no, items FROM segments ORDER BY no LIMIT 1").fetchone()
    return row


def read_back(
    db: sqlite3.Connection, queue: Path, wall: Callable[[], datetime], step: Callable[[str], None]
) -> int | None:
    """Take the oldest segment's items back under their own ids; its number, or None if another was quicker.

    What a damaged segment no longer has is booked as lost, and named; the file is kept then, under another name.
    """
    first = _first(db)
    if first is None:
        return None
    number = first[0]
    wanted = {found for (found,) in db.execute("SELECT id FROM spilled WHERE segment = ?", (number,))}
    here: list[int] = []
    path = segment_path(queue, number)
    for item in read_segment(path):
        if item.id in wanted:
            wanted.discard(item.id)
            here.append(item.id)
            _take_back(db, item)
    step("refill: read")
    db.execute("DELETE FROM spilled WHERE segment = ?", (number,))
    db.execute("DELETE FROM segments WHERE no = ?", (number,))
    ledger.move(db, here, Account.SPILLED, Account.WAITING)
    if wanted:
        _lose(db, path, sorted(wanted), wall().timestamp())
        return None
    return number


def _take_back(db: sqlite3.Connection, item: Item) -> None:
    rows.insert(db, [item])
    if item.failures:
        db.execute("INSERT OR REPLACE INTO tries (id, failures) VALUES (?, ?)", (item.id, item.failures))


def _lose(db: sqlite3.Connection, path: Path, ids: list[int], at: float) -> None:
    ledger.move(db, ids, Account.SPILLED, Account.LOST)
    kept = path.with_suffix(".damaged")
    if path.exists():
        path.replace(kept)
    detail = f"{len(ids)} items, numbers {ids[0]} to {ids[-1]}; what is left is in {kept}"
    db.execute(
        "INSERT INTO losses (at, item, reason, detail) VALUES (?, ?, ?, ?)", (at, str(path), "damaged-segment", detail)
    )


def read_segment(path: Path) -> Iterator[Item]:
    """The items of a segment that can be read."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        for line in file:
            try:
                found = rows.from_line(line)
            except DataError:
                continue
            if isinstance(found, Item):
                yield found


def remove(queue: Path, number: int | None) -> None:
    """Delete a segment whose items are back."""
    if number is not None:
        segment_path(queue, number).unlink(missing_ok=True)


def remove_stale(db: sqlite3.Connection, queue: Path) -> None:
    """Delete segments that the queue does not know; inside a transaction, so that nobody is writing one."""
    known = {number for (number,) in db.execute("SELECT no FROM segments")}
    for number, path in on_disk(queue):
        if number not in known:
            path.unlink(missing_ok=True)


def adopt(db: sqlite3.Connection, queue: Path) -> None:
    """Enter all segments on disk into a queue that was salvaged and knows none; lines it has otherwise are left out."""
    for number, path in on_disk(queue):
        fresh: dict[bytes, tuple[int, float]] = {}
        for item in read_segment(path):
            fresh[item.letter.mark] = (item.id, item.put_at)
        for mark in moves.whereabouts(db, list(fresh)):
            del fresh[mark]
        if fresh:
            size = (number, len(fresh), path.stat().st_size)
            db.execute("INSERT INTO segments VALUES (?, ?, ?)", size)
            stubs = [(found, mark, number, put_at) for mark, (found, put_at) in fresh.items()]
            db.executemany("INSERT INTO spilled VALUES (?, ?, ?, ?)", stubs)
