"""Poison: a target that refuses single records gets all the others, and what it refuses is found and kept."""

from __future__ import annotations

import random

import pytest

from tests.support.nas import EVERYWHERE, IN_POSTGRES, Site, attempts, books, export
from tests.support.targets import SqliteTarget


def test_one_poisoned_record_in_500_costs_nobody_else_anything(anywhere: Site) -> None:
    anywhere.nas.write(range(499))
    anywhere.nas.spoil([499])
    told = anywhere.sync(expect=3)
    assert (told["delivered"], told["retried"]) == (499, 1)
    assert list(attempts(anywhere.queue).values()) == [1], "one attempt, of one record"
    anywhere.replayed()
    anywhere.prove()


def test_every_kind_of_poison_in_500_is_found(anywhere: Site) -> None:
    kinds = EVERYWHERE if isinstance(anywhere.target, SqliteTarget) else IN_POSTGRES
    places = random.Random(len(kinds)).sample(range(500), len(kinds))
    anywhere.nas.write(sorted(set(range(500)) - set(places)))
    for place, kind in zip(places, kinds, strict=True):
        anywhere.nas.spoil([place], kind)
    told = anywhere.sync(expect=3)
    assert told["delivered"] == 500 - len(kinds)
    assert told["unfit"] == 2, "what is no export at all is given up before it is sent"
    anywhere.replayed()
    anywhere.prove()


def test_the_same_content_many_times_in_one_batch_is_one_row(anywhere: Site) -> None:
    nas = anywhere.nas
    nas.write(range(20))
    for copy in range(30):
        for number in (3, 4):
            nas.put(nas.root / "PC02" / "hands" / f"copy {copy} of {number}.json", export(number))
    assert anywhere.sync()["delivered"] == 80
    anywhere.prove()
    assert anywhere.target.ask("SELECT count(*) FROM gfx_sessions_observations") == [(80,)]
    owners = anywhere.target.ask("SELECT DISTINCT gfx_pc_id FROM gfx_sessions")
    assert owners == [("PC01",)]


def test_poison_that_is_mended_is_requeued_and_arrives(anywhere: Site) -> None:
    if isinstance(anywhere.target, SqliteTarget):
        mend = ["DROP TRIGGER refuses"]
    else:
        mend = ["ALTER TABLE gfx_sessions DROP CONSTRAINT gfx_sessions_event_title_check"]
    anywhere.nas.write(range(5))
    anywhere.nas.spoil([5, 6])
    anywhere.sync(expect=3)
    anywhere.replayed()
    anywhere.prove()
    anywhere.target.make(*mend)
    anywhere("queue", "dead", "requeue", "--all")
    anywhere("queue", "replay")
    anywhere.nas.valid |= anywhere.nas.poison
    anywhere.nas.poison.clear()
    anywhere.prove()
    assert books(anywhere.queue)["acked"] == 7


@pytest.mark.parametrize("kind", ["list", "NUL"])
def test_a_poisoned_source_is_left_as_it_is(to_postgres: Site, kind: str) -> None:
    to_postgres.nas.spoil([1], kind)
    path = to_postgres.nas.path(1)
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
    to_postgres.sync(expect=3)
    to_postgres.replayed()
    to_postgres.prove()
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
