"""Times as applications wrote them, in UTC: the zone comes from who wrote them, not from the text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from recon_cli.core.canonical import Value
from recon_cli.core.errors import UsageError

KST = timezone(timedelta(hours=9), "Asia/Seoul")
"""Korea keeps UTC+9 all year."""


def zone_named(name: str) -> tzinfo:
    """The time zone an operator named.

    Raises:
        UsageError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as exc:
        hint = "use a name such as `Asia/Seoul` or `UTC`"
        raise UsageError(f"no time zone `{name}`", hint=hint) from exc


def to_utc(value: Value, zone: tzinfo) -> datetime | None:
    """A stored time as aware UTC, naive ones being in `zone`; None when it cannot be read as a time."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_aware(value: Value) -> bool:
    """Whether a stored time names its own offset."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        return False
    return moment.tzinfo is not None
