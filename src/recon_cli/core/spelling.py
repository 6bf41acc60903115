"""One value, spelled by two engines: what of a column's cells is the value, and what only an engine's way to write it.

Where both sides hold a column as the same kind, a cell is its value, type and bits; nothing is overlooked. Where the
kinds differ (SQLite's `any` beside a `boolean`, `numeric` beside `double precision`), the more particular of the two
says what a cell means, and both are brought to one spelling:

boolean, integer, real, decimal   a number: true = 1, `1.50` = 1.5, 2.0 = 2, -0.0 = 0; text that is no number stays
date, timestamp, timestamptz      a moment in UTC: `2026-11-21T03:00:00Z` = `2026-11-21 03:00:00`
json, jsonb                       a document: spaces and the order of names do not count, its numbers do as above
uuid                              in small letters

Two kinds that mean different things (a number and a moment), and all other kinds, are compared as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from recon_cli.core.catalog import Cell, Kind
from recon_cli.core.json_text import loads

Spelling = Callable[[Cell], Cell]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)
_WORDS = {"true": 1, "t": 1, "false": 0, "f": 0}
_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "infinity": math.inf, "-infinity": -math.inf}
_LEAST, _GREATEST = -(2**63), 2**64 - 1
_DIGITS = 20
_VAGUE = frozenset({Kind.ANY, Kind.TEXT})


def common(one: Kind, other: Kind) -> Spelling | None:
    """What brings the cells of a column of these kinds to one spelling; None where they are compared as they are."""
    if one is other:
        return None
    meant = {_SPELLINGS.get(kind) for kind in (one, other) if kind not in _VAGUE}
    return meant.pop() if len(meant) == 1 else None


def number(cell: Cell) -> Cell:
    """A number as an integer where it is one, else as the float it is, else as text of all its digits."""
    if isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and _LEAST <= cell <= _GREATEST else cell
    if not isinstance(cell, str):
        return cell
    if _NUMBER.fullmatch(cell):
        return _from_digits(Decimal(cell))
    word = cell.lower()
    return _WORDS.get(word, _ODD.get(word, cell))


def _from_digits(found: Decimal) -> Cell:
    sign, digits, exponent = found.as_tuple()
    assert isinstance(exponent, int)  # the pattern lets no infinity in
    text = "".join(map(str, digits)).lstrip("0") or "0"
    kept = text.rstrip("0") or "0"
    exponent += len(text) - len(kept)
    if kept == "0" or (exponent >= 0 and len(kept) + exponent <= _DIGITS):
        whole = int(kept) * 10**exponent if kept != "0" else 0
        whole = -whole if sign else whole
        if _LEAST <= whole <= _GREATEST:
            return whole
    near = float(found)
    return near if math.isfinite(near) and Decimal(repr(near)) == found else f"{'-' if sign else ''}{kept}E{exponent}"


def moment(cell: Cell) -> Cell:
    """A date or time of day on a date, in UTC; one without a zone is taken to be. Others stay as they are."""
    if not isinstance(cell, str) or not _MOMENT.fullmatch(cell):
        return cell
    try:
        found = datetime.fromisoformat(cell)
        return found.astimezone(UTC).replace(tzinfo=None).isoformat() if found.tzinfo else found.isoformat()
    except (ValueError, OverflowError):  # the 30th of February, the year 0
        return cell


def document(cell: Cell) -> Cell:
    """A JSON document in one spelling; text that is none stays as it is."""
    if not isinstance(cell, str):
        return cell
    try:
        parsed = loads(cell, parse_float=_digits, parse_int=_digits)
        return json.dumps(parsed, ensure_ascii=True, sort_keys=True)
    except (ValueError, RecursionError):  # the second: a spelling of what could just be read
        return cell


def _digits(text: str) -> dict[str, Cell]:
    """A number of a document, kept apart from its texts."""
    return {"": number(text)}


def _small(cell: Cell) -> Cell:
    return cell.lower() if isinstance(cell, str) else cell


_SPELLINGS: dict[Kind, Spelling] = {
    **dict.fromkeys((Kind.BOOLEAN, Kind.INTEGER, Kind.REAL, Kind.DECIMAL), number),
    **dict.fromkeys((Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ), moment),
    **dict.fromkeys((Kind.JSON, Kind.JSONB), document),
    Kind.UUID: _small,
}
