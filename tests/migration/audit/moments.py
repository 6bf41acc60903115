"""Moments as SQLite files write them, and as Postgres does; all without zone, in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  compared with others that are naive UTC
JULIAN_OF_EPOCH = 2440587.5
_WRITTEN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?(?::\d\d)?)?"
)


def of_text(text: str) -> tuple[datetime, timedelta | None, bool] | None:
    """The wall clock, the offset if one is written, and whether microseconds hold all digits."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    *parts, fraction, offset = found.groups()
    digits = fraction or ""
    try:
        wall = datetime(*(int(part or 0) for part in parts), int(f"{digits:0<6}"[:6]))  # type: ignore[arg-type, misc]  # noqa: DTZ001
    except ValueError:
        return None
    return wall, _offset(offset), not digits[6:].strip("0")


def of_postgres(text: str) -> datetime | None:
    """What Postgres prints for date, timestamp or timestamptz under UTC."""
    parsed = of_text(text)
    return None if parsed is None else parsed[0] - (parsed[1] or timedelta(0))


def of_number(value: float) -> Iterator[tuple[str, datetime | None]]:
    """The moments that a number may mean."""
    for unit, microseconds in (("s", 1_000_000), ("ms", 1_000), ("us", 1)):
        yield unit, _since(value, microseconds)
    if isinstance(value, float):
        yield "julian days", _since(value - JULIAN_OF_EPOCH, 86_400_000_000)


def _since(value: float, microseconds: int) -> datetime | None:
    try:
        return EPOCH + timedelta(microseconds=round(value * microseconds))
    except (OverflowError, ValueError):
        return None


def _offset(written: str | None) -> timedelta | None:
    if not written:
        return None
    if written == "Z":
        return timedelta(0)
    digits = re.sub(r"\D", "", written)
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4] or 0), seconds=int(digits[4:6] or 0))
    return -size if written[0] == "-" else size
