"""Lanes: which items may be sent now. A lane is one table of one target; all times are monotonic seconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import NamedTuple

from recon_cli.core.delivery import Failure
from recon_cli.outbox import rows
from recon_cli.outbox.fresh import Fresh
from recon_cli.outbox.item import Item
from recon_cli.outbox.schema import COLUMNS

_LANE_AFTER = "SELECT target, tbl FROM items WHERE (target, tbl) > (?, ?) ORDER BY target, tbl LIMIT 1"
_READY = "(t.id IS NULL OR (t.until <= :now AND t.due <= :now))"
_ITEM = ", ".join(f"i.{name}" for name in COLUMNS.split(", "))
_NUMBERS = (
    "SELECT i.id, coalesce(t.failures, 0), coalesce(t.detail, '') FROM items i LEFT JOIN tries t ON t.id = i.id"  # noqa: S608  constant names
    f" WHERE i.target = :target AND i.tbl = :table AND {_READY} ORDER BY i.id"
)
_ONE = f"SELECT {COLUMNS} FROM items WHERE id = ?"  # noqa: S608  constant names
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


def pick(db: sqlite3.Connection, lane: Lane, now: float, size: tuple[int, int], fresh: Fresh) -> list[Picked]:
    """The oldest items of a lane that nobody holds and that are due, at most so many and (but for the first) so big.

    Where the oldest is fresh, so are most: then the index alone is read, and only items that are not at hand.
    """
    at = {"target": lane.target, "table": lane.table, "now": now}
    first = db.execute(f"{_NUMBERS} LIMIT 1", at).fetchone()
    if first is None:
        return []
    if fresh.get(first[0]) is None:
        with closing(db.execute(_PICK, at)) as found:
            return _bounded(map(_picked, found), size)
    with closing(db.execute(_NUMBERS, at)) as found:
        return _bounded((_at_hand(db, fresh, row) for row in found), size)


def _bounded(every: Iterator[Picked], size: tuple[int, int]) -> list[Picked]:
    found: list[Picked] = []
    limit, room = size
    for one in every:
        room -= len(one.item.letter.payload)
        if found and room < 0:
            break
        found.append(one)
        if len(found) >= limit:
            break
    return found


def _picked(row: rows.Row) -> Picked:
    return Picked(rows.from_row(row[:9], *row[9:]), rows.is_exact(row))


def _at_hand(db: sqlite3.Connection, fresh: Fresh, row: rows.Row) -> Picked:
    """By number, attempts and the last refusal; what was kept was put by us, and is exact."""
    item = fresh.get(row[0])
    if item is None:
        return _picked((*db.execute(_ONE, row[:1]).fetchone(), *row[1:]))
    return Picked(replace(item, failures=row[1], detail=row[2]) if row[1] or row[2] else item, exact=True)


def next_due(db: sqlite3.Connection, target: str, now: float) -> float | None:
    """When the next held or postponed item of a target comes free; None if there is none."""
    moment: float | None = db.execute(_NEXT, (target, now)).fetchone()[0]
    return moment
