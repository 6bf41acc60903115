"""Rows as JSON lines, a chunk at a time. docs/design/snapshot-format.md is the specification.

A row is one JSON array on one line. Plain cells are plain JSON; what JSON cannot say is an object with one `$` key, as
in `core/canonical.py`: `{"$b": base64}` bytes, `{"$r": "inf"}` a float that is not finite, `{"$s": hex}` text with lone
surrogates. One orjson call writes a whole chunk: a raw newline cannot stand inside JSON, so rows are kept apart by
fragments that hold one, and the commas around them are taken out afterwards.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from operator import itemgetter

import orjson

from recon_cli.core import canonical
from recon_cli.core.catalog import Cell, DeclaredTable, Kind
from recon_cli.core.errors import DataError

Row = tuple[Cell, ...]

_NEWLINE = orjson.Fragment(b"\n")
_INFINITE = float("inf")
_TAGGED_BYTES = 256 * 1024
_MAY_BE_ODD = frozenset({Kind.ANY, Kind.REAL})
_TEXT_WORDS = ("CHAR", "CLOB", "TEXT")


def floats(table: DeclaredTable) -> tuple[int, ...]:
    """The places in a row where a float may stand: all others need not be searched for infinities.

    A SQLite column of TEXT affinity turns floats into text (https://sqlite.org/datatype3.html, section 3.1).
    """
    return tuple(
        place
        for place, column in enumerate(table.stored)
        if column.kind in _MAY_BE_ODD and not (column.kind is Kind.ANY and _text_affinity(column.declared))
    )


def _text_affinity(declared: str) -> bool:
    upper = declared.upper()
    return "INT" not in upper and any(word in upper for word in _TEXT_WORDS)


def encode(rows: Sequence[Row], floats: Sequence[int]) -> bytes:
    """The rows as JSON lines, each ending in a newline; the same rows give the same bytes. `floats`: see `floats`."""
    if not rows:
        return b""
    if any(_not_finite(rows, place) for place in floats):
        return _slowly(rows)
    try:
        text = orjson.dumps(list(chain.from_iterable(zip(rows, repeat(_NEWLINE)))), _bytes)
    except (TypeError, ValueError):  # lone surrogates
        return _slowly(rows)
    return text[1:-3].replace(b",\n,", b"\n") + b"\n"


def _not_finite(rows: Sequence[Row], place: int) -> bool:
    column = list(map(itemgetter(place), rows))
    if _INFINITE in column or -_INFINITE in column:
        return True
    return any(cell != cell for cell in column)  # noqa: PLR0124  only NaN differs from itself


def _bytes(cell: object) -> dict[str, str]:
    if isinstance(cell, bytes):
        return {"$b": base64.b64encode(cell).decode("ascii")}
    raise TypeError


def _slowly(rows: Sequence[Row]) -> bytes:
    return b"".join(orjson.dumps([_odd(cell) for cell in row]) + b"\n" for row in rows)


def _odd(cell: Cell) -> object:
    if isinstance(cell, float) and not math.isfinite(cell):
        return {"$r": repr(cell)}
    return cell if isinstance(cell, float) else canonical.encode(cell)


def decode(block: bytes) -> list[list[object]]:
    """Whole lines as rows; tagged cells are still objects, see `untag`.

    Raises:
        DataError: the lines are not JSON arrays.
    """
    if not block:
        return []
    try:
        rows = orjson.loads(b"[" + block.removesuffix(b"\n").replace(b"\n", b",") + b"]")
    except ValueError as exc:
        raise DataError("a line is not JSON", cause=str(exc)) from exc
    if not isinstance(rows, list) or not all(type(row) is list for row in rows):
        raise DataError("a line is not a JSON array")
    return rows


def untag(rows: list[list[object]]) -> list[Row]:
    """Rows with every tagged cell as the value it stands for.

    Raises:
        DataError: a tag is unknown or its body broken, or a cell is an array.
    """
    try:
        return [tuple([_value(cell) if type(cell) in _NESTED else cell for cell in row]) for row in rows]  # type: ignore[misc]  # JSON scalars are cells
    except (ValueError, TypeError) as exc:
        raise DataError("a cell has a tag that cannot be read", cause=str(exc)) from exc


_NESTED = frozenset({dict, list})
_TAGS = frozenset({"$b", "$r", "$s"})


def _value(cell: object) -> Cell:
    if not isinstance(cell, dict) or not _TAGS.issuperset(cell):
        raise ValueError("no tag")
    return canonical.decode(cell)  # type: ignore[return-value]  # these three tags give bytes, float and str


def blocks(
    chunks: Iterable[bytes], *, size_bytes: int = _TAGGED_BYTES, longest_bytes: int = 1 << 30
) -> Iterator[bytes]:
    """A byte stream cut at line ends into blocks of about `size_bytes`.

    Raises:
        DataError: a line is longer than `longest_bytes`, or the last one does not end.
    """
    kept: list[bytes] = []
    held = 0
    for chunk in chunks:
        kept.append(chunk)
        held += len(chunk)
        if held < size_bytes:
            continue
        cut = chunk.rfind(b"\n")
        if cut < 0:
            if held > longest_bytes:
                raise DataError("a line is longer than a row may be", cause=f"over {longest_bytes} bytes")
            continue
        yield b"".join([*kept[:-1], chunk[: cut + 1]])
        kept, held = [chunk[cut + 1 :]], len(chunk) - cut - 1
    rest = b"".join(kept)
    if rest and not rest.endswith(b"\n"):
        raise DataError("the last line does not end", cause="the file is cut short")
    if rest:
        yield rest


def read(
    chunks: Iterable[bytes], *, tagged: bool, opened: Callable[[bytes], None] = lambda _block: None
) -> Iterator[list[Row]]:
    """Rows of a byte stream in lists. `tagged`: whether any cell may be an object; `opened` sees each block's bytes."""
    for block in blocks(chunks):
        opened(block)
        rows = decode(block)
        # Without tags only JSON scalars are left, which are cells.
        yield untag(rows) if tagged else [tuple(row) for row in rows]  # type: ignore[arg-type]
