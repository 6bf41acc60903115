"""The ledger: how many items are where, moved in the transaction that moves them, so that nothing is unaccounted for.

Each account keeps a count and the sum of the items' ids (modulo 2**62): one item lost and another doubled would leave
the count right, but not the sum. At every moment `put = acked + waiting + spilled + dead + dropped + lost`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_MODULUS = 1 << 62
"""Two sums together still fit into SQLite's 64 bits."""
_BOOK = (
    "INSERT INTO ledger VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE"  # noqa: S608  a number
    f" SET items = items + excluded.items, ids = (ids + excluded.ids) % {_MODULUS}"
)


class Account(StrEnum):
    """Where an item can be. `PUT` is the total of all that ever came in."""

    PUT = "put"
    WAITING = "waiting"
    SPILLED = "spilled"
    DEAD = "dead"
    ACKED = "acked"
    DROPPED = "dropped"
    """Thrown away by an operator."""
    LOST = "lost"
    """In a damaged file, and not to be salvaged; named in `losses`."""


ENDS = (Account.WAITING, Account.SPILLED, Account.DEAD, Account.ACKED, Account.DROPPED, Account.LOST)


@dataclass(frozen=True, slots=True)
class Sum:
    """How many items, and the sum of their ids."""

    items: int = 0
    ids: int = 0

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.items + other.items, (self.ids + other.ids) % _MODULUS)

    def __sub__(self, other: Sum) -> Sum:
        return Sum(self.items - other.items, (self.ids - other.ids) % _MODULUS)


def of(ids: Sequence[int]) -> Sum:
    """The sum of these items."""
    return Sum(len(ids), sum(ids) % _MODULUS)


def read(db: sqlite3.Connection) -> dict[Account, Sum]:
    """Every account."""
    rows = {name: Sum(items, ids) for name, items, ids in db.execute("SELECT account, items, ids FROM ledger")}
    return {account: rows.get(account.value, Sum()) for account in Account}


def count(db: sqlite3.Connection, account: Account) -> int:
    """How many items one account holds."""
    row = db.execute("SELECT items FROM ledger WHERE account = ?", (account.value,)).fetchone()
    return row[0] if row else 0


def book(db: sqlite3.Connection, changes: Mapping[Account, Sum]) -> None:
    """Add to accounts, inside the caller's transaction."""
    rows = [(account.value, change.items, change.ids) for account, change in changes.items()]
    db.executemany(_BOOK, rows)


def move(db: sqlite3.Connection, ids: Sequence[int], source: Account, into: Account) -> None:
    """Items leave one account for another."""
    if ids:
        book(db, {source: Sum() - of(ids), into: of(ids)})


def counted(db: sqlite3.Connection) -> dict[Account, Sum]:
    """What really lies in the tables, row by row, for the accounts that have rows."""
    tables = {Account.WAITING: "items", Account.SPILLED: "spilled", Account.DEAD: "dead"}
    return {account: _counted(db, table) for account, table in tables.items()}


def _counted(db: sqlite3.Connection, table: str) -> Sum:
    items, ids = 0, 0
    for (number,) in db.execute(f"SELECT id FROM {table}"):  # noqa: S608  constant names
        items, ids = items + 1, (ids + number) % _MODULUS
    return Sum(items, ids)
