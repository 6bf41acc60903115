"""What a server's listed times mean in UTC: its zone is measured with MDTM of files already listed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from recon_cli.core.entry import EntryType, Precision
from recon_cli.core.errors import ConfigError
from recon_cli.files.listing.rows import Row, Stamp

_STEP = timedelta(minutes=15)
_SLACK = timedelta(minutes=2)
_WIDEST = timedelta(hours=15)
_MEASURABLE = (Precision.MINUTE, Precision.SECOND)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_REMEMBERED = 20_000
UNKNOWN_ZONE = "the server's time zone is unknown, read as UTC"


class ServerClock:
    """Turns listed times into UTC.

    The offset is measured once for each month that listings mention, because summer time changes it; `zone` (an IANA
    name or `+09:00`) replaces measuring.
    """

    def __init__(self, zone: str = "") -> None:
        self._zone = named_zone(zone) if zone else None
        self._offsets: dict[tuple[int, int], timedelta | None] = {}
        self._read: dict[Stamp, tuple[datetime, str]] = {}
        self.measurable = True

    def sample(self, rows: Iterable[Row]) -> Row | None:
        """A file whose MDTM would tell something new, or None."""
        if self._zone is not None or not self.measurable:
            return None
        for row in rows:
            if row.stamp and row.type is EntryType.FILE and self._unmeasured(row.stamp) and sendable(row.name):
                return row
        return None

    def learn(self, listed: Stamp, exact: Stamp | None) -> None:
        """What MDTM says about a file listed with `listed`; None where the server would not tell."""
        offset = None if exact is None else _offset(listed.moment - exact.moment)
        key = _month(listed)
        if self._offsets.get(key) == offset and key in self._offsets:
            return
        self._read.clear()
        if offset is not None or key not in self._offsets:
            self._offsets[key] = offset

    def read(self, stamp: Stamp) -> tuple[datetime, str]:
        """The moment in UTC, and what to say about it where the zone had to be guessed."""
        known = self._read.get(stamp)
        if known is None:
            if len(self._read) >= _REMEMBERED:
                self._read.clear()
            known = self._read[stamp] = self._worked_out(stamp)
        return known

    def _worked_out(self, stamp: Stamp) -> tuple[datetime, str]:
        if stamp.precision in (Precision.EXACT, Precision.DAY):
            return stamp.moment, ""  # days stay days: no zone makes them hours
        if self._zone is not None:
            return stamp.moment.replace(tzinfo=self._zone).astimezone(UTC), ""
        offset = self._offset_of(stamp)
        return (stamp.moment, UNKNOWN_ZONE) if offset is None else (stamp.moment - offset, "")

    @property
    def words(self) -> str:
        """The zone for people."""
        if self._zone is not None:
            return f"{self._zone} (as configured)"
        known = sorted({str(offset) for offset in self._offsets.values() if offset is not None})
        return f"UTC offset {', '.join(known)} (measured)" if known else "unknown"

    def _unmeasured(self, stamp: Stamp) -> bool:
        return stamp.precision in _MEASURABLE and _month(stamp) not in self._offsets

    def _offset_of(self, stamp: Stamp) -> timedelta | None:
        offset = self._offsets.get(_month(stamp))
        if offset is None:
            offset = next((known for known in self._offsets.values() if known is not None), None)
        return offset


def sendable(name: bytes) -> bool:
    """Whether a name can be said in a command at all."""
    return not (b"\n" in name or b"\r" in name or b"\0" in name)


def named_zone(zone: str) -> tzinfo:
    """A zone from its IANA name or its offset."""
    if found := _OFFSET.fullmatch(zone):
        ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(ahead if found[1] == "+" else -ahead)
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415 - a named zone is rare, start-up is not

    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"no time zone `{zone}`", hint="use a name such as `Asia/Seoul`, or `+09:00`") from error


def _month(stamp: Stamp) -> tuple[int, int]:
    return stamp.moment.year, stamp.moment.month


def _offset(difference: timedelta) -> timedelta | None:
    """The zone offset behind a difference: a multiple of 15 minutes, else the file changed in between."""
    steps = round((difference + timedelta(seconds=30)) / _STEP)
    if abs(difference - steps * _STEP) > _SLACK or abs(difference) > _WIDEST:
        return None
    return steps * _STEP
