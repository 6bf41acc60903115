"""How items move, in SQL. Each function runs inside the caller's transaction and keeps the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from recon_cli.core.delivery import Failure
from recon_cli.outbox import lanes, ledger, rows
from recon_cli.outbox.fresh import Fresh
from recon_cli.outbox.item import DeadLetter, Item, Letter, Placed
from recon_cli.outbox.ledger import Account
from recon_cli.outbox.schema import COLUMNS, DEAD_COLUMNS

DAMAGED = "damaged"
_PROBE_ITEMS = 1
_PLACES = (
    ("acked", Placed.ACKED),
    ("dead", Placed.DEAD),
    ("spilled", Placed.SPILLED),
    ("items", Placed.WAITING),
)
_WHERE = " UNION ALL ".join(
    f"SELECT mark, {number} FROM {table} WHERE mark IN ({{}})"  # noqa: S608  constant names
    for number, (table, _place) in enumerate(_PLACES)
)


def put(
    db: sqlite3.Connection, letters: Sequence[Letter], marks: Sequence[bytes], at: float
) -> tuple[list[Placed], list[Item]]:
    """New identities become items; one answer for each letter, and the new items. `marks` are the letters'."""
    known = whereabouts(db, marks)
    placed: list[Placed] = []
    new: dict[bytes, Letter] = {}
    for mark, letter in zip(marks, letters, strict=True):
        found = Placed.WAITING if mark in new else known.get(mark, Placed.NEW)
        placed.append(found)
        if found is Placed.NEW:
            new[mark] = letter
    items: list[Item] = []
    if new:
        first = next_id(db)
        ids = range(first, first + len(new))
        items = [Item(number, letter, at) for number, letter in zip(ids, new.values(), strict=True)]
        rows.insert_new(db, zip(new, items, strict=True))
        ledger.book(db, {Account.PUT: ledger.of(ids), Account.WAITING: ledger.of(ids)})
    return placed, items


def whereabouts(db: sqlite3.Connection, marks: Sequence[bytes]) -> dict[bytes, Placed]:
    """Where the known ones among these identities are."""
    found = rows.select_in(db, _WHERE, marks)
    return {mark: _PLACES[place][1] for mark, place in found}


def next_id(db: sqlite3.Connection) -> int:
    """The next item's number; none is ever given twice, also not after its item is gone."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'items'").fetchone()
    return (row[0] if row else 0) + 1


def lease(
    db: sqlite3.Connection,
    target: str,
    owner: str,
    now: float,
    until: float,
    size: tuple[int, int],
    wall: Callable[[], datetime],
    fresh: Fresh,
) -> list[Item]:
    """Lease from the lane whose first ready item is the oldest; `size` is items and bytes at most.

    An item whose bytes were damaged on disk is buried instead: it must not be sent.
    """
    open_now = {(one.target, one.table): one for one in lanes.circuits(db, target)}
    limit, size_bytes = size
    best: list[lanes.Picked] = []
    for lane in lanes.lanes(db, target):
        circuits = [one for one in (open_now.get((target, "")), open_now.get((target, lane.table))) if one]
        if any(one.until > now for one in circuits):
            continue
        found = lanes.pick(db, lane, now, (_PROBE_ITEMS if circuits else limit, size_bytes), fresh)
        if found and (not best or found[0].item.id < best[0].item.id):
            best = found
    sound = _sound(db, best, wall)
    hold = [(item.id, owner, until) for item in sound]
    db.executemany(
        "INSERT INTO tries (id, owner, until) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, until = excluded.until",
        hold,
    )
    return sound


def _sound(db: sqlite3.Connection, picked: Sequence[lanes.Picked], wall: Callable[[], datetime]) -> list[Item]:
    for one in picked:
        if not one.exact:
            _to_dead(db, DeadLetter(one.item, DAMAGED, "the bytes are not those that were put", wall().timestamp()))
    return [one.item for one in picked if one.exact]


def renew(db: sqlite3.Connection, ids: Sequence[int], owner: str, until: float) -> None:
    """Leases last longer."""
    rows.change_in(db, f"UPDATE tries SET until = {until!r} WHERE owner = ? AND id IN ({{}})", ids, owner)  # noqa: S608  a number


def release(db: sqlite3.Connection, ids: Sequence[int], owner: str) -> None:
    """Leases end; the attempts spent so far stay."""
    rows.change_in(db, "UPDATE tries SET owner = '', until = 0 WHERE owner = ? AND id IN ({})", ids, owner)


def ack(db: sqlite3.Connection, ids: Sequence[int], remembered: int) -> int:
    """Items leave as delivered, whoever holds them: the target has them, and that is what counts."""
    here = [number for (number,) in rows.select_in(db, "SELECT id FROM items WHERE id IN ({})", ids)]
    rows.change_in(db, "INSERT OR REPLACE INTO acked (mark) SELECT mark FROM items WHERE id IN ({}) ORDER BY id", here)
    remove(db, "items", here)
    db.execute("DELETE FROM acked WHERE seq <= (SELECT max(seq) FROM acked) - ?", (remembered,))
    ledger.move(db, here, Account.WAITING, Account.ACKED)
    return len(here)


def remove(db: sqlite3.Connection, table: str, ids: Sequence[int]) -> None:
    """Take rows out, and what was tried with them."""
    rows.change_in(db, f"DELETE FROM {table} WHERE id IN ({{}})", ids)  # noqa: S608  constant names
    rows.change_in(db, "DELETE FROM tries WHERE id IN ({})", ids)


def retry(db: sqlite3.Connection, number: int, owner: str, due: float, detail: str) -> None:
    """One more attempt spent, by the owner alone."""
    db.execute(
        "UPDATE tries SET owner = '', until = 0, failures = failures + 1, due = ?, detail = ?"
        " WHERE id = ? AND owner = ?",
        (due, detail, number, owner),
    )


def postpone(db: sqlite3.Connection, number: int, owner: str, due: float) -> None:
    """Not before `due`; the attempts spent so far stay."""
    db.execute("UPDATE tries SET owner = '', until = 0, due = ? WHERE id = ? AND owner = ?", (due, number, owner))


def bury(db: sqlite3.Connection, item: Item, owner: str, reason: str, detail: str, at: float) -> None:
    """The item moves to the dead letters, if it is still here and the owner's."""
    if db.execute("SELECT 1 FROM tries WHERE id = ? AND owner = ?", (item.id, owner)).fetchone():
        _to_dead(db, DeadLetter(replace(item, failures=item.failures + 1), reason, detail, at))


