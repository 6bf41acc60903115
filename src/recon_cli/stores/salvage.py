"""Rows out of a SQLite file, also a damaged one: by table, and in a table round the damaged pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from recon_cli.core.canonical import Value
from recon_cli.core.report import Problem

_TOP = (1 << 63) - 1
_BOTTOM = -(1 << 63)
_MOST_HOLES = 1000


def connect(uri: str) -> sqlite3.Connection:
    """A connection that keeps odd text (bytes that are no UTF-8 become surrogate escapes) and survives a bad schema."""
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA trusted_schema = OFF")  # a stranger made it
    connection.execute("PRAGMA writable_schema = ON")  # broken entries of the schema are passed over, not fatal
    return connection


def table_names(connection: sqlite3.Connection, source: str) -> tuple[list[str], list[Problem]]:
    """The tables, SQLite's own left out."""
    names: list[str] = []
    try:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if isinstance(name, str) and not name.lower().startswith("sqlite_"):
                names.append(name)
    except sqlite3.Error as exc:
        return names, [Problem(source, "damaged", f"the list of tables cannot be read to its end: {exc}")]
    return names, []


def rows_of(connection: sqlite3.Connection, source: str, table: str) -> tuple[list[dict[str, Value]], list[Problem]]:
    """Every row of a table that can be read, in the table's order, and what could not."""
    try:
        return _Reading(connection, source, table).rows()
    except sqlite3.Error as exc:
        return [], [Problem(f"{source}#{table}", "unreadable", str(exc))]


class _Reading:
    def __init__(self, connection: sqlite3.Connection, source: str, table: str) -> None:
        self.connection, self.item = connection, f"{source}#{table}"
        self.table = _quote(table)
        described = connection.execute(f"PRAGMA table_xinfo({self.table})").fetchall()
        self.names = [row[1] for row in described if row[6] != 1]
        self.key = [row[1] for row in sorted(described, key=lambda row: row[5]) if row[5]]
        self.number = self._row_number()
        self.problems: list[Problem] = []

    def rows(self) -> tuple[list[dict[str, Value]], list[Problem]]:
        if not self.names:
            return [], [Problem(self.item, "unreadable", "its columns are not known")]
        found = list(self._by_number() if self.number else self._from_both_ends())
        return [dict(zip(self.names, row, strict=True)) for row in found], self.problems

    def _row_number(self) -> str:
        for name in ("_rowid_", "rowid", "oid"):
            if name not in map(str.lower, self.names):
                try:
                    self.connection.execute(f"SELECT {name} FROM {self.table} LIMIT 0")
                except sqlite3.OperationalError:
                    return ""
                return name
        return ""

    def _select(self, tail: str) -> str:
        columns = ", ".join([*([self.number] if self.number else []), *map(_quote, self.names)])
        return f"SELECT {columns} FROM {self.table} NOT INDEXED {tail}"

    def _by_number(self) -> Iterator[tuple[Value, ...]]:
        """By rising row number; after a damaged place, on from the first number that can be read again."""
        start: int | None = _BOTTOM
        for _ in range(_MOST_HOLES):
            last = None
            try:
                for row in self.connection.execute(
                    self._select(f"WHERE {self.number} >= ? ORDER BY {self.number}"), [start]
                ):
                    last = row[0]
                    yield row[1:]
            except sqlite3.DatabaseError as exc:
                lost = start if last is None else last + 1
                assert lost is not None  # `start` is a number inside the loop
                start = self._next_readable(lost)
                self._hole(lost, start, exc)
                if start is None:
                    return
            else:
                return
        self.problems.append(Problem(self.item, "damaged", f"given up after {_MOST_HOLES} damaged places"))

    def _next_readable(self, lost: int) -> int | None:
        """The smallest row number above the damage from which a row can be read, or None: nothing above it."""
        step = 1
        while not self._readable(low := min(lost + step, _TOP)):
            if low == _TOP:
                return None
            step *= 2
        bad, good = lost + step // 2, low
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if self._readable(middle) else (middle, good)
        return good

    def _readable(self, number: int) -> bool:
        try:
            self.connection.execute(
                self._select(f"WHERE {self.number} >= ? ORDER BY {self.number} LIMIT 1"), [number]
            ).fetchone()
        except sqlite3.DatabaseError:
            return False
        return True

    def _hole(self, lost: int, start: int | None, cause: sqlite3.DatabaseError) -> None:
        first = "the first row" if lost == _BOTTOM else f"row number {lost}"
        last = "to the end" if start is None else f"up to {start - 1}"
        self.problems.append(Problem(self.item, "damaged", f"from {first} {last}: {cause}"))

    def _from_both_ends(self) -> list[tuple[Value, ...]]:
        """Without row numbers: forward to the damage, then backward to it."""
        rising, falling = (", ".join(f"{_quote(name)} {way}" for name in self.key) for way in ("ASC", "DESC"))
        front: list[tuple[Value, ...]] = []
        back: list[tuple[Value, ...]] = []
        if not self._until_damage(f"ORDER BY {rising}", front) and self.key:
            self._until_damage(f"ORDER BY {falling}", back)
        seen = set(front)
        return [*front, *(row for row in reversed(back) if row not in seen)]

    def _until_damage(self, tail: str, into: list[tuple[Value, ...]]) -> bool:
        try:
            into.extend(self.connection.execute(self._select(tail)))
        except sqlite3.DatabaseError as exc:
            self.problems.append(Problem(self.item, "damaged", str(exc)))
            return False
        return True


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
