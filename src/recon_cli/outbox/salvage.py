"""Salvage: a damaged queue is set aside whole, and everything that can be read moves into a new one.

The new file is built under another name, and takes the old one's place only when it is complete. A kill at any moment
leaves either the damaged queue, to be salvaged again, or the new one.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from recon_cli.ops import atomic
from recon_cli.outbox import ledger, rescue, rows, schema, spill
from recon_cli.outbox.item import DeadLetter
from recon_cli.outbox.ledger import ENDS, Account, Sum
from recon_cli.outbox.moves import DAMAGED
from recon_cli.outbox.rescue import Rescued

_LOGS = ("-wal", "-shm")


def finish(queue: Path) -> None:
    """Let a complete new file take its place; the old one's log must go first, or it would be played into the new."""
    done = _beside(queue, ".salvaged")
    if done.exists():
        for suffix in _LOGS:
            _beside(queue, suffix).unlink(missing_ok=True)
        done.replace(queue)
        atomic.sync_folder(queue.parent)


def create(queue: Path) -> None:
    """A new, empty queue file, whole or not at all."""
    building = _built(queue)
    with closing(schema.connect(building)) as db:
        schema.create(db)
        spill.adopt(db, queue)
        counts = ledger.counted(db)
        ledger.book(db, {**counts, Account.PUT: counts[Account.SPILLED]})
    _publish(queue, building)


def salvage(queue: Path, cause: str, now: datetime) -> Path:
    """Set a damaged queue aside and make a new one of what can be read; the folder where the old one lies."""
    aside = _set_aside(queue, now)
    work = aside / "work"
    work.mkdir()
    for suffix in ("", "-wal"):
        original = aside / f"queue.db{suffix}"
        if original.exists():
            shutil.copyfile(original, work / original.name)
    building = _built(queue)
    with closing(schema.connect(building)) as db:
        schema.create(db)
        with schema.transaction(db):
            _fill(db, work / "queue.db", queue, (cause, aside, now.timestamp()))
    shutil.rmtree(work)
    _publish(queue, building)
    return aside


def _fill(db: sqlite3.Connection, copy: Path, queue: Path, about: tuple[str, Path, float]) -> None:
    cause, aside, at = about
    holes = [("the file", cause)]
    old: dict[Account, Sum] = {}
    try:
        rescued = rescue.opened(copy)
    except sqlite3.DatabaseError as exc:
        holes.append(("the file", f"nothing in it can be read: {exc}"))
    else:
        with closing(rescued.db):
            _move(db, rescued, at)
            old = _accounts(rescued)
            holes += rescued.holes
    spill.adopt(db, queue)
    _balance(db, old)
    found = [(at, place, DAMAGED, f"{reason}; the old file is in {aside}") for place, reason in holes]
    db.executemany("INSERT INTO losses (at, item, reason, detail) VALUES (?, ?, ?, ?)", found)


def _move(db: sqlite3.Connection, old: Rescued, at: float) -> None:
    """Row by row: one that cannot be moved must not cost its neighbours."""
    _insert(db, "dead", 13, old.rows("dead", "id", schema.DEAD_COLUMNS))
    for row in old.rows("items", "id", schema.COLUMNS):
        if _sound(row):
            _insert(db, "items", 9, [row])
        else:
            _bury(db, row, at)
    _insert(db, "acked", 2, old.rows("acked", "seq", "seq, mark"))
    tried = "id, '', 0, failures, 0, detail"
    _insert(db, "tries", 6, (row for row in old.rows("tries", "id", tried) if row[3]))
    losses = old.small("SELECT no, at, item, reason, detail FROM losses")
    _insert(db, "losses", 5, losses)
    _keep_numbers(db, old)


def _sound(row: tuple[Any, ...]) -> bool:
    try:
        return rows.is_exact(row) and rows.from_row(row).letter.mark == bytes(row[1])
    except (TypeError, ValueError):
        return False


def _bury(db: sqlite3.Connection, row: tuple[Any, ...], at: float) -> None:
    """An item whose bytes are not those that were put: kept as it is, never to be sent."""
    try:
        dead = DeadLetter(rows.from_row(row), DAMAGED, "the bytes are not those that were put", at)
        rows.insert_dead(db, [dead])
    except (TypeError, ValueError, sqlite3.Error):
        return  # the ledger will miss it, and say so


def _insert(db: sqlite3.Connection, table: str, width: int, found: Iterator[tuple[Any, ...]] | list[Any]) -> None:
    marks = ", ".join("?" * width)
    db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", found)  # noqa: S608  constant names


def _keep_numbers(db: sqlite3.Connection, old: Rescued) -> None:
    """No number is given twice, also not one whose item was lost."""
    kept = dict(old.small("SELECT name, seq FROM sqlite_sequence"))
    for name, key in (("items", "id"), ("acked", "seq"), ("segments", "no")):
        highest = db.execute(f"SELECT coalesce(max({key}), 0) FROM {name}").fetchone()[0]  # noqa: S608  constant names
        highest = max(highest, kept.get(name) or 0)
        db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, highest))


def _accounts(old: Rescued) -> dict[Account, Sum]:
    known = {account.value: account for account in Account}
    found = old.small("SELECT account, items, ids FROM ledger")
    return {known[name]: Sum(items, ids) for name, items, ids in found if name in known}


def _balance(db: sqlite3.Connection, old: dict[Account, Sum]) -> None:
    """What was put and is nowhere any more is lost; without the old ledger nobody knows how much that is."""
    now = ledger.counted(db)
    for account in (Account.ACKED, Account.DROPPED, Account.LOST):
        now[account] = old.get(account, Sum())
    total = Sum()
    for account in ENDS:
        total += now[account]
    put = old.get(Account.PUT, total)
    if put.items > total.items:
        now[Account.LOST] += put - total
    else:
        put = total
    ledger.book(db, {**now, Account.PUT: put})


def _set_aside(queue: Path, now: datetime) -> Path:
    """A copy of the queue and its log, on disk, in a folder of its own."""
    stem = f"{queue.name}.damaged-{now:%Y%m%dT%H%M%SZ}"
    names = (stem if not number else f"{stem}-{number}" for number in range(1000))
    aside = next(path for path in map(queue.with_name, names) if not path.exists())
    aside.mkdir(mode=0o700)
    for suffix in ("", "-wal"):
        original = _beside(queue, suffix)
        if original.exists():
            with original.open("rb") as file:
                atomic.write_file(aside / f"queue.db{suffix}", iter(lambda: file.read(1 << 20), b""), mode=0o600)
    return aside


def _built(queue: Path) -> Path:
    building = _beside(queue, ".building")
    for suffix in ("", *_LOGS):
        building.with_name(building.name + suffix).unlink(missing_ok=True)
    return building


def _publish(queue: Path, building: Path) -> None:
    building.chmod(0o600)
    atomic.sync_file(building)
    building.replace(_beside(queue, ".salvaged"))
    atomic.sync_folder(queue.parent)
    finish(queue)


def _beside(queue: Path, suffix: str) -> Path:
    return queue.with_name(queue.name + suffix)
