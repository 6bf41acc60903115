"""Times as listings write them. The year is often left out; the zone always is, except in MLSx."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from recon_cli.core.entry import Precision
from recon_cli.files.listing.rows import Stamp

_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), start=1
    )
}
_UNIX = re.compile(
    rb"(?:(?P<month>[A-Za-z]{3}) +(?P<day>\d{1,2})|(?P<day2>\d{1,2}) +(?P<month2>[A-Za-z]{3})) +"
    rb"(?:(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?: +(?P<year>\d{4}))?|(?P<year2>\d{4}))"
)
_ISO = re.compile(rb"(\d{4})-(\d\d)-(\d\d) +(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?")
_DIGITS = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?")
_MIDNIGHT_HOUR = 12


def unix_stamp(when: bytes, now: datetime) -> Stamp | None:
    """The date columns of a unix listing: `Nov 21 09:31`, `Jul 14  2017`, `21 Nov 09:31`, `2025-11-21 09:31`.

    A time without a year gets the year that puts it into (now - 1 year, now + 1 day].
    """
    if iso := _ISO.fullmatch(when):
        return _built(*(int(part) for part in iso.groups(b"0")), precise=bool(iso[6]))
    found = _UNIX.fullmatch(when)
    if not found:
        return None
    month = _MONTHS.get((found["month"] or found["month2"]).lower(), 0)
    day = int(found["day"] or found["day2"])
    if found["year2"]:
        return _day(int(found["year2"]), month, day)
    clock = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if found["year"]:
        return _built(int(found["year"]), month, day, *clock, precise=bool(found["second"]))
    return _without_year(month, day, clock, now)


def dos_stamp(date: tuple[int, int, int], hour: int, minute: int, half: bytes) -> Stamp | None:
    """A DOS date (year, month, day) with an optional AM/PM."""
    if half:
        hour = hour % _MIDNIGHT_HOUR + (_MIDNIGHT_HOUR if half.upper() == b"PM" else 0)
    return _built(*date, hour, minute, 0, precise=False)


def exact_stamp(digits: bytes) -> Stamp | None:
    """`YYYYMMDDHHMMSS[.fff]` of MDTM and MLSx: UTC by RFC 3659. Fractions are dropped.

    Some servers of 2000 wrote the year as `19100`; that is unknown here rather than wrong.
    """
    found = _DIGITS.fullmatch(digits)
    if not found:
        return None
    try:
        return Stamp(datetime(*(int(part) for part in found.groups()), tzinfo=UTC), Precision.EXACT)  # type: ignore[arg-type,misc] # six integers
    except ValueError:
        return None


def _without_year(month: int, day: int, clock: tuple[int, int, int], now: datetime) -> Stamp | None:
    latest, earliest = now + timedelta(days=1), now - timedelta(days=366)
    for year in (latest.year, latest.year - 1):
        stamp = _built(year, month, day, *clock, precise=False)
        if stamp and earliest < stamp.moment <= latest:
            return stamp
    return None


def _built(year: int, month: int, day: int, hour: int, minute: int, second: int, *, precise: bool) -> Stamp | None:
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return Stamp(moment, Precision.SECOND if precise else Precision.MINUTE)


def _day(year: int, month: int, day: int) -> Stamp | None:
    try:
        return Stamp(datetime(year, month, day, tzinfo=UTC), Precision.DAY)
    except ValueError:
        return None
