"""Expected: the rows that have to be in a target, in a file that vanishes with it. Memory stays flat however many."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recon_cli.core import canonical
from recon_cli.core.canonical import Value
from recon_cli.core.json_text import loads
from recon_cli.core.landing import Parcel, Shape, combined
from recon_cli.core.record import Record

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -4000;
CREATE TABLE expected (
  tbl TEXT, key TEXT, row TEXT NOT NULL, older TEXT NOT NULL, path BLOB NOT NULL, met INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tbl, key)
) WITHOUT ROWID;
CREATE TABLE aliases (tbl TEXT, older TEXT, key TEXT NOT NULL, PRIMARY KEY (tbl, older)) WITHOUT ROWID;
BEGIN;
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """A row that has to be there: its key, what it says, and the path of a file that holds its document."""

    key: str
    parcel: Parcel
    path: str


class Expectations:
    """Every row that the files ask for, by table and key."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # SQLite's name for a file without a name
        self._db.executescript(_SCHEMA)

    def add(self, shape: Shape, parcel: Parcel, path: str) -> None:
        """One more; two of one key settle as they do in the target."""
        key = key_of([parcel.record.values.get(name) for name in shape.key])
        table = shape.table
        before = self._row(table, key)
        if before is not None:
            parcel, path = combined(shape, before.parcel, parcel), before.path
        row = json.dumps({name: canonical.encode(value) for name, value in parcel.record.values.items()})
        values = (table, key, row, json.dumps(parcel.older), os.fsencode(path))
        self._db.execute("INSERT OR REPLACE INTO expected (tbl, key, row, older, path) VALUES (?, ?, ?, ?, ?)", values)
        if len(shape.key) == 1 and parcel.older:
            known = [(table, older, key) for older in parcel.older]
            self._db.executemany("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)", known)

    def meet(self, table: str, key: str) -> Expected | None:
        """The row of this key (or of the content that an older program calls so), once; it counts as found then."""
        found = self._row(table, key, "AND met = 0")
        if found is None and not self._row(table, key):
            alias = self._db.execute("SELECT key FROM aliases WHERE tbl = ? AND older = ?", (table, key)).fetchone()
            found = self._row(table, alias[0], "AND met = 0") if alias else None
        if found is not None:
            self._db.execute("UPDATE expected SET met = 1 WHERE tbl = ? AND key = ?", (table, found.key))
        return found

    def rows(self, table: str) -> Iterator[Mapping[str, Value]]:
        """What each row of a table has to say."""
        for (row,) in self._db.execute("SELECT row FROM expected WHERE tbl = ?", (table,)):
            yield _values(row)

    def missing(self, table: str, most: int) -> tuple[int, list[str]]:
        """How many were not met, and the keys of the first."""
        (count,) = self._db.execute("SELECT count(*) FROM expected WHERE tbl = ? AND met = 0", (table,)).fetchone()
        query = "SELECT key FROM expected WHERE tbl = ? AND met = 0 ORDER BY key LIMIT ?"
        return count, [key for (key,) in self._db.execute(query, (table, most))]

    def close(self) -> None:
        """Let it vanish."""
        self._db.close()

    def _row(self, table: str, key: str, also: str = "") -> Expected | None:
        query = f"SELECT row, older, path FROM expected WHERE tbl = ? AND key = ? {also}"  # noqa: S608  a constant
        found = self._db.execute(query, (table, key)).fetchone()
        if found is None:
            return None
        parcel = Parcel(Record(table, _values(found[0])), tuple(loads(found[1])))
        return Expected(key, parcel, os.fsdecode(found[2]))


def key_of(values: list[Value]) -> str:
    """A key as one text."""
    return " ".join("" if value is None else str(value) for value in values)


def _values(row: str) -> dict[str, Value]:
    return {name: canonical.decode(cell) for name, cell in loads(row).items()}
