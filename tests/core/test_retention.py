"""Retention: what stays, whatever the clock and the failures did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.retention import AHEAD, Policy, ahead, decide, newest, readable

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEOUL, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")


@dataclass(frozen=True)
class Copy:
    name: str
    made: datetime
    fault: str = ""
    newer: str = ""


def at(moment: datetime, fault: str = "", mark: str = "") -> Copy:
    return Copy(f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}{mark}", moment, fault)


def nightly(days: int, fault: str = "", until: datetime = NOW) -> list[Copy]:
    return [at(until - timedelta(days=day), fault) for day in range(days)]


def kept(copies: list[Copy], policy: Policy, zone: tzinfo | None = UTC, now: datetime = NOW) -> list[Copy]:
    return [verdict.held for verdict in decide(copies, policy, now, zone) if verdict.keep]


def test_the_newest_of_each_of_the_last_days_weeks_months_and_years_stays_with_its_reasons() -> None:
    copies = nightly(800)
    policy = Policy(last=2, daily=3, weekly=2, monthly=2, yearly=3)
    told = {v.held.name[:8]: v.reasons for v in decide(copies, policy, NOW, UTC) if v.keep}
    assert told == {
        "20241231": ("yearly 2024",),
        "20251231": ("yearly 2025",),
        "20261031": ("monthly 2026-10",),
        "20261115": ("weekly 2026-W46",),
        "20261119": ("daily 2026-11-19",),
        "20261120": ("last 2026-11-20T12:00:00+00:00", "daily 2026-11-20"),
        "20261121": (
            "last 2026-11-21T12:00:00+00:00",
            "daily 2026-11-21",
            "weekly 2026-W47",
            "monthly 2026-11",
            "yearly 2026",
        ),
    }


def test_periods_are_counted_that_have_a_snapshot_so_a_month_off_loses_nothing() -> None:
    copies = nightly(3, until=NOW - timedelta(days=90)) + nightly(2)
    assert len(kept(copies, Policy(daily=5))) == 5


def test_fifteen_failed_days_leave_the_last_good_ones_standing_under_any_policy() -> None:
    good = nightly(10, until=NOW - timedelta(days=15))
    copies = good + nightly(15, fault="cut short")
    for policy in (Policy(last=1), Policy(daily=1), Policy(last=7), Policy(yearly=1), Policy(daily=7, floor=3)):
        stay = [one for one in kept(copies, policy) if not one.fault]
        assert stay == kept(good, policy)
        assert good[0] in stay
        assert len(stay) >= policy.floor


def test_a_bad_one_stays_until_a_newer_good_one_is_there() -> None:
    bad = at(NOW - timedelta(hours=1), "cut short")
    before, after = at(NOW - timedelta(hours=2)), at(NOW)
    assert bad in kept([before, bad], Policy(last=1))
    assert kept([before, bad, after], Policy(last=2)) == [before, after]


def test_the_floor_holds_against_a_smaller_rule() -> None:
    assert len(kept(nightly(10), Policy(last=1, floor=4))) == 4


def test_without_a_rule_everything_stays() -> None:
    assert len(kept(nightly(40), Policy())) == 40


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_days_on_which_the_clock_is_changed_are_one_day_each(day: str) -> None:
    start = datetime.fromisoformat(f"{day}T00:10").replace(tzinfo=BERLIN).astimezone(UTC)
    hourly = [at(start + timedelta(hours=hour)) for hour in range(-30, 50)]
    stay = kept(hourly, Policy(daily=3), BERLIN, now=NOW + timedelta(days=999))
    dates = [one.made.astimezone(BERLIN) for one in stay]
    assert len({date.date() for date in dates}) == 3
    assert all(date.hour == 23 for date in dates[:-1])


def test_a_day_is_a_day_of_the_zone() -> None:
    evening, night = datetime(2026, 11, 20, 14, tzinfo=UTC), datetime(2026, 11, 20, 16, tzinfo=UTC)
    assert len(kept([at(evening), at(night)], Policy(daily=2), UTC)) == 1
    assert len(kept([at(evening), at(night)], Policy(daily=2), SEOUL)) == 2


def test_what_was_made_at_the_same_moment_stays_together() -> None:
    twins = [at(NOW), at(NOW, mark="-2"), at(NOW, mark="-10")]
    assert [one.name for one in kept([*nightly(3)[1:], *twins], Policy(last=1))] == [one.name for one in twins]


def test_a_snapshot_from_the_future_stays_takes_no_place_and_is_not_the_newest() -> None:
    jumped = at(NOW + timedelta(days=900))
    copies = [*nightly(5), jumped]
    assert kept(copies, Policy(last=2)) == [*reversed(nightly(2)), jumped]
    assert ahead(copies, NOW) == [jumped]
    assert newest(copies, NOW) == at(NOW)


def test_when_the_own_clock_fell_back_the_newest_of_all_is_still_found() -> None:
    fallen = datetime(1970, 1, 1, tzinfo=UTC)
    assert newest(nightly(5), fallen) == at(NOW)
    assert len(kept(nightly(5), Policy(last=1), now=fallen)) == 5


def test_the_newest_is_never_a_bad_one() -> None:
    assert newest([at(NOW, "cut short"), *nightly(3)[1:]], NOW) == nightly(2)[1]
    assert newest([at(NOW, "cut short")], NOW) is None


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  bounds are naive
copies_of = st.lists(
    st.builds(at, moments, st.sampled_from(["", "", "bad"])), max_size=40, unique_by=lambda one: one.name
)
counts = st.integers(0, 5)
policies = st.builds(Policy, counts, counts, counts, counts, counts, st.integers(1, 4))
zones = st.sampled_from([UTC, SEOUL, BERLIN, ZoneInfo("America/St_Johns")])


@given(copies_of, policies, zones)
def test_enough_good_ones_always_stay(copies: list[Copy], policy: Policy, zone: tzinfo) -> None:
    good = [one for one in copies if not one.fault]
    stay = [one for one in kept(copies, policy, zone) if not one.fault]
    assert len(stay) >= min(policy.floor, len(good))
    assert newest(copies, NOW) is None or newest(copies, NOW) in stay


@given(copies_of, policies, zones)
def test_bad_ones_change_nothing_for_the_good_ones(copies: list[Copy], policy: Policy, zone: tzinfo) -> None:
    good = [one for one in copies if not one.fault]
    assert [one for one in kept(copies, policy, zone) if not one.fault] == kept(good, policy, zone)


@given(copies_of, policies, zones)
def test_pruning_twice_is_pruning_once(copies: list[Copy], policy: Policy, zone: tzinfo) -> None:
    once = kept(copies, policy, zone)
    assert kept(once, policy, zone) == once


@given(copies_of, policies, zones)
def test_every_snapshot_has_one_verdict_with_a_reason(copies: list[Copy], policy: Policy, zone: tzinfo) -> None:
    verdicts = decide(copies, policy, NOW, zone)
    assert sorted(v.held.name for v in verdicts) == sorted(one.name for one in copies)
    assert all(v.reasons for v in verdicts)
    assert all(v.keep for v in verdicts if v.held.made > NOW + AHEAD)


@given(copies_of, policies, zones)
def test_a_wider_policy_keeps_all_that_a_narrower_one_does(copies: list[Copy], policy: Policy, zone: tzinfo) -> None:
    wider = Policy(policy.last + 1, policy.daily + 1, policy.weekly, policy.monthly, policy.yearly, policy.floor)
    if not policy.empty:
        assert set(kept(copies, policy, zone)) <= set(kept(copies, wider, zone))


def test_what_a_newer_recon_wrote_stays_under_every_rule_and_takes_no_place() -> None:
    ours = nightly(10)
    theirs = [Copy(one.name + "-2", one.made - timedelta(hours=1), newer="recon.snapshot/2") for one in ours]
    stay = kept([*ours, *theirs], Policy(daily=2))
    assert [one for one in stay if one.newer] == list(reversed(theirs))
    assert [one for one in stay if not one.newer] == [ours[1], ours[0]]


def test_the_newest_is_the_newest_also_where_it_cannot_be_read_yet() -> None:
    ours, theirs = at(NOW - timedelta(days=1)), Copy("theirs", NOW, newer="recon.snapshot/2")
    assert newest([ours, theirs], NOW) == theirs
    assert newest(readable([ours, theirs]), NOW) == ours
