"""Times in the cameras' lists: how far into the video, or when."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, time, timedelta, tzinfo

_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6})\d*)?")
_SECONDS = re.compile(r"(\d{1,7})(?:\.(\d{1,6})\d*)?\s*s?")
_MOST = timedelta(hours=1000)
_SIXTY = 60
_EXCEL_FIRST = datetime(1899, 12, 30)  # noqa: DTZ001  day 0 of the sheets, which know no zone


def elapsed(cell: object) -> timedelta | None:
    """H:MM:SS, MM:SS, seconds, or what a sheet makes of them; None for anything else."""
    if isinstance(cell, timedelta):
        found: timedelta | None = cell
    elif isinstance(cell, time):
        found = timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second, microseconds=cell.microsecond)
    elif isinstance(cell, datetime):
        found = cell.replace(tzinfo=None) - _EXCEL_FIRST
    elif isinstance(cell, int | float) and not isinstance(cell, bool):
        found = timedelta(seconds=cell) if math.isfinite(cell) and abs(cell) < _MOST.total_seconds() else None
    else:
        found = _written(str(cell).strip())
    return found if found is not None and timedelta(0) <= found < _MOST else None


def moment(cell: object, zone: tzinfo | None) -> datetime | None:
    """A time with its date, aware, in UTC; a naive one is in `zone`. None where it is none, or nobody says the zone."""
    try:
        found = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell).strip())
        if found.tzinfo is None and zone is None:
            return None
        return (found.replace(tzinfo=zone) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _written(text: str) -> timedelta | None:
    found = _CLOCK.fullmatch(text)
    if found:
        hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
        if minutes >= _SIXTY or seconds >= _SIXTY:
            return None
        return timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=_micro(found[4]))
    plain = _SECONDS.fullmatch(text)
    return timedelta(seconds=int(plain[1]), microseconds=_micro(plain[2])) if plain else None


def _micro(digits: str | None) -> int:
    return int((digits or "").ljust(6, "0"))
