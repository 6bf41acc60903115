"""Cells and keys on PostgREST's side: what to select so that nothing is rounded, and how a span becomes a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import cast
from urllib.parse import quote

import orjson

from recon_cli.core.catalog import Cell, DeclaredColumn, Kind
from recon_cli.core.json_text import loads
from recon_cli.stores.bulk.base import Row, Span

_AS_IT_IS = frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.TEXT, Kind.UUID, Kind.ENUM})
"""What JSON carries exactly. The rest is asked for as Postgres's own text; `character(n)::text` would lose blanks."""


def quoted(name: str) -> str:
    """A column's name where a list of names or conditions stands."""
    return name if name.isidentifier() and name.isascii() else _within_quotes(name)


def _within_quotes(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def selected(columns: Sequence[DeclaredColumn]) -> str:
    """The value of `select`."""
    return ",".join(quoted(one.name) + ("" if one.kind in _AS_IT_IS else "::text") for one in columns)


def ordered(key: Sequence[str]) -> str:
    """The value of `order`."""
    return ",".join(f"{quoted(name)}.asc" for name in key)


def readers(columns: Sequence[DeclaredColumn]) -> list[tuple[str, Callable[[object], Cell] | None]]:
    """For each column its name and what turns its JSON value into a cell (None: it is one already)."""
    return [(one.name, _READERS.get(one.kind)) for one in columns]


def row_of(told: dict[str, object], columns: Sequence[tuple[str, Callable[[object], Cell] | None]]) -> Row:
    """One row; raises KeyError for a column that did not come and ValueError for a value that is none of its kind."""
    cells: list[Cell] = []
    for name, read in columns:
        value = told[name]
        cells.append(cast("Cell", value) if read is None or value is None else read(value))
    return tuple(cells)


def _float(value: object) -> Cell:
    return float(str(value))


def _bytes(value: object) -> Cell:
    return bytes.fromhex(str(value).removeprefix("\\x"))


def _instant(value: object) -> Cell:
    """In UTC, whatever the zone of the server's role."""
    text = str(value)
    if text.endswith(("+00", " BC")) or text in {"infinity", "-infinity"}:
        return text
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return moment.replace(tzinfo=None).isoformat(" ").rstrip("0" if moment.microsecond else "") + "+00"


_READERS: dict[Kind, Callable[[object], Cell]] = {
    Kind.REAL: _float,
    Kind.BYTES: _bytes,
    Kind.TIMESTAMPTZ: _instant,
}


@dataclass(frozen=True, slots=True)
class Misfit(Exception):  # noqa: N818  told on with the row's name
    """A cell that cannot be sent to its column."""

    cause: str


def outward(column: DeclaredColumn, cell: Cell) -> object:
    """A cell as orjson writes it for `json_populate_recordset`: strings go through the column's input function.

    Raises:
        Misfit: the column cannot hold it.
    """
    kind = column.kind
    if cell is None and not column.nullable:
        raise Misfit("it must not be NULL")
    if cell is None:
        return None
    if kind in {Kind.JSON, Kind.JSONB}:
        return _document(cell)
    if isinstance(cell, bytes):
        if kind is not Kind.BYTES:
            raise Misfit("bytes in a column that holds none")
        return "\\x" + cell.hex()
    if isinstance(cell, float):
        return repr(cell) if cell in {float("inf"), float("-inf")} or cell != cell else cell  # noqa: PLR0124  NaN
    return _text(kind, cell) if isinstance(cell, str) else _number(kind, cell)


def _document(cell: Cell) -> object:
    if isinstance(cell, bytes):
        raise Misfit("bytes in a column of JSON")
    if not isinstance(cell, str):
        return cell
    try:
        loads(cell)
    except ValueError as exc:
        raise Misfit(f"not JSON: {exc}") from exc
    return orjson.Fragment(cell.encode())


def _text(kind: Kind, cell: str) -> str:
    if "\0" in cell:
        raise Misfit("Postgres cannot hold a NUL in text")
    try:
        cell.encode()
    except UnicodeEncodeError as exc:
        raise Misfit(f"the text is not valid UTF-8: {exc.reason}") from exc
    if kind is Kind.BYTES:
        raise Misfit("text in a column of bytes")
    return cell


def _number(kind: Kind, cell: int) -> object:
    """JSON's `1` for a boolean is fine, Python's True in a column of numbers is not."""
    if isinstance(cell, bool) and kind is not Kind.BOOLEAN:
        return str(cell).lower() if kind is Kind.TEXT else int(cell)
    return str(cell) if kind is Kind.TEXT else cell


def same(kind: Kind, ours: Cell, theirs: Cell) -> bool:
    """Whether a cell of a snapshot, maybe of another engine, is what the column holds."""
    if ours is None or theirs is None:
        return ours is theirs
    if ours == theirs and isinstance(ours, float) == isinstance(theirs, float):
        return not isinstance(ours, float) or repr(ours) == repr(theirs)
    compare = _SAME.get(kind)
    try:
        return ours != ours and theirs != theirs if compare is None else compare(ours, theirs)  # noqa: PLR0124  NaN
    except (ValueError, InvalidOperation, OverflowError, TypeError):
        return False


def _same_number(ours: Cell, theirs: Cell) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return repr(ours) == repr(theirs)
    return Decimal(str(ours)) == Decimal(str(theirs))


def _same_truth(ours: Cell, theirs: Cell) -> bool:
    words = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
    return words.get(str(ours).lower()) is theirs


def _same_moment(ours: Cell, theirs: Cell) -> bool:
    return _moment(str(ours)) == _moment(str(theirs))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _same_document(ours: Cell, theirs: Cell) -> bool:
    return bool(_parsed(ours) == _parsed(theirs))


def _parsed(cell: Cell) -> object:
    return loads(cell, parse_float=Decimal) if isinstance(cell, str) else cell


_SAME: dict[Kind, Callable[[Cell, Cell], bool]] = {
    **dict.fromkeys((Kind.INTEGER, Kind.REAL, Kind.DECIMAL), _same_number),
    Kind.BOOLEAN: _same_truth,
    **dict.fromkeys((Kind.TIMESTAMP, Kind.TIMESTAMPTZ), _same_moment),
    **dict.fromkeys((Kind.JSON, Kind.JSONB), _same_document),
    Kind.UUID: lambda ours, theirs: str(ours).lower() == theirs,
    Kind.TEXT: lambda ours, theirs: str(ours) == theirs,
}


def within(key: Sequence[str], span: Span, *, after: Row | None = None) -> list[tuple[str, str]]:
    """The filters of a span: from `span.first` on (or after the key `after`) and below `span.end`."""
    parts = []
    if after is not None:
        parts.append(_beyond(key, after, "gt", "gt"))
    elif span.first is not None:
        parts.append(_beyond(key, span.first, "gt", "gte"))
    if span.end is not None:
        parts.append(_beyond(key, span.end, "lt", "lt"))
    return [("and", f"({','.join(parts)})")] if parts else []


def _beyond(key: Sequence[str], at: Row, strict: str, last: str) -> str:
    """Keys beyond `at`, part by part: `or(a.gt.1,and(a.eq.1,b.gt.2))`."""
    terms = []
    for place, name in enumerate(key):
        equal = [_is(one, cell) for one, cell in zip(key[:place], at, strict=False)]
        operator = last if place == len(key) - 1 else strict
        term = f"{quoted(name)}.{operator}.{literal(at[place])}"
        terms.append(f"and({','.join([*equal, term])})" if equal else term)
    return terms[0] if len(terms) == 1 else f"or({','.join(terms)})"


def _is(name: str, cell: Cell) -> str:
    return f"{quoted(name)}.eq.{literal(cell)}"


def literal(cell: Cell) -> str:
    """A value in a condition."""
    if isinstance(cell, bool):
        return str(cell).lower()
    text = "\\x" + cell.hex() if isinstance(cell, bytes) else str(cell)
    return _within_quotes(text)


def among(key: Sequence[str], keys: Sequence[Row]) -> list[tuple[str, str]]:
    """The filter for the rows of these keys."""
    if len(key) == 1:
        return [("and", f"({quoted(key[0])}.in.({','.join(literal(one[0]) for one in keys)}))")]
    rows = (f"and({','.join(_is(name, cell) for name, cell in zip(key, one, strict=True))})" for one in keys)
    return [("or", f"({','.join(rows)})")]


def in_reach(keys: Sequence[Row], *, size_bytes: int = 5000) -> Iterator[Sequence[Row]]:
    """The keys in parts whose filter fits into a URL that every gateway lets through."""
    start, held = 0, 0
    for place, key in enumerate(keys):
        size = sum(len(quote(literal(cell))) + 24 for cell in key)
        if held and held + size > size_bytes:
            yield keys[start:place]
            start, held = place, 0
        held += size
    if start < len(keys):
        yield keys[start:]
