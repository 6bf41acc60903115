"""Rows as Postgres's binary COPY stream, a column at a time: what runs per value runs in C wherever it can. Pure.

A chunk is one list of values for each column. Adjacent columns of fixed width are packed by one precompiled struct per
row; texts go out as the bytes that SQLite keeps. `Encoder.encode` gives the bytes of the chunk and what was refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, repeat
from struct import Struct, error
from typing import TypeAlias

from recon_cli.core.catalog import Cell
from recon_cli.migration.cells import CODERS, Coder, Context, Refused
from recon_cli.migration.choose import EPOCHS
from recon_cli.migration.plan import ColumnPlan
from recon_cli.migration.policy import Policies

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_SIZES = {"q": 8, "d": 8, "i": 4, "B": 1}
_length = Struct(">i").pack

Wire: TypeAlias = "list[int] | list[float] | list[bytes] | list[int | float | bytes | None]"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A value that its new column does not take: which row of the chunk, which column, why."""

    place: int
    column: ColumnPlan
    value: Cell
    reason: str


@cache
def _packer(form: str) -> Callable[..., bytes]:
    return Struct(f">{form}").pack


class Encoder:
    """For one table: its columns in the order of the COPY.

    `strict` refuses what a plan that has seen all values could not have been made for.
    """

    def __init__(self, columns: Sequence[ColumnPlan], policies: Policies, *, strict: bool = False) -> None:
        self.columns = columns
        self._bounds = {coding: (least, beyond) for coding, least, beyond in EPOCHS} if strict else {}
        self._coders = [CODERS[column.coding] for column in columns]
        self._contexts = [Context(column, policies) for column in columns]

    def wires(
        self, cells: Sequence[Sequence[Cell]], *, careful: bool = False
    ) -> tuple[list[Sequence[object]], list[Rejected]]:
        """Each column's values as they go out; rows that were refused are left out of all columns."""
        done: list[Sequence[object]] = []
        rejected: list[Rejected] = []
        for column, coder, context, values in zip(self.columns, self._coders, self._contexts, cells, strict=True):
            self._within(column, values, rejected)
            one_by_one = careful or column.careful
            done.append(_converted(column, coder, context, values, rejected, one_by_one=one_by_one))
        if rejected:
            gone = {one.place for one in rejected}
            done = [[value for place, value in enumerate(values) if place not in gone] for values in done]
        return done, rejected

    def _within(self, column: ColumnPlan, values: Sequence[Cell], rejected: list[Rejected]) -> None:
        least, beyond = self._bounds.get(column.coding, (0, 0))
        if least:
            odd = (place for place, one in enumerate(values) if isinstance(one, int) and not least <= one < beyond)
            rejected += [Rejected(place, column, values[place], "not of the time that the others are") for place in odd]

    def encode(self, cells: Sequence[Sequence[Cell]]) -> tuple[bytes, list[Rejected]]:
        """A chunk as COPY rows."""
        wires, rejected = self.wires(cells)
        try:
            return self.join(wires), rejected
        except (error, TypeError):  # a value of another kind than planned
            wires, rejected = self.wires(cells, careful=True)
            return self.join(wires), rejected

    def join(self, wires: Sequence[Sequence[object]]) -> bytes:
        """Values as they go out → COPY rows."""
        rows = len(wires[0]) if wires else 0
        form, arguments = "h", list[Iterable[object]]([repeat(len(self.columns), rows)])
        parts: list[Iterable[bytes]] = []

        def flush() -> None:
            nonlocal form, arguments
            if form:
                parts.append(map(_packer(form), *arguments))
            form, arguments = "", []

        for coder, values in zip(self._coders, wires, strict=True):
            if coder.form and None not in values:
                form += "i" + coder.form
                arguments += [repeat(_SIZES[coder.form]), values]
            elif coder.form:
                flush()
                parts.append(_nullable(coder.form, values))
            elif None in values:
                form += "i"
                arguments.append([-1 if value is None else len(value) for value in values])  # type: ignore[arg-type]
                flush()
                parts.append([value or b"" for value in values])  # type: ignore[misc]
            else:
                form += "i"
                arguments.append(map(len, values))  # type: ignore[arg-type]
                flush()
                parts.append(values)  # type: ignore[arg-type]
        flush()
        return b"".join(chain.from_iterable(zip(*parts, strict=True)))

    def form(self, place: int) -> str:
        """The struct letter of a column of fixed width, empty for bytes."""
        return self._coders[place].form

    def fixed_pieces(self, place: int, values: Sequence[object]) -> list[bytes]:
        """Each value of a column of fixed width with its length before it."""
        return _nullable(self._coders[place].form, values)

    def one_piece(self, place: int, value: object) -> bytes:
        """One value with its length before it."""
        form = self._coders[place].form
        if value is None:
            return _NULL
        if form:
            return _packer("i" + form)(_SIZES[form], value)
        assert isinstance(value, bytes)  # what has no fixed width
        return _length(len(value)) + value

    def column_bytes(self, place: int, values: Sequence[object]) -> bytes:
        """One column's values in a row, as the server's `*_send` functions give them; NULL is one byte 2."""
        form = self._coders[place].form
        if form:
            if None not in values:
                return Struct(f">{len(values)}{form}").pack(*values)
            pack = _packer(form)
            return b"".join([b"\x02" if value is None else pack(value) for value in values])
        return b"\x01".join([b"\x02" if value is None else value for value in values])  # type: ignore[misc]


def _nullable(form: str, values: Sequence[object]) -> list[bytes]:
    pack, size = _packer("i" + form), _SIZES[form]
    return [_NULL if value is None else pack(size, value) for value in values]


def _converted(
    column: ColumnPlan,
    coder: Coder,
    context: Context,
    values: Sequence[Cell],
    rejected: list[Rejected],
    *,
    one_by_one: bool,
) -> Sequence[object]:
    if not one_by_one:
        try:
            return coder.many(values, context)
        except (ValueError, TypeError, AttributeError, OverflowError, error):
            pass  # something does not fit after all: look at each value
    return list(_one_by_one(column, coder, context, values, rejected))


def _one_by_one(
    column: ColumnPlan, coder: Coder, context: Context, values: Sequence[Cell], rejected: list[Rejected]
) -> Iterable[object]:
    for place, value in enumerate(values):
        if value is None:
            yield None
            continue
        try:
            yield coder.one(value, context)
        except Refused as refused:
            rejected.append(Rejected(place, column, value, str(refused)))
            yield None
