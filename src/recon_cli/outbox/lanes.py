"""Lanes: which items may be sent now. A lane is one table of one target; all times are monotonic seconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from recon_cli.core.delivery import Failure
from recon_cli.outbox import rows
from recon_cli.outbox.item import Item
from recon_cli.outbox.schema import COLUMNS

_LANE_AFTER = "SELECT target, tbl FROM items WHERE (target, tbl) > (?, ?) ORDER BY target, tbl LIMIT 1"
_READY = "(t.id IS NULL OR (t.until <= :now AND t.due <= :now))"
_ITEM = ", ".join(f"i.{name}" for name in COLUMNS.split(", "))
_PICK = (
    f"SELECT {_ITEM}, coalesce(t.failures, 0), coalesce(t.detail, '')"  # noqa: S608  constant names
    " FROM items i LEFT JOIN tries t ON t.id = i.id"
    f" WHERE i.target = :target AND i.tbl = :table AND {_READY} ORDER BY i.id"
)
_NEXT = (
    "SELECT min(max(t.until, t.due)) FROM tries t JOIN items i ON i.id = t.id"
    " WHERE i.target = ? AND max(t.until, t.due) > ?"
)


@dataclass(frozen=True, slots=True)
class Lane:
    """One table of one target."""

    target: str
    table: str


class Picked(NamedTuple):
    """An item, and whether its bytes are still those that were put."""

    item: Item
    exact: bool


@dataclass(frozen=True, slots=True)
class Circuit:
    """A target (or, with a table, one table of it) that is left alone until `until`, and why.

    After `until` one item is tried; what becomes of it closes the circuit or keeps it open for longer.
    """

    target: str
    table: str
    failure: Failure
    failures: int
    until: float
    detail: str


def lanes(db: sqlite3.Connection, target: str | None = None) -> Iterator[Lane]:
    """The lanes in which anything waits; found by leaps through the index, not by reading it."""
    at = (target or "", "")
    first = db.execute("SELECT target, tbl FROM items WHERE (target, tbl) >= (?, ?) ORDER BY target, tbl LIMIT 1", at)
    row = first.fetchone()
    while row and (target is None or row[0] == target):
        yield Lane(*row)
        row = db.execute(_LANE_AFTER, row).fetchone()


def circuits(db: sqlite3.Connection, target: str | None = None) -> list[Circuit]:
    """The circuits that are not closed."""
    found = db.execute("SELECT target, tbl, failure, failures, until, detail FROM circuits ORDER BY target, tbl")
    every = [Circuit(one[0], one[1], Failure(one[2]), *one[3:]) for one in found]
    return [one for one in every if target in (None, one.target)]


def pick(db: sqlite3.Connection, lane: Lane, now: float, limit: int, size_bytes: int) -> list[Picked]:
    """The oldest items of a lane that nobody holds and that are due, at most so many and (but for the first) so big."""
    found: list[Picked] = []
    room = size_bytes
    cursor = db.execute(_PICK, {"target": lane.target, "table": lane.table, "now": now})
    for row in cursor:
        room -= len(row[5])
        if found and room < 0:
            break
        found.append(Picked(rows.from_row(row[:9], *row[9:]), rows.is_exact(row)))
        if len(found) >= limit:
            break
    cursor.close()
    return found


def next_due(db: sqlite3.Connection, target: str, now: float) -> float | None:
    """When the next held or postponed item of a target comes free; None if there is none."""
    moment: float | None = db.execute(_NEXT, (target, now)).fetchone()[0]
    return moment
