"""What is in a queue, read without disturbing whoever works with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recon_cli.outbox import lanes, ledger, rows, spill
from recon_cli.outbox.item import DeadLetter, Item
from recon_cli.outbox.ledger import Account
from recon_cli.outbox.schema import COLUMNS, DEAD_COLUMNS

_FILES = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Status:
    """A queue in numbers.

    `oldest_at` is wall clock seconds; `failures` counts waiting items by attempts spent; `estimated_s` is how long the
    rest takes at the speed of each target's last drain, None where one was never drained.
    """

    accounts: Mapping[str, int]
    in_flight: int
    oldest_at: float | None
    failures: Mapping[int, int]
    dead: Mapping[str, int]
    by_lane: Mapping[tuple[str, str], int]
    circuits: tuple[lanes.Circuit, ...]
    losses: int
    size_bytes: int
    spilled_bytes: int
    estimated_s: float | None


def status(db: sqlite3.Connection, queue: Path, monotonic: float) -> Status:
    """Count; reads indexes, never contents."""
    accounts = {account.value: one.items for account, one in ledger.read(db).items()}
    by_lane = {(a, b): n for a, b, n in db.execute("SELECT target, tbl, count(*) FROM items GROUP BY target, tbl")}
    held = db.execute("SELECT count(*) FROM tries WHERE owner <> '' AND until > ?", (monotonic,)).fetchone()[0]
    sizes = [queue.with_name(queue.name + suffix) for suffix in _FILES]
    return Status(
        accounts,
        held,
        _oldest(db),
        _failures(db, accounts[Account.WAITING.value]),
        dict(db.execute("SELECT reason, count(*) FROM dead GROUP BY reason ORDER BY reason")),
        by_lane,
        tuple(lanes.circuits(db)),
        db.execute("SELECT count(*) FROM losses").fetchone()[0],
        sum(path.stat().st_size for path in sizes if path.exists()),
        db.execute("SELECT coalesce(sum(size_bytes), 0) FROM segments").fetchone()[0],
        _estimate(db, by_lane, accounts[Account.SPILLED.value]),
    )


def _oldest(db: sqlite3.Connection) -> float | None:
    """The first that came in of those still here; numbers rise with time, the wall clock need not."""
    first = db.execute("SELECT id, put_at FROM items ORDER BY id LIMIT 1").fetchone()
    spilled = db.execute("SELECT id, put_at FROM spilled ORDER BY id LIMIT 1").fetchone()
    found = min((row for row in (first, spilled) if row), default=None)
    return None if found is None else found[1]


def _failures(db: sqlite3.Connection, waiting: int) -> dict[int, int]:
    found = dict(db.execute("SELECT failures, count(*) FROM tries WHERE failures > 0 GROUP BY failures"))
    return {0: waiting - sum(found.values()), **found}


def _estimate(db: sqlite3.Connection, by_lane: Mapping[tuple[str, str], int], spilled: int) -> float | None:
    facts = dict(db.execute("SELECT name, value FROM facts WHERE name LIKE 'speed:%'"))
    speeds = {name.removeprefix("speed:"): float(value) for name, value in facts.items()}
    if any(target not in speeds for target, _table in by_lane) or (spilled and not speeds):
        return None
    slowest = min(speeds.values(), default=1.0)
    return sum(items / speeds[target] for (target, _table), items in by_lane.items()) + spilled / slowest


def oldest(db: sqlite3.Connection, limit: int) -> Iterator[tuple[Item, str, float]]:
    """The oldest items in the queue file with their leaseholder (or nothing) and when his lease ends."""
    columns = ", ".join(f"i.{name}" for name in COLUMNS.split(", "))
    tried = "coalesce(t.failures, 0), coalesce(t.detail, ''), coalesce(t.owner, ''), coalesce(t.until, 0)"
    joined = "FROM items i LEFT JOIN tries t ON t.id = i.id ORDER BY i.id LIMIT ?"
    for row in db.execute(f"SELECT {columns}, {tried} {joined}", (limit,)):
        yield rows.from_row(row[:9], row[9], row[10]), row[11], row[12]


def dead_letters(db: sqlite3.Connection, reason: str | None = None) -> Iterator[DeadLetter]:
    """Dead letters, the oldest first, one at a time."""
    where = "" if reason is None else "WHERE reason = ?"
    values = () if reason is None else (reason,)
    query = f"SELECT {DEAD_COLUMNS} FROM dead {where} ORDER BY id"  # noqa: S608  constant names
    for row in db.execute(query, values):
        yield rows.dead_from_row(row)


def everything(db: sqlite3.Connection, queue: Path) -> Iterator[Item | DeadLetter]:
    """All that waits, is spilled, or is dead, one at a time."""
    yield from (item for item, _owner, _until in oldest(db, -1))
    for number, _items in db.execute("SELECT no, items FROM segments ORDER BY no").fetchall():
        wanted = {one for (one,) in db.execute("SELECT id FROM spilled WHERE segment = ?", (number,))}
        yield from (item for item in spill.read_segment(spill.segment_path(queue, number)) if item.id in wanted)
    yield from dead_letters(db)
