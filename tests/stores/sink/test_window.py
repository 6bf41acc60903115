"""Sightings in every target: whatever order they come in, in whatever batches, the same rows stand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import NotFoundError
from recon_cli.core.landing import Load
from recon_cli.stores.sink.base import Sink
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems.containers.feed import ContainersFeed, Making
from recon_cli.systems.containers.number import check_digit, parse
from recon_cli.systems.containers.reading import Reading
from recon_cli.systems.feed import Unfit
from tests.support.targets import PostgresTarget, Target

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def made(target: Target, feed: ContainersFeed) -> None:
    """The tables in the target, by the statements that `recon record init` would run."""
    with closing(open_sink(target.place)) as sink:
        try:
            catalog = sink.catalog()
        except NotFoundError:
            catalog = Catalog(sink.engine)
        statements = feed.migration(catalog, exposed=target.name == "rest")
        if sink.changeable:
            sink.run(statements)
        else:
            target.make(*statements)


@pytest.fixture
def feed() -> ContainersFeed:
    return ContainersFeed()


@pytest.fixture
def sink(target: Target, feed: ContainersFeed) -> Iterator[Sink]:
    made(target, feed)
    with closing(open_sink(target.place)) as opened:
        yield opened


def reading(second: float, number: int = 897179, source: str = "a") -> Reading:
    found = parse(f"TCNU {number:06d}")
    assert not isinstance(found, Unfit)
    return Reading(found, NOON + timedelta(seconds=second), source)


def write(sink: Sink, feed: ContainersFeed, readings: Sequence[Reading]) -> None:
    (shape,) = feed.shapes(sink.catalog())
    sink.write([Load.of(shape, map(feed.parcel, readings))])


def logs(sink: Sink) -> dict[str, str]:
    return {str(key): str(at)[:19] for key, at in sink.read("container_logs", ["id", "captured_at"])}


def stands(sink: Sink) -> dict[str, str]:
    return {str(key): str(log) for key, log in sink.read("container_logs_readings", ["id", "log_id"])}


def oracle(readings: Sequence[Reading]) -> dict[str, str]:
    """Who stands for whom, by the rule as the guide words it, and nothing of the code under test."""
    last: dict[str, tuple[datetime, str]] = {}
    found: dict[str, str] = {}
    for one in sorted({one.id: one for one in readings}.values(), key=lambda one: (one.captured_at, one.id)):
        name = f"{one.number.owner}{one.number.serial}"
        if name not in last or (one.captured_at - last[name][0]).total_seconds() > 300:
            last[name] = (one.captured_at, one.id)
        found[one.id] = last[name][1]
    return found


def test_a_late_reading_between_two_logs_takes_the_place_of_the_second_and_a_later_one_gives_it_back(
    sink: Sink, feed: ContainersFeed
) -> None:
    first, between, second, third = reading(0), reading(240), reading(480), reading(700)
    write(sink, feed, [first, second, third])
    assert stands(sink) == {first.id: first.id, second.id: second.id, third.id: second.id}
    earliest = reading(-120)
    write(sink, feed, [earliest])
    assert stands(sink) == {earliest.id: earliest.id, first.id: earliest.id, second.id: second.id, third.id: second.id}
    write(sink, feed, [between])
    expected = oracle([first, between, second, third, earliest])
    assert stands(sink) == expected
    assert set(logs(sink)) == set(expected.values()) == {earliest.id, between.id, third.id}


def test_exactly_the_window_apart_is_a_duplicate_and_a_microsecond_more_is_none(
    sink: Sink, feed: ContainersFeed
) -> None:
    write(sink, feed, [reading(300), reading(0), reading(0, 897180), reading(300.000001, 897180)])
    assert len(logs(sink)) == 3


@pytest.mark.parametrize("seed", range(3))
def test_any_order_in_any_batches_ends_in_the_rows_of_the_rule(sink: Sink, feed: ContainersFeed, seed: int) -> None:
    dice = random.Random(seed)
    readings = [
        reading(dice.choice([dice.randrange(4000), dice.randrange(40) * 100]), 897179 + dice.randrange(3), source)
        for source in ("a", "b")
        for _ in range(60)
    ]
    expected = oracle(readings)
    left = [*readings, *dice.sample(readings, 20)]
    dice.shuffle(left)
    while left:
        size = dice.choice([1, 2, 7, 30])
        write(sink, feed, left[:size])
        left = left[size:]
    assert stands(sink) == expected
    assert set(logs(sink)) == set(expected.values())


def test_rows_of_another_program_stand_whatever_comes(target: Target, feed: ContainersFeed) -> None:
    made(target, feed)
    older = "00000000-0000-4000-8000-00000000000"
    columns = "INSERT INTO container_logs (id, captured_at, container_owner, container_number) VALUES"
    zone = "" if target.name == "mysql" else "+00:00"
    for n, minute in enumerate(("00", "02", "10")):
        target.ask(f"{columns} ('{older}{n}', '2026-03-01 12:{minute}:00{zone}', 'TCNU', '897179')")
    made(target, feed)
    with closing(open_sink(target.place)) as sink:
        write(sink, feed, [reading(240), reading(-60), reading(1200)])
        assert set(logs(sink)) == {f"{older}{n}" for n in range(3)} | {reading(-60).id, reading(1200).id}
        assert stands(sink)[reading(240).id] == f"{older}1"


def test_without_a_window_nothing_is_taken_in_and_the_table_is_to_blame(
    sink: Sink, feed: ContainersFeed, target: Target
) -> None:
    target.ask("DELETE FROM container_logs_rules")
    with pytest.raises(DeliveryError) as caught:
        write(sink, feed, [reading(0)])
    assert feed.explained(caught.value.code, caught.value.detail) is not None
    assert not logs(sink)
    assert not stands(sink)


def test_months_get_their_partitions_when_their_first_reading_comes(pg: PostgresTarget) -> None:
    feed = ContainersFeed(making=Making(partitioned=True))
    made(pg, feed)
    with closing(open_sink(pg.place)) as sink:
        edge = (datetime(2026, 4, 1, tzinfo=UTC) - NOON).total_seconds()
        readings = [reading(second) for second in (0, edge - 1, edge + 1, edge + 299, edge + 301)]
        for one in random.Random(4).sample(readings, 5):
            write(sink, feed, [one, reading(0)])
        assert stands(sink) == oracle(readings)
    (found,) = pg.ask(
        "SELECT string_agg(relname::text, ' ' ORDER BY relname) FROM pg_class WHERE relname ~ 'p2026_0[34]$'"
    )
    assert found[0] == " ".join(
        f"container_logs{middle}_p2026_0{month}" for middle in ("", "_readings") for month in (3, 4)
    )


def test_a_failure_is_no_fault_of_the_rows_when_the_function_is_gone(pg: PostgresTarget, feed: ContainersFeed) -> None:
    made(pg, feed)
    pg.ask("DROP FUNCTION container_logs_take(jsonb)")
    with closing(open_sink(pg.place)) as sink, pytest.raises(DeliveryError) as caught:
        write(sink, feed, [reading(0)])
    assert caught.value.failure is not Failure.POISON
    assert feed.explained(caught.value.code, caught.value.detail) is not None


def ids(rows: Sequence[tuple[Any, ...]]) -> set[str]:
    return {str(row[0]) for row in rows}


def test_the_check_digit_of_the_standard_is_the_one_in_the_table(sink: Sink, feed: ContainersFeed) -> None:
    write(sink, feed, [reading(0)])
    ((digit,),) = sink.read("container_logs_readings", ["check_digit"])
    assert int(str(digit)) == check_digit("TCNU", "897179") == 6
