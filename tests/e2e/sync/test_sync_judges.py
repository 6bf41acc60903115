"""Two judges over REST, and Postgres itself: the same files end in the same rows, but for the listed deviations."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.landing import Load, Parcel
from recon_cli.core.place import Place
from recon_cli.demo import twin_sessions as twin
from recon_cli.jobs.sync.init import init
from recon_cli.stores.sink.base import Sink
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import feed as feeds
from recon_cli.systems import registry
from tests.support import postgres, postgrest, supabase_lite
from tests.support.targets import PostgresTarget

FEED = registry.feed("gfx")
EXACT = "file_hash, hand_count, player_count, gfx_pc_id, nas_path, event_title, table_type, payouts, session_created_at"
ROUNDED = "session_id, raw_json"
"""Where the deviation `int64` shows."""


def made(server: postgres.PostgresServer) -> PostgresTarget:
    target = PostgresTarget(server, server.database())
    with closing(open_sink(target.place)) as sink:
        init(FEED, sink, target.place, apply=True)
    target.make("ALTER TABLE gfx_sessions ADD CHECK (event_title <> 'POISON')")
    return target


@pytest.fixture(scope="module")
def judges(
    postgres_server: postgres.PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[PostgresTarget, Sink]]]:
    """Each with a database of its own, and a sink that writes there."""
    lite = supabase_lite.program()
    straight, doubled, judged = (made(postgres_server) for _ in range(3))
    home, port = tmp_path_factory.mktemp("lite"), postgres.free_port()
    with (
        postgrest.serving(doubled.url, postgres_server.password) as rest,
        supabase_lite.serving(lite, home / "project", judged.url, postgres_server.password, port) as alone,
        supabase_lite.fronted(alone, judged.url, postgres_server.password) as other,
        closing(open_sink(straight.place)) as direct,
        closing(open_sink(Place(rest.url, secret=lambda: rest.key))) as double,
        closing(open_sink(Place(other.url, secret=lambda: other.key))) as second,
    ):
        yield {"postgres": (straight, direct), "double": (doubled, double), "lite": (judged, second)}


@pytest.fixture
def empty(judges: dict[str, tuple[PostgresTarget, Sink]]) -> dict[str, tuple[PostgresTarget, Sink]]:
    for target, _sink in judges.values():
        target.make("TRUNCATE gfx_sessions, gfx_sessions_observations")
    return judges


def parcels(path: str, pc: str, raw: bytes) -> tuple[Parcel, ...]:
    found = FEED.parcels(FEED.table, raw, {feeds.SOURCE: pc, feeds.PATH: path, feeds.SEEN: "2026-01-02T03:04:05Z"})
    assert isinstance(found, tuple)
    return found


def send(sink: Sink, some: list[Parcel]) -> None:
    shapes = {shape.table: shape for shape in FEED.shapes(sink.catalog())}
    loads = [Load.of(shape, [one for one in some if one.record.table == table]) for table, shape in shapes.items()]
    sink.write([load for load in loads if load.parcels])


def rows(target: PostgresTarget, columns: str, table: str = "gfx_sessions") -> list[tuple[Any, ...]]:
    return sorted(target.ask(f"SELECT {columns} FROM {table}"), key=repr)  # noqa: S608  names of ours


def test_the_twin_is_the_same_rows_by_every_way(empty: dict[str, tuple[PostgresTarget, Sink]]) -> None:
    for name, (_target, sink) in empty.items():
        exports = random.Random(name).sample(twin.exports(), twin.FILES)
        for some in (exports[:5], exports[5:20], exports[10:]):
            send(sink, [parcel for one in some for parcel in parcels(one.path, one.pc, one.raw)])
    direct = empty["postgres"][0]
    assert len(rows(direct, "id")) == twin.CONTENTS
    for name in ("double", "lite"):
        target = empty[name][0]
        assert rows(target, EXACT) == rows(direct, EXACT), name
        seen = "gfx_pc_id, nas_path, file_hash, first_seen, last_seen"
        assert rows(target, seen, "gfx_sessions_observations") == rows(direct, seen, "gfx_sessions_observations"), name
    assert rows(empty["double"][0], ROUNDED) == rows(direct, ROUNDED)


def test_the_listed_deviation_is_the_only_one_in_what_is_rounded(
    empty: dict[str, tuple[PostgresTarget, Sink]],
) -> None:
    assert "int64" in supabase_lite.DEVIATIONS
    export = twin.exports()[0]
    found = {}
    for name, (target, sink) in empty.items():
        send(sink, list(parcels(export.path, export.pc, export.raw)))
        ((number, document),) = rows(target, ROUNDED)
        found[name] = number, document
    assert found["postgres"] == found["double"] == (export.session_id, json.loads(export.raw))
    number, document = found["lite"]
    assert float(number) == float(export.session_id)
    assert {**document, "ID": 0} == {**json.loads(export.raw), "ID": 0}


@pytest.mark.parametrize("name", ["postgres", "double", "lite"])
def test_the_same_refusals_come_in_the_same_class(empty: dict[str, tuple[PostgresTarget, Sink]], name: str) -> None:
    target, sink = empty[name]
    good = twin.dumped(twin.document(7, 1))
    bad = twin.dumped({**twin.document(8, 1), "EventTitle": "POISON"})
    with pytest.raises(DeliveryError) as refused:
        send(sink, [*parcels("a.json", "PC01", good), *parcels("b.json", "PC01", bad)])
    told = refused.value.failure, refused.value.code
    if name == "lite":
        assert "check" in supabase_lite.DEVIATIONS
        assert told == (Failure.TRANSIENT, "SUP")
    else:
        assert told == (Failure.POISON, "23514")
    assert rows(target, "id") == [], "all or nothing"
    nul = good.replace(b"PokerGFX 3.2", b"Poker\\u0000GFX")
    with pytest.raises(DeliveryError) as refused:
        send(sink, list(parcels("c.json", "PC01", nul)))
    assert refused.value.failure is Failure.POISON
    send(sink, list(parcels("a.json", "PC01", good)))
    send(sink, list(parcels("a.json", "PC01", good)))
    assert len(rows(target, "id")) == 1


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("name", ["postgres", "double", "lite"])
def test_whoever_comes_first_the_same_row_stands(
    empty: dict[str, tuple[PostgresTarget, Sink]],
    name: str,
    swapped: bool,  # noqa: FBT001  pytest gives it
) -> None:
    target, sink = empty[name]
    raw = twin.dumped(twin.document(7, 2))
    both = [parcels("PC01/hands/a.json", "PC01", raw), parcels("PC02/hands/a.json", "PC02", raw)]
    for some in reversed(both) if swapped else both:
        send(sink, list(some))
    assert rows(target, "gfx_pc_id, nas_path") == [("PC01", "PC01/hands/a.json")]
    assert len(rows(target, "id", "gfx_sessions_observations")) == 2
