from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from recon_cli.core.entry import EntryType, Precision
from recon_cli.core.errors import ConfigError
from recon_cli.files.ftp.clock import UNKNOWN_ZONE, ServerClock
from recon_cli.files.listing.rows import Row, Stamp

SUMMER = datetime(2026, 7, 14, 12, 30, tzinfo=UTC)
WINTER = datetime(2026, 1, 14, 12, 30, tzinfo=UTC)


def minute(moment: datetime) -> Stamp:
    return Stamp(moment, Precision.MINUTE)


def exact(moment: datetime) -> Stamp:
    return Stamp(moment, Precision.EXACT)


def test_the_zone_is_measured_to_the_quarter_of_an_hour() -> None:
    clock = ServerClock()
    clock.learn(minute(SUMMER), exact(SUMMER - timedelta(hours=5, minutes=45) + timedelta(seconds=42)))
    assert clock.read(minute(SUMMER)) == (SUMMER - timedelta(hours=5, minutes=45), "")


def test_summer_time_is_measured_month_by_month() -> None:
    clock = ServerClock()
    clock.learn(minute(SUMMER), exact(SUMMER - timedelta(hours=2)))
    clock.learn(minute(WINTER), exact(WINTER - timedelta(hours=1)))
    assert clock.read(minute(SUMMER))[0] == SUMMER - timedelta(hours=2)
    assert clock.read(minute(WINTER))[0] == WINTER - timedelta(hours=1)


def test_a_file_changed_between_listing_and_asking_does_not_become_a_zone() -> None:
    clock = ServerClock()
    clock.learn(minute(SUMMER), exact(SUMMER + timedelta(minutes=7)))
    assert clock.read(minute(SUMMER)) == (SUMMER, UNKNOWN_ZONE)


def test_only_files_that_tell_something_new_are_asked_for() -> None:
    clock = ServerClock()
    rows = [
        Row(b"old", EntryType.FILE, 1, Stamp(SUMMER, Precision.DAY)),
        Row(b"line\nbreak", EntryType.FILE, 1, minute(SUMMER)),
        Row(b"dir", EntryType.DIR, None, minute(SUMMER)),
        Row(b"good", EntryType.FILE, 1, minute(SUMMER)),
    ]
    assert clock.sample(rows) == rows[3]
    clock.learn(minute(SUMMER), None)
    assert clock.sample(rows) is None


def test_a_configured_zone_replaces_measuring() -> None:
    clock = ServerClock("Asia/Seoul")
    assert clock.sample([Row(b"good", EntryType.FILE, 1, minute(SUMMER))]) is None
    assert clock.read(minute(SUMMER)) == (SUMMER - timedelta(hours=9), "")
    assert ServerClock("+09:00").read(minute(SUMMER)) == (SUMMER - timedelta(hours=9), "")


def test_an_unknown_zone_name_is_a_setting_to_mend() -> None:
    with pytest.raises(ConfigError, match="Asia/Soul"):
        ServerClock("Asia/Soul")
