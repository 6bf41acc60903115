"""The compiled reader, where it is installed: the bytes of `Reader` and `Encoder`, for the codings that it knows.

It works on the connection that is open already, in its transaction. A value that it does not expect, a large cell and
damage end its reading before the row; the reader in Python goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from recon_cli.migration.choose import EPOCHS
from recon_cli.migration.plan import Coding, ColumnPlan, TablePlan
from recon_cli.migration.reading import LARGE_BYTES, WHOLE, Reader, Span
from recon_cli.stores.bulk.native import DONE, FAILED, MORE, module

BODY_BYTES = 1 << 18
_MOST_ROWS = 1 << 20
_LETTERS = {
    Coding.INT: ("i", "integers"),
    Coding.REAL: ("d", "reals"),
    Coding.TEXT: ("t", "texts"),
    Coding.BYTES: ("b", "blobs"),
    Coding.BOOL: ("?", "integers"),
    Coding.DATE: ("D", "texts"),
    Coding.TIME: ("T", "texts"),
    Coding.STAMP: ("s", "texts"),
    Coding.JSON: ("t", "texts"),
    Coding.JSONB: ("j", "texts"),
    Coding.EPOCH_S: ("e", "integers"),
    Coding.EPOCH_MS: ("e", "integers"),
    Coding.EPOCH_US: ("e", "integers"),
}
_FACTORS = {Coding.EPOCH_S: 1_000_000, Coding.EPOCH_MS: 1000, Coding.EPOCH_US: 1}

Code = tuple[str, int, int, int]


def usable(source: Reader) -> bool:
    """Whether it may read for this reader."""
    return module() is not None and not source.utf16 and not source.only[0]


def codes(table: TablePlan, columns: Sequence[ColumnPlan], *, quick: bool, verifying: bool = False) -> list[Code]:
    """How it is to take each column; empty where it does not know one of them, or the table has no row numbers."""
    if not table.rowid or table.virtual or not columns:
        return []
    found = [_code(column, quick=quick, verifying=verifying) for column in columns]
    return [one for one in found if one is not None] if None not in found else []


def _code(column: ColumnPlan, *, quick: bool, verifying: bool) -> Code | None:
    letter, held = _LETTERS.get(column.coding, ("", ""))
    odd = set(column.holds) - {held}
    if not letter or column.careful or (odd and not (letter == "d" and odd <= {"integers"})):
        return None
    if letter == "j" and (quick or verifying):
        return None  # a key that occurs twice has to be seen; and the server spells JSON in its own way
    if letter == "s" and column.type == "timestamp with time zone":
        letter = "a"
    for coding, least, beyond in EPOCHS:
        if coding is column.coding:
            return letter, _FACTORS[coding], least, beyond
    return letter, 0, 0, 0


@dataclass(frozen=True, slots=True)
class Body:
    """Rows as they go out: COPY rows, or the parts of each column; `numbers` are those of the first and the last."""

    body: bytes
    parts: tuple[bytes, ...]
    rows: int
    first: int
    last: int


@dataclass(slots=True)
class Native:
    """Reads a span; `rest` is where it stopped, None at the end."""

    source: Reader
    codes: Sequence[Code]
    parts: bool = False
    rest: Span | None = None

    def bodies(self, span: Span = WHOLE, most_bytes: int = BODY_BYTES, most_rows: int = _MOST_ROWS) -> Iterator[Body]:
        """All rows but large ones, in order, until a value that only Python knows; then `rest` is set."""
        self.rest = span
        while self.rest is not None:
            known = self.source.longest_bytes
            yield from self._until(self.rest, most_bytes, most_rows)
            if self.source.longest_bytes == known:
                return

    def _until(self, span: Span, most_bytes: int, most_rows: int) -> Iterator[Body]:
        start, ended = span.first, MORE
        limit = LARGE_BYTES if self.source.longest_bytes <= LARGE_BYTES else 0
        with self._reading(span) as reading:
            while ended == MORE:
                found, rows, ended, _, error = reading.read(most_bytes, most_rows, limit)
                if rows and (found or not self.parts):
                    first, last = reading.numbers()
                    body, parts = (b"", found) if self.parts else (found, ())
                    yield Body(body, parts, rows, first, last)
                    start = last + 1
        self.rest = None if ended == DONE or start > span.last else Span(start, span.last)
        if ended == FAILED and error == apsw.SQLITE_TOOBIG:
            self.source.longest_bytes = LARGE_BYTES + 1  # large rows are read apart from now on

    @contextmanager
    def _reading(self, span: Span) -> Iterator[Any]:
        native = module()
        assert native is not None  # as `usable` says
        db = self.source.db
        sql, bound = self.source.plain_statement(span)
        reading = native.Reading(db, db.sqlite3_pointer(), sql, bound, tuple(self.codes), self.parts)
        try:
            yield reading
        finally:
            reading.close()
