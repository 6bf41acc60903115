"""Reading a SQLite table for a migration: spans of rows, a column at a time, also past damage and around huge cells.

Text comes as the bytes that SQLite keeps (UTF-8, whatever the file's encoding), so nothing is decoded on the way. Rows
with a cell over `LARGE_BYTES` are read apart, one by one, and their cells in pieces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

import apsw

from recon_cli.core.catalog import Cell
from recon_cli.migration.cells import Text
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted

LARGE_BYTES = 1 << 16
HUGE_BYTES = 1 << 22
"""From here on a cell is read and sent in pieces."""
PIECE_BYTES = 1 << 18
_CHUNK_ROWS = 2000
_CHUNK_BYTES = 2 << 20
_FIRST_ROWS = 64
_OBJECT_BYTES = 40
"""What a small value weighs in Python."""
_CACHE_KIB = 8 << 10
_LAST = 2**63 - 1
_FIRST = -(2**63)

Row: TypeAlias = "tuple[Any, ...]"
"""The row number (0 where there is none), then the cells."""


@dataclass(frozen=True, slots=True)
class Span:
    """Row numbers from `first` to `last`, both included."""

    first: int = _FIRST
    last: int = _LAST


WHOLE = Span()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column to be read: `text` casts what is there to bytes, `mixed` tells text from blobs by `Text`."""

    name: str
    text: bool = False
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows: their numbers (empty where there are none), and a list of cells for each column."""

    numbers: Sequence[int]
    cells: Sequence[Sequence[Cell]]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.cells[0]) if self.cells else len(self.numbers)


@dataclass(slots=True)
class Reader:
    """Reads some columns of one table. `rowid` is its row number's name, empty where there is none.

    `damage` collects which rows could not be read, in words.
    """

    db: apsw.Connection
    table: str
    wanted: Sequence[Wanted]
    rowid: str = ""
    longest_bytes: int = 0
    utf16: str = ""
    only: tuple[str, tuple[Cell, ...]] = ("", ())
    """A condition of its own on the rows, and what is bound to it."""
    damage: list[str] = field(default_factory=list)

    def chunks(self, span: Span = WHOLE) -> Iterator[Chunk]:
        """All rows of a span but large ones, in the order of the row number."""
        for rows in self._batches(span):
            columns = list(zip(*rows, strict=True))
            yield Chunk(columns[0] if self.rowid else (), self._settled(columns[1:]))

    def _batches(self, span: Span) -> Iterator[list[Row]]:
        start, size = span.first, _FIRST_ROWS
        while True:
            cursor: Iterator[Row] | None = None
            while True:
                rows: list[Row] = []
                try:
                    cursor = cursor or self.db.execute(*self._statement(start, span.last))
                    rows.extend(islice(cursor, size))
                except apsw.CorruptError:
                    if rows:
                        yield rows
                    after = self._past_damage(rows[-1][0] if rows else start - 1, span.last)
                    if after is None:
                        return
                    start = after
                    break
                if not rows:
                    return
                yield rows
                size = _next(rows)
                if self.rowid:
                    start = min(rows[-1][0] + 1, _LAST)

    def plain_statement(self, span: Span) -> tuple[str, tuple[Cell, ...]]:
        """What `chunks` reads, with every cell as it is stored."""
        return self._statement(span.first, span.last, [quoted(one.name) for one in self.wanted])

    def _statement(
        self, first: int, last: int, expressions: Sequence[str] | None = None
    ) -> tuple[str, tuple[Cell, ...]]:
        listed = ", ".join([self.rowid or "0", *(self._expressions() if expressions is None else expressions)])
        conditions, bound = list[str](), tuple[Cell, ...]()
        if self.rowid and (first, last) != (_FIRST, _LAST):
            conditions.append(f"{self.rowid} BETWEEN ? AND ?")
            bound = (first, last)
        if self.only[0]:
            conditions.append(f"({self.only[0]})")
            bound = (*bound, *self.only[1])
        if self.longest_bytes > LARGE_BYTES:
            conditions.append(f"({self._weight()}) <= {LARGE_BYTES}")
        return f"SELECT {listed} FROM {quoted(self.table)}{self._where(conditions)}{self._order}", bound

    @property
    def _order(self) -> str:
        return f" ORDER BY {self.rowid}" if self.rowid else ""

    @staticmethod
    def _where(conditions: Sequence[str]) -> str:
        return f" WHERE {' AND '.join(conditions)}" if conditions else ""

    def _weight(self) -> str:
        return joined([f"ifnull(octet_length({quoted(one.name)}), 0)" for one in self.wanted], "+") or "0"

    def _expressions(self) -> Iterator[str]:
        for one in self.wanted:
            name = quoted(one.name)
            if one.mixed:
                yield f"typeof({name}) = 'text'"
                yield f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
            else:
                yield f"CAST({name} AS BLOB)" if one.text else name

    def _settled(self, columns: Sequence[Sequence[Cell]]) -> list[Sequence[Cell]]:
        """The columns of a batch with text marked where it must be, and as UTF-8."""
        if not self.utf16 and not any(one.mixed for one in self.wanted):
            return list(columns)
        given, done = iter(columns), list[Sequence[Cell]]()
        for one in self.wanted:
            marks = next(given) if one.mixed else ()
            values = next(given)
            if one.mixed:
                values = [
                    Text(self._utf8(value)) if mark and isinstance(value, bytes) else value
                    for mark, value in zip(marks, values, strict=True)
                ]
            elif one.text and self.utf16:
                values = [self._utf8(value) if isinstance(value, bytes) else value for value in values]
            done.append(values)
        return done

    def _utf8(self, text: bytes) -> bytes:
        if not self.utf16:
            return text
        return text.decode(self.utf16, "surrogatepass").encode("utf-8", "surrogatepass")

    def large(self, span: Span = WHOLE) -> Iterator[tuple[int, Chunk]]:
        """The rows with a large cell, one by one, the large cells of tables with row numbers left as None."""
        if self.longest_bytes <= LARGE_BYTES:
            return
        for number in self.large_numbers(span):
            yield number, Chunk((number,) if self.rowid else (), [[cell] for cell in self._one(number)])

    def large_numbers(self, span: Span = WHOLE) -> list[int]:
        """Which rows have a large cell; needs row numbers."""
        sql = f"SELECT {self.rowid} FROM {quoted(self.table)} WHERE {self.rowid} BETWEEN ? AND ?"
        if self.only[0]:
            sql = f"{sql} AND ({self.only[0]})"
        bound = (span.first, span.last, *self.only[1])
        found = ask(self.db, f"{sql} AND ({self._weight()}) > {LARGE_BYTES}{self._order}", bound)
        return [number for (number,) in found]

    def one(self, number: int, without: Collection[str]) -> tuple[list[list[Cell]], Chunk]:
        """A row, with None for some of its columns; as lists of one cell, and as a chunk."""
        kept = [one for one in self.wanted if one.name not in without]
        reader = Reader(self.db, self.table, kept, self.rowid, utf16=self.utf16)
        found = dict(zip((one.name for one in kept), reader._one(number), strict=True)) if kept else {}
        cells: list[list[Cell]] = [[found.get(one.name)] for one in self.wanted]
        return cells, Chunk((number,), cells)

    def sizes(self, number: int, names: Sequence[str]) -> list[tuple[str, int]]:
        """How many bytes some cells of a row have; NULL has none."""
        if not names:
            return []
        listed = ", ".join(f"ifnull(octet_length({quoted(name)}), 0)" for name in names)
        (row,) = ask(self.db, f"SELECT {listed} FROM {quoted(self.table)} WHERE {self.rowid} = ?", (number,))
        return list(zip(names, row, strict=True))

    def pieces(self, number: int, name: str) -> Iterator[bytes]:
        """A cell of a row, in pieces; only in tables with row numbers."""
        with self.db.blob_open("main", self.table, name, number, False) as blob:  # noqa: FBT003  apsw's own
            while piece := blob.read(PIECE_BYTES):
                yield piece

    def _one(self, number: int) -> list[Cell]:
        sql = f"SELECT 0, {', '.join(self._expressions())} FROM {quoted(self.table)} WHERE {self.rowid} = ?"
        (row,) = self.db.execute(sql, (number,)).fetchall()
        return [column[0] for column in self._settled([[cell] for cell in row[1:]])]

    def _past_damage(self, last_good: int, end: int) -> int | None:
        """The first row number behind damage that can be read again; None where there is none."""
        if not self.rowid:
            self.damage.append(f"{self.table}: rows behind a damaged page")
            return None
        failed, step = last_good, 1
        while (tried := failed + step) <= end:
            if self._readable(tried, end):
                good = self._nearest(failed, tried, end)
                self._tell(last_good + 1, good - 1)
                return good
            failed, step = tried, step * 2
        self._tell(last_good + 1, end)
        return None

    def _nearest(self, bad: int, good: int, end: int) -> int:
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if self._readable(middle, end) else (middle, good)
        return good

    def _readable(self, start: int, end: int) -> bool:
        sql, bound = self._statement(start, end)
        try:
            self.db.execute(f"{sql} LIMIT 1", bound).fetchall()
        except apsw.CorruptError:
            return False
        return True

    def _tell(self, first: int, last: int) -> None:
        if first == last:
            self.damage.append(f"{self.table}: row {first}")
        else:
            where = f"{first} to {last}" if last < _LAST else f"from {first} on"
            self.damage.append(f"{self.table}: rows {where}")


def joined(terms: Sequence[str], operator: str) -> str:
    """Terms as one expression whose tree is flat: SQLite takes a depth of 1000, and tables have more columns."""
    if len(terms) <= 2:  # noqa: PLR2004  two sides
        return f" {operator} ".join(terms)
    middle = len(terms) // 2
    return f"({joined(terms[:middle], operator)}) {operator} ({joined(terms[middle:], operator)})"


def _next(rows: Sequence[Row]) -> int:
    """How many rows to fetch next, by what some of the last ones weighed; twice as many at most."""
    some = rows[:: max(1, len(rows) // 16)]
    weight = sum(len(cell) for row in some for cell in row if isinstance(cell, bytes)) // len(some)
    weight += 64 + _OBJECT_BYTES * len(rows[0])
    return max(1, min(_CHUNK_ROWS, len(rows) * 4, _CHUNK_BYTES // weight))


def settle(db: apsw.Connection) -> None:
    """Settings for scans: read through the file system's own cache."""
    db.pragma("mmap_size", 0)  # pages that are mapped count as this process's memory
    db.pragma("cache_size", -_CACHE_KIB)


def encoding_of(db: apsw.Connection) -> str:
    """Python's name of the file's UTF-16, empty for UTF-8."""
    name = str(db.pragma("encoding")).lower()
    return "" if name == "utf-8" else name.replace("utf-16le", "utf-16-le").replace("utf-16be", "utf-16-be")


def spans(db: apsw.Connection, table: str, rowid: str, each_rows: int) -> list[Span]:
    """The table in spans of about so many rows each, whatever the row numbers are."""
    if not rowid:
        return [WHOLE]
    starts = list[int]()
    sql = f"SELECT {rowid} FROM {quoted(table)} WHERE {rowid} > ? ORDER BY {rowid} LIMIT 1 OFFSET ?"
    try:
        place = _FIRST
        while found := ask(db, sql, (place, each_rows)):
            place = found[0][0]
            starts.append(place)
    except apsw.CorruptError:
        return [WHOLE]
    ends = [start - 1 for start in starts] + [_LAST]
    return [Span(first, last) for first, last in zip([_FIRST, *starts], ends, strict=True)]
