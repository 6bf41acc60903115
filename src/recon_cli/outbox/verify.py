"""Verify: is the file sound, is every item exactly as it was put, and is everything that came in accounted for?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recon_cli.outbox import ledger, rows, spill
from recon_cli.outbox.ledger import ENDS, Account, Sum
from recon_cli.outbox.schema import COLUMNS

_PLACES = ("items", "spilled", "dead", "acked")


@dataclass(frozen=True, slots=True)
class Verified:
    """The ledger, what was found wrong (place, why), and what earlier damage cost (place, why)."""

    accounts: Mapping[Account, Sum]
    wrong: tuple[tuple[str, str], ...]
    losses: tuple[tuple[str, str], ...]

    @property
    def right(self) -> bool:
        """Whether nothing is wrong now."""
        return not self.wrong


def verify(db: sqlite3.Connection, queue: Path) -> Verified:
    """Look at everything; changes nothing. Reads every byte of the queue and of its segments."""
    wrong: list[tuple[str, str]] = []
    try:
        wrong += _structure(db)
        wrong += _contents(db)
        wrong += _twice(db)
        wrong += _balance(db)
        wrong += _segments(db, queue)
    except sqlite3.DatabaseError as exc:
        wrong.append(("the file", str(exc)))
    losses = db.execute("SELECT item, reason || ': ' || detail FROM losses ORDER BY no").fetchall()
    return Verified(ledger.read(db), tuple(wrong), tuple(losses))


def _structure(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for (found,) in db.execute("PRAGMA integrity_check"):
        if found != "ok":
            yield "the file", found


def _contents(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    for row in db.execute(f"SELECT {COLUMNS} FROM items"):  # noqa: S608  constant names
        if not rows.is_exact(row) or rows.from_row(row).letter.mark != row[1]:
            yield f"item {row[0]}", "the bytes are not those that were put"


def _twice(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Nothing in two places: by identity, and what is not acknowledged by number, too."""
    pairs = [(a, b) for at, a in enumerate(_PLACES) for b in _PLACES[at + 1 :]]
    for a, b in pairs:
        keys = ["mark"] if b == "acked" else ["mark", "id"]
        for key in keys:
            query = f"SELECT count(*) FROM {a} JOIN {b} USING ({key})"  # noqa: S608  constant names
            found = db.execute(query).fetchone()[0]
            if found:
                yield f"{a} and {b}", f"{found} items are in both"


def _balance(db: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Nothing nowhere: each account holds what the ledger says, and together they hold all that was put."""
    booked = ledger.read(db)
    for account, found in ledger.counted(db).items():
        if found != booked[account]:
            yield f"account {account}", f"{found.items} items are there, {booked[account].items} are booked"
    total = Sum()
    for account in ENDS:
        total += booked[account]
    if total != booked[Account.PUT]:
        yield "the ledger", f"{booked[Account.PUT].items} items were put, {total.items} are accounted for"


def _segments(db: sqlite3.Connection, queue: Path) -> Iterator[tuple[str, str]]:
    for number, items in db.execute("SELECT no, items FROM segments").fetchall():
        wanted = set(db.execute("SELECT id, mark FROM spilled WHERE segment = ?", (number,)).fetchall())
        path = spill.segment_path(queue, number)
        found = {(item.id, item.letter.mark) for item in spill.read_segment(path)}
        missing = len(wanted - found)
        if missing or len(wanted) != items:
            yield str(path), f"{missing or items - len(wanted)} of {items} items cannot be read back"
