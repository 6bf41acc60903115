"""Single fields of an export, under every name and in every shape that was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from recon_cli.systems import moments
from recon_cli.systems.gfx.document import Parsed
from recon_cli.systems.gfx.names import game_id
from recon_cli.systems.text import printable

Say: TypeAlias = Callable[[str, str], None]
"""Takes note of a problem: reason, detail."""

_LEAST, _MOST = -(2**63), 2**63 - 1
_LONGEST_INT64 = 19
_DIGITS = re.compile(r"[-+]?[0-9]{1,19}")
_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,9})D)?(?:T(?=.)(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:[.,]([0-9]{1,30}))?S)?)?"
)
TICKS_PER_SECOND = 10**7
"""A tick is 100 ns: the seven digits that an export writes."""


class TableType(StrEnum):
    """What kind of table a session was played at."""

    FEATURE_TABLE = "FEATURE_TABLE"
    MAIN_TABLE = "MAIN_TABLE"
    FINAL_TABLE = "FINAL_TABLE"
    SIDE_TABLE = "SIDE_TABLE"
    UNKNOWN = "UNKNOWN"


_OTHER_WORDS = {"CASH": TableType.MAIN_TABLE, "TOURNAMENT": TableType.MAIN_TABLE}
"""As the service before wrote them."""


class InexactError(Exception):
    """A number that is needed was read as a float: the document has to be read exactly."""


def said(keys: Mapping[str, Parsed], *names: str) -> Parsed:
    """The first of these names that says something, in the object itself, then in its `session`."""
    for name in names:
        if (value := keys.get(name)) is not None:
            return value
    inner = keys.get("session")
    if isinstance(inner, dict):
        for name in names:
            if (value := inner.get(name)) is not None:
                return value
    return None


def whole(value: Parsed) -> int | None:
    """A whole number that 64 bits hold, written as a number or as text; never by way of a float.

    Raises:
        InexactError: it is a float.
    """
    if type(value) is int:
        return value if _LEAST <= value <= _MOST else None
    if isinstance(value, float):
        raise InexactError
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, Decimal) and value.adjusted() < _LONGEST_INT64 and value == value.to_integral_value():
        value = int(value)
    return value if isinstance(value, int) and _LEAST <= value <= _MOST else None


def session_id(keys: Mapping[str, Parsed], path: str, say: Say) -> int | None:
    """The session's id: `ID`, `session_id`, `session.id`, `id`, or the name's GameID, the first that can be read."""
    inner = keys.get("session")
    candidates: dict[str, Parsed] = {
        "ID": keys.get("ID"),
        "session_id": keys.get("session_id"),
        "session.id": inner.get("id") if isinstance(inner, dict) else None,
        "id": keys.get("id"),
        "the file's name": game_id(path),
    }
    read: dict[str, int] = {}
    for name, value in candidates.items():
        if value is None:
            continue
        if (number := whole(value)) is None:
            say("unreadable session id", f"{name} is not a whole number of 64 bits")
        else:
            read[name] = number
    if len(set(read.values())) > 1:
        say("several session ids", ", ".join(f"{name} {number}" for name, number in read.items()))
    return next(iter(read.values()), None)


def table_type(keys: Mapping[str, Parsed], say: Say) -> TableType:
    """The kind of table, in whatever spelling; what nobody knows is UNKNOWN, and noted."""
    value = said(keys, "Type", "table_type", "tableType", "type")
    if isinstance(value, str) and value in TableType.__members__:
        return TableType.__members__[value]
    word = re.sub(r"[^A-Z]+", "_", text(value).upper()).strip("_") if value is not None else "UNKNOWN"
    for candidate in (word, f"{word}_TABLE"):
        if candidate in TableType.__members__:
            return TableType(candidate)
    if word in _OTHER_WORDS:
        return _OTHER_WORDS[word]
    say("unknown table type", text(value))
    return TableType.UNKNOWN


def text(value: Parsed) -> str:
    """A value as text that any database can hold; empty for what is neither text nor number.

    Raises:
        InexactError: it is a float.
    """
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, float):
        raise InexactError
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return ""
    return str(value)


def title(keys: Mapping[str, Parsed], *names: str) -> str | None:
    """A line of text, None where nothing says it."""
    value = said(keys, *names)
    return text(value) if value is not None else None


def payouts(keys: Mapping[str, Parsed], say: Say) -> tuple[int, ...] | None:
    """The payouts, None where there are none or one is not a whole number."""
    value = said(keys, "Payouts", "payouts")
    if value is None:
        return None
    amounts = [whole(one) for one in value] if isinstance(value, list) else [None]
    kept = tuple(one for one in amounts if one is not None)
    if len(kept) < len(amounts):
        say("unreadable payouts", "they are in the raw document only")
        return None
    return kept


def moment(value: Parsed) -> datetime | None:
    """A time as aware UTC, cut to microseconds; one without a zone is UTC, as the field names say.

    The year 1 is what .NET writes for no time.
    """
    found = moments.to_utc(value, UTC) if isinstance(value, str) else None
    return found if found is not None and found.year > 1 else None


def ticks(value: Parsed) -> int | None:
    """An ISO 8601 duration of days and time (`PT3M26.98S`) in units of 100 ns; None where it cannot be read."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
    fraction = int(f"{found[5] or '':0<7}"[:7])
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * TICKS_PER_SECOND + fraction
