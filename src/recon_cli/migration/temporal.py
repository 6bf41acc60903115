"""Dates and times as applications write them into SQLite, as the numbers that Postgres keeps. Pure.

Postgres counts microseconds (and days) from 2000-01-01. Only spellings with one meaning are read:
`YYYY-MM-DD`, and with ` ` or `T` a time `HH:MM[:SS[.ffffff]]` and an offset `Z`, `+HH:MM`, `+HHMM`, `+HH`.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

DAY_US = 86_400_000_000
UNIX_TO_2000_US = 946_684_800_000_000
JULIAN_OF_1970 = 2440587.5
_ORDINAL_OF_2000 = 730_120
_CACHE_ENTRIES = 200_000
_DATE = re.compile(rb"(\d{4})-(\d\d)-(\d\d)")
_CLOCK = re.compile(rb"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d(?::?\d\d)?)?")
_MICROS = 6


class Shape(IntEnum):
    """What a text in a column of dates says."""

    BAD = 0
    DATE = 1
    NAIVE = 2
    """Date and time without an offset."""
    AWARE = 3
    """Date and time with an offset."""
    CLOCK = 4
    """A time of day alone."""
    FINE = 5
    """More digits than microseconds: Postgres would round it."""


class Days(dict[bytes, int]):
    """The first ten bytes of a text → microseconds since 2000-01-01; ValueError for what is no date."""

    def __missing__(self, text: bytes) -> int:
        found = _DATE.fullmatch(text)
        if found is None:
            raise ValueError("not a date")
        day = date(int(found[1]), int(found[2]), int(found[3])).toordinal() - _ORDINAL_OF_2000
        if len(self) > _CACHE_ENTRIES:
            self.clear()
        self[text] = day * DAY_US
        return self[text]


class Clocks(dict[bytes, int]):
    """What follows the date → microseconds to add, an offset taken off; ValueError for what is no time.

    `aware` says whether there must be an offset (True), must be none (False), or either (None).
    """

    def __init__(self, *, aware: bool | None = None) -> None:
        super().__init__()
        self._aware = aware

    def __missing__(self, text: bytes) -> int:
        micros, offset = clock(text[1:]) if text else (0, None)
        if self._aware is not None and self._aware != (offset is not None):
            raise ValueError("an offset" if offset is not None else "no offset")
        if text and text[:1] not in b" T":
            raise ValueError("no space or T before the time")
        if len(self) > _CACHE_ENTRIES:
            self.clear()
        self[text] = micros - (offset or 0)
        return self[text]


def clock(text: bytes) -> tuple[int, int | None]:
    """A time of day in microseconds, and its offset from UTC in microseconds if it has one.

    Raises:
        ValueError: it is none, or has more digits than microseconds.
    """
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    fraction = (found[4] or b"").rstrip(b"0")
    if hour > 23 or minute > 59 or second > 59 or len(fraction) > _MICROS:  # noqa: PLR2004  as clocks are
        raise ValueError("no such time, or finer than microseconds")
    micros = int(fraction.ljust(_MICROS, b"0") or 0)
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros, _offset(found[5])


def _offset(text: bytes | None) -> int | None:
    if text is None:
        return None
    if text == b"Z":
        return 0
    digits = text[1:].replace(b":", b"")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return minutes * 60_000_000 * (-1 if text[:1] == b"-" else 1)


def shape(text: bytes) -> Shape:
    """What a text says."""
    if len(text) <= 18 and _CLOCK.fullmatch(text):  # noqa: PLR2004  the longest is HH:MM:SS.ffffff+HH
        return _clock_shape(text, Shape.CLOCK, Shape.BAD)
    try:
        Days()[text[:10]]
    except ValueError:
        return Shape.BAD
    rest = text[10:]
    if not rest:
        return Shape.DATE
    return _clock_shape(rest[1:], Shape.NAIVE, Shape.AWARE) if rest[:1] in b" T" else Shape.BAD


def _clock_shape(text: bytes, naive: Shape, aware: Shape) -> Shape:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return Shape.BAD
    if len((found[4] or b"").rstrip(b"0")) > _MICROS:
        return Shape.FINE
    try:
        _, offset = clock(text)
    except ValueError:
        return Shape.BAD
    return naive if offset is None else aware


def in_zone(micros: int, zone: ZoneInfo) -> int:
    """A local time (microseconds since 2000-01-01) as UTC; of a time that is twice, the first."""
    local = datetime(2000, 1, 1) + timedelta(microseconds=micros)  # noqa: DTZ001  naive on purpose
    offset = local.replace(tzinfo=zone).utcoffset() or timedelta()
    return micros - round(offset.total_seconds() * 1_000_000)


def julian_us(days: float) -> int:
    """A Julian day as SQLite understands it (whole milliseconds), in microseconds since 2000-01-01."""
    return round((days - JULIAN_OF_1970) * 86_400_000) * 1000 - UNIX_TO_2000_US


def epoch_us(seconds: float) -> int:
    """Seconds since 1970 in microseconds since 2000-01-01."""
    whole = int(seconds // 1)
    return whole * 1_000_000 + round((seconds - whole) * 1_000_000) - UNIX_TO_2000_US
