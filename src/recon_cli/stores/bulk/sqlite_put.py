"""Rows into a SQLite table by one prepared statement, each cell with the storage class that it had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter, length_hint

import apsw

from recon_cli.core.catalog import Cell
from recon_cli.core.errors import DataError
from recon_cli.core.lines import Block
from recon_cli.stores.bulk import native
from recon_cli.stores.bulk.base import Row
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_view import surrogate_bytes
from recon_cli.stores.bulk.sqlite_words import quoted
from recon_cli.stores.bulk.to_sqlite import affinity

REFUSED = (apsw.ConstraintError, apsw.MismatchError)
_CHANGES: dict[str, tuple[type, ...]] = {
    "text": (int, float),
    "integer": (str, float),
    "numeric": (str, float),
    "real": (str, int),
    "blob": (),
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column that rows are put into. `before` is the type it was read from in another SQLite file, if it was."""

    name: str
    declared: str
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """The columns of a table, in the order of a row, and where the key stands in it.

    `key_nullable`: the key may be NULL, and that more than once (https://sqlite.org/lang_createtable.html, 3.5).
    """

    table: str
    columns: tuple[Field, ...]
    key: tuple[int, ...]
    key_nullable: bool = False

    def told(self, row: Row) -> str:
        """A row by its key, for a sentence."""
        cells = [row[place] for place in self.key] or list(row[:3])
        return ", ".join(_short(cell) for cell in cells)


def _short(cell: Cell) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004  a line of a terminal


class Putter:
    """Puts the rows of one table into `target`, an expression such as `main."crates"`."""

    def __init__(self, db: apsw.Connection, fields: Fields, target: str, columns: Sequence[str]) -> None:
        self._db, self._fields, self._target = db, fields, target
        self._columns = ", ".join(columns)
        self._sql = self._insert(["?"] * len(columns))
        encoding = str(db.pragma("encoding"))
        self._utf16 = "" if encoding == "UTF-8" else f"utf-16-{encoding[-2:].lower()}"
        self._keepers = _keepers(db, fields)

    def _insert(self, marks: Sequence[str]) -> str:
        return f"INSERT INTO {self._target} ({self._columns}) VALUES ({', '.join(marks)})"

    def put(self, rows: list[Row] | Block) -> None:
        """All of them.

        Raises:
            DataError: a cell cannot be stored as it is; it names table, key and column. Or a line is no row.
        """
        if isinstance(rows, Block):
            self._lines(rows)
        else:
            self._rows(rows)

    def _lines(self, block: Block) -> None:
        """By the compiled library where it can; lines that it does not take as rows."""
        library = native.for_lines()
        if library is None or self._keepers or self._utf16:
            self._rows(block.decoded(block.text))
            return
        text, reached, apart = block.text, 0, 1
        with closing(library.SqliteFilling(self._db, self._db.sqlite3_pointer(), self._sql, block.tagged)) as filling:
            while reached < len(text):
                _, reached = filling.put(text, reached)
                if reached < len(text):
                    end = _line_end(text, reached, apart)
                    self._rows(block.decoded(text[reached:end]))
                    reached, apart = end, apart * 2

    def _rows(self, rows: list[Row]) -> None:
        for keeper in self._keepers:
            keeper.check(rows)
        left = iter(rows)
        while True:
            try:
                self._db.executemany(self._sql, left)
            except UnicodeEncodeError:
                self._oddly(_last(rows, left))
            except (OverflowError, TypeError, apsw.BindingsError, *REFUSED) as exc:
                raise self.refused(_last(rows, left), exc) from exc
            else:
                return

    def _oddly(self, row: Row) -> None:
        """One row with text that has to go in as bytes."""
        marks, bound = [], list[Cell]()
        for cell in row:
            encoded = surrogate_bytes(cell, self._utf16) if isinstance(cell, str) else None
            marks.append("?" if encoded is None else "CAST(? AS TEXT)")
            bound.append(cell if encoded is None else encoded)
        try:
            self._db.execute(self._insert(marks), bound)
        except REFUSED as exc:
            raise self.refused(row, exc) from exc

    def refused(self, row: Row, error: Exception) -> DataError:
        """Why a row cannot be stored; SQLite's message names the column where it is one."""
        return cannot_store(self._fields, row, error)


def _line_end(text: bytes, start: int, lines: int) -> int:
    """Where so many lines from `start` end, or the text."""
    for _ in range(lines):
        start = text.find(b"\n", start) + 1 or len(text)
        if start == len(text):
            break
    return start


def cannot_store(fields: Fields, row: Row, error: Exception) -> DataError:
    """A row that the table refuses, by its key."""
    cause = str(error)
    if isinstance(error, OverflowError):
        large = [
            field.name
            for field, cell in zip(fields.columns, row, strict=True)
            if isinstance(cell, int) and not -(1 << 63) <= cell < 1 << 63
        ]
        cause = f"{', '.join(large)}: SQLite's integers end at 2**63 - 1"
    return DataError(
        f"{fields.table}: the row with key {fields.told(row)} cannot be stored",
        cause=cause,
        hint="the snapshot's table and the database's differ; look at both with `recon backup diff`",
    )


def _last(rows: Sequence[Row], left: Iterator[Row]) -> Row:
    """The row that was taken last."""
    return rows[len(rows) - length_hint(left) - 1]


def _keepers(db: apsw.Connection, fields: Fields) -> list[_Keeper]:
    return [
        _Keeper(db, fields, place)
        for place, field in enumerate(fields.columns)
        if _CHANGES[affinity(field.declared)]
        and (field.before is None or affinity(field.before) != affinity(field.declared))
    ]


class _Keeper:
    """Watches a column whose affinity is not the one its cells come from: SQLite is asked what becomes of them."""

    def __init__(self, db: apsw.Connection, fields: Fields, place: int) -> None:
        self._db, self._fields, self._place = db, fields, place
        declared = fields.columns[place].declared
        self._kinds = _CHANGES[affinity(declared)]
        self._probe = f'temp."recon_probe_{affinity(declared)}"'
        db.execute(f"CREATE TABLE IF NOT EXISTS {self._probe} (cell {quoted(affinity(declared))})")

    def check(self, rows: list[Row]) -> None:
        cells: list[Cell] = list(map(itemgetter(self._place), rows))
        if not any(issubclass(kind, self._kinds) for kind in set(map(type, cells))):
            return
        for cell, row in zip(cells, rows, strict=True):
            if isinstance(cell, self._kinds) and not self._same(cell):
                field = self._fields.columns[self._place]
                raise DataError(
                    f"{self._fields.table}: {field.name} of the row with key {self._fields.told(row)} would be changed",
                    cause=f"{_short(cell)} does not stay what it is in a column declared {field.declared}",
                    hint="import into a table that declares the column as the snapshot does",
                )

    def _same(self, cell: Cell) -> bool:
        if isinstance(cell, str) and surrogate_bytes(cell, "") is not None:
            return True
        if isinstance(cell, int) and not -(1 << 63) <= cell < 1 << 63:
            return True
        self._db.execute(f"DELETE FROM {self._probe}")
        self._db.execute(f"INSERT INTO {self._probe} VALUES (?)", (cell,))
        stored = ask(self._db, f"SELECT cell FROM {self._probe}")[0][0]
        return stored == cell and isinstance(cell, type(stored))


Turn = Callable[[list[Row]], list[Row]]