def _to_dead(db: sqlite3.Connection, dead: DeadLetter) -> None:
    number = dead.item.id
    if db.execute("SELECT 1 FROM items WHERE id = ?", (number,)).fetchone():
        columns = f"SELECT {COLUMNS}, ?, ?, ?, ? FROM items WHERE id = ?"  # noqa: S608  constant names
        values = (dead.item.failures, dead.reason, dead.detail, dead.buried_at, number)
        db.execute(f"INSERT INTO dead ({DEAD_COLUMNS}) {columns}", values)
        remove(db, "items", [number])
        ledger.move(db, [number], Account.WAITING, Account.DEAD)


def requeue(db: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Dead letters wait again, with all attempts before them."""
    here = _dead_ids(db, ids)
    rows.change_in(db, f"INSERT INTO items SELECT {COLUMNS} FROM dead WHERE id IN ({{}})", here)  # noqa: S608  constant names
    remove(db, "dead", here)
    ledger.move(db, here, Account.DEAD, Account.WAITING)
    return len(here)


def drop(db: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Dead letters are thrown away, and booked as thrown away."""
    here = _dead_ids(db, ids)
    remove(db, "dead", here)
    ledger.move(db, here, Account.DEAD, Account.DROPPED)
    return len(here)


def add_dead(db: sqlite3.Connection, letters: Iterable[DeadLetter]) -> list[Placed]:
    """Dead letters from elsewhere come in as dead letters, under new numbers; known identities stay as they are."""
    given = list(letters)
    known = whereabouts(db, [dead.item.letter.mark for dead in given])
    placed: list[Placed] = []
    for dead in given:
        mark = dead.item.letter.mark
        placed.append(known.get(mark, Placed.NEW))
        if placed[-1] is Placed.NEW:
            known[mark] = Placed.DEAD
            _add_dead(db, dead)
    return placed


def _add_dead(db: sqlite3.Connection, dead: DeadLetter) -> None:
    number = next_id(db)
    rows.insert_dead(db, [replace(dead, item=replace(dead.item, id=number))])
    taken = db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'items'", (number,)).rowcount
    if not taken:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('items', ?)", (number,))
    ledger.book(db, {Account.PUT: ledger.of([number]), Account.DEAD: ledger.of([number])})


def _dead_ids(db: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    return [number for (number,) in rows.select_in(db, "SELECT id FROM dead WHERE id IN ({}) ORDER BY id", ids)]


def trip(db: sqlite3.Connection, where: tuple[str, str], failure: Failure, until: float, detail: str) -> None:
    """Open a circuit, or keep it open for longer; never for shorter, two agents may say so."""
    db.execute(
        "INSERT INTO circuits VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (target, tbl) DO UPDATE SET"
        " failures = failures + 1, failure = excluded.failure, until = max(until, excluded.until),"
        " detail = excluded.detail",
        (*where, failure.value, until, detail),
    )


def close_circuit(db: sqlite3.Connection, target: str, table: str) -> None:
    """Close it."""
    db.execute("DELETE FROM circuits WHERE target = ? AND tbl IN ('', ?)", (target, table))


def hurry(db: sqlite3.Connection, target: str) -> None:
    """What was put off is due now, and every circuit lets one item through to see."""
    db.execute("UPDATE tries SET due = 0 WHERE id IN (SELECT id FROM items WHERE target = ?)", (target,))
    db.execute("UPDATE circuits SET until = 0 WHERE target = ?", (target,))


def probe(db: sqlite3.Connection, target: str) -> None:
    """Circuits let one item through to see, but for those whose time the target itself has set."""
    db.execute("UPDATE circuits SET until = 0 WHERE target = ? AND failure <> ?", (target, Failure.THROTTLED.value))
