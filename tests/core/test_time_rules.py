"""Retry policy and the time-window rule."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.retry import RetryPolicy
from recon_cli.core.window import Sighting, representatives, settled

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_five_retries_mean_that_the_sixth_failure_is_the_last() -> None:
    policy = RetryPolicy(retries=5)
    assert [policy.next(failures, NOW) is None for failures in range(1, 8)] == [False] * 5 + [True] * 2


def test_a_servers_retry_after_is_a_floor() -> None:
    assert RetryPolicy(base_s=1).next(1, NOW, retry_after_s=30) == at(30)
    assert RetryPolicy(base_s=60, ceiling_s=60).next(1, NOW, retry_after_s=30) == at(60)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_delay_grows_to_its_ceiling_and_never_beyond(failures: int, jitter: float) -> None:
    policy = RetryPolicy(base_s=1, ceiling_s=60)
    assert 0 <= policy.delay_s(failures, jitter=jitter) <= 60
    assert policy.delay_s(failures) <= policy.delay_s(failures + 1)


def test_a_sighting_exactly_one_window_later_is_a_repeat_and_one_second_more_is_not() -> None:
    assert representatives([NOW, at(300)], WINDOW) == [NOW]
    assert representatives([NOW, at(301)], WINDOW) == [NOW, at(301)]


def test_a_late_arrival_is_judged_by_its_own_time() -> None:
    assert representatives([NOW, at(900), at(-200)], WINDOW) == [at(-200), at(900)]


@given(st.lists(st.integers(0, 5_000)), st.randoms(use_true_random=False))
def test_what_stands_does_not_depend_on_the_order_of_arrival(seconds: list[int], shuffle: object) -> None:
    moments = [at(one) for one in seconds]
    mixed = list(moments)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    kept = representatives(moments, WINDOW)
    assert kept == representatives(mixed, WINDOW)
    assert all(b - a > WINDOW for a, b in pairwise(kept))
    assert all(any(abs(other - moment) <= WINDOW for other in kept) for moment in moments)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abc")), min_size=1, max_size=14, unique=True),
    st.integers(0, 10),
    st.randoms(use_true_random=False),
)
def test_settling_batch_by_batch_ends_in_the_representatives_of_all(
    sightings: list[tuple[int, str]], span: int, dice: random.Random
) -> None:
    window = timedelta(minutes=span)
    left = [Sighting(NOW + timedelta(minutes=minute), f"{minute:02d}{name}") for minute, name in sightings]
    dice.shuffle(left)
    table: dict[str, Sighting] = {}
    while left:
        size = dice.randint(1, 4)
        batch, left = left[:size], left[size:]
        table |= {one.key: one for one in batch}
        first, last = min(one.at for one in batch), max(one.at for one in batch)
        before = max((one for one in table.values() if one.stands == one.key and one.at < first), default=None)
        near = before if before is not None and first - before.at <= window else None
        behind = sorted(one for one in table.values() if one.at >= first)
        for one, stands in list(settled(behind, near, last, window)):
            table[one.key] = replace(one, stands=stands)
    standing = sorted(one for one in table.values() if one.stands == one.key)
    assert [one.at for one in standing] == representatives([one.at for one in table.values()], window)
    for one in table.values():
        assert one.stands is not None
        assert timedelta(0) <= one.at - table[one.stands].at <= window
