"""Whether a cell of Postgres holds what a cell of SQLite held, under the type that was chosen.

`verdict` gives nothing where it does, or says in words what differs. A `RULE:` verdict is right if a rule that the
report has to state makes it so (an epoch read as a moment, an offset turned into UTC).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from tests.migration.audit import moments
from tests.migration.audit.sqlite_side import Text

RULE = "RULE: "
TRUE, FALSE = {b"true", b"t", b"yes", b"y", b"on", b"1"}, {b"false", b"f", b"no", b"n", b"off", b"0"}
Verdict = str | None


def verdict(was: object, became: Any, base: str) -> Verdict:
    """Compare one cell."""
    if was is None or became is None:
        return None if was is became else f"{shown(was)} became {shown(became)}"
    known: dict[str, Callable[[Any, Any], Verdict]] = {
        "bool": _boolean,
        **dict.fromkeys(("int2", "int4", "int8"), _whole),
        **dict.fromkeys(("float4", "float8"), _float),
        "numeric": _numeric,
        "computed": _computed,
        **dict.fromkeys(("text", "varchar", "bpchar", "citext", "json"), _text),
        "jsonb": _jsonb,
        "bytea": _bytes,
        "uuid": _uuid,
        **dict.fromkeys(("timestamp", "timestamptz", "date"), lambda a, b: _moment(a, b, base)),
        "time": _time,
    }
    told = known.get(base, _unknown)(was, became)
    return f"{shown(was)} became {shown(became)} in {base}: {told}" if told and not told.startswith(RULE) else told


def shown(value: object) -> str:
    """A value as a message shows it."""
    if isinstance(value, Text):
        return "text " + ascii(bytes(value[:40]))[1:]
    return ascii(value)[:60]


def _boolean(was: object, became: bool) -> Verdict:  # noqa: FBT001  a cell
    if isinstance(was, Text):
        fits = was.lower() in (TRUE if became else FALSE)
    else:
        fits = isinstance(was, (int, float)) and was == int(became)
    return None if fits else "another truth"


def _whole(was: object, became: int) -> Verdict:
    if isinstance(was, Text):
        return None if was == str(became).encode() else "text is no number"
    return None if not isinstance(was, bytes) and was == became else "another number"


def _float(was: object, became: float) -> Verdict:
    if isinstance(was, float):
        return None if struct.pack("d", was) == struct.pack("d", became) else "other bits"
    if isinstance(was, int):
        return None if math.isfinite(became) and int(became) == was and became.is_integer() else "another number"
    return "not a number"


def _computed(was: object, became: float) -> Verdict:
    """A float that a view computes: the order of a sum is the engine's own."""
    return None if isinstance(was, (int, float)) and math.isclose(was, became, rel_tol=1e-12) else "another number"


def _numeric(was: object, became: Decimal) -> Verdict:
    if isinstance(was, float):
        fits = float(became) == was
    elif isinstance(was, int):
        fits = became == was
    else:
        fits = isinstance(was, Text) and _decimal(was) == became
    return None if fits else "another number"


def _decimal(was: bytes) -> Decimal | None:
    with suppress(InvalidOperation, UnicodeDecodeError):
        return Decimal(was.decode())
    return None


def _text(was: object, became: str) -> Verdict:
    if isinstance(was, Text):
        return None if bytes(was) == became.encode("utf-8", "surrogateescape") else "other characters"
    if isinstance(was, bytes):
        return RULE + "bytes as text" if _spells(was, became) else "other bytes"
    if isinstance(was, int):
        return None if str(was) == became else "another number"
    with suppress(ValueError):
        if struct.pack("d", float(became)) == struct.pack("d", float(str(was))):
            return None
    return "another number"


def _spells(was: bytes, became: str) -> bool:
    return became in {was.hex(), "\\x" + was.hex(), f"x'{was.hex()}'", f"X'{was.hex().upper()}'"} or (
        became.encode() == was
    )


def _jsonb(was: object, became: str) -> Verdict:
    if isinstance(was, (int, float)) and not isinstance(was, bool):
        return None if json.loads(became, parse_float=Decimal) == Decimal(repr(was)) else "another number"
    if not isinstance(was, Text):
        return "not JSON"
    try:
        told = json.loads(was.decode(), object_pairs_hook=_pairs, parse_float=Decimal)
    except (ValueError, _TwiceError) as error:
        return f"the text is no JSON that jsonb holds ({error})"
    there = json.loads(became, object_pairs_hook=_pairs, parse_float=Decimal)
    return None if _same(told, there) else "other JSON"


class _TwiceError(Exception):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _TwiceError("a key stands twice")
    return dict(pairs)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, (int, Decimal)) and isinstance(other, (int, Decimal)):
        return one == other
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _bytes(was: object, became: bytes) -> Verdict:
    if isinstance(was, Text):
        return RULE + "text as bytes" if bytes(was) == became else "other bytes"
    if isinstance(was, bytes):
        return None if was == became else "other bytes"
    return RULE + "number as bytes" if became == str(was).encode() else "a number is no bytes"


def _uuid(was: object, became: UUID) -> Verdict:
    if isinstance(was, Text):
        return (
            None if was == str(became).encode() else RULE + "spelling of a uuid" if _uuid_of(was) == became else "other"
        )
    return None if was == became.bytes else "another uuid"


def _uuid_of(was: bytes) -> UUID | None:
    with suppress(ValueError):
        return UUID(was.decode())
    return None


def _moment(was: object, became: str, base: str) -> Verdict:
    there = moments.of_postgres(became)
    if there is None:
        return "no moment that can be read"
    if isinstance(was, Text):
        return _written_moment(was, there, base)
    if isinstance(was, bytes):
        return "bytes are no moment"
    for unit, moment in moments.of_number(was):  # type: ignore[arg-type]  # int or float is left
        allowed = timedelta(milliseconds=1) if unit == "julian days" else timedelta(microseconds=1)
        if moment is not None and abs(moment - there) <= (timedelta(0) if isinstance(was, int) else allowed):
            return f"{RULE}epoch {unit}"
    return "another moment"


def _written_moment(was: Text, there: datetime, base: str) -> Verdict:
    parsed = moments.of_text(was.decode("utf-8", "replace"))
    if parsed is None:
        return "the text is no moment"
    wall, offset, exact = parsed
    if base == "date" and wall.time() != datetime.min.time():
        return "the time of day is gone"
    if not exact:
        return "digits below the microsecond are gone"
    if offset is None:
        if wall == there:
            return None
        minutes = (wall - there) / timedelta(minutes=1)
        return f"{RULE}zone {minutes:+.0f}" if base == "timestamptz" and abs(minutes) <= 14 * 60 else "another moment"
    if wall - offset != there:
        return "another moment"
    return RULE + "offset" if offset else None if base == "timestamptz" else RULE + "utc without zone"


def _time(was: object, became: str) -> Verdict:
    if not isinstance(was, Text):
        return "not a time of day"
    told, there = was.decode("utf-8", "replace"), became
    trimmed = told if told.count(":") == 2 else told + ":00"
    return None if trimmed.rstrip("0").rstrip(".") == there.rstrip("0").rstrip(".") else "another time"


def _unknown(was: object, became: object) -> Verdict:
    return f"a type the auditor does not know ({type(became).__name__} for {type(was).__name__})"
