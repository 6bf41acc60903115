"""Times as the logs write them: two Korean formats, local, without a zone; placeholders say nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

_TIME = re.compile(
    r"(?P<year>\d{4})\s*[년.\-/]\s*(?P<month>\d{1,2})\s*[월.\-/]\s*(?P<day>\d{1,2})\s*[일.]?"
    r"[\s,]*(?:\(?[가-힣0-9]{1,2}요일\)?|\([월화수목금토일]\))?[\s,]*"
    r"(?P<half>오전|오후|AM|PM|am|pm)?\s*"
    r"(?:(?P<hour>\d{1,2})\s*[:시]\s*(?P<minute>\d{1,2})\s*분?\s*(?::?\s*(?P<second>\d{1,2})\s*초?)?)?"
)
_AFTERNOON = frozenset({"오후", "PM", "pm"})
_NOON = 12


def local(text: str) -> datetime | None:
    """A time without a zone, as it was meant by the clock on the wall; None for a placeholder or no time at all.

    `2025. 9. 21. 오후 9:59:41`, `2025년 09월 14일 오후 4:31:13`, `2025년 09월 13일 토요일 16시 31분`. A day alone is
    its first minute. `2025년 00월 00일 00요일 00시 00분` is a placeholder.
    """
    found = _TIME.search(text)
    if found is None:
        return None
    year, month, day, minute, second = (int(found[name] or 0) for name in ("year", "month", "day", "minute", "second"))
    try:
        return datetime(year, month, day, _hour(found), minute, second)  # noqa: DTZ001  the zone is the caller's
    except ValueError:
        return None


def instant(text: str, zone: tzinfo) -> datetime | None:
    """The same in UTC, the clock on the wall being that of `zone`."""
    wall = local(text)
    try:
        return wall.replace(tzinfo=zone).astimezone(UTC) if wall is not None else None
    except OverflowError:
        return None


def _hour(found: re.Match[str]) -> int:
    hour = int(found["hour"] or 0)
    if not found["half"] or hour > _NOON:
        return hour
    return hour % _NOON + (_NOON if found["half"] in _AFTERNOON else 0)
