"""Sinks of documents: the same promises as everywhere, lists for older clients, and each refusal in its class."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.errors import AuthError, GuardError
from recon_cli.core.landing import Load, Parcel, Shape, Shelf
from recon_cli.core.place import Place
from recon_cli.stores.registry import open_records
from recon_cli.stores.sink.base import Sink
from recon_cli.stores.sink.registry import open_sink
from tests.stores.documents import git_place, redis_place, upstash_place
from tests.stores.sink.test_conformance import (
    LANDING,
    NOON,
    SHAPE,
    rows,
    sight,
    test_a_large_table_is_read_in_a_stream_and_whole,
    test_twice_is_once,
    test_two_of_one_key_in_one_batch_are_one,
    test_whatever_comes_first_the_same_row_stands,
    thing,
    write,
)
from tests.support import redis_server
from tests.support.document_fixtures import (
    documents_place,
    firestore_address,
    firestore_db,
    redis_db,
    redis_server_,
    upstash,
)
from tests.support.postgres import free_port
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer, Upstash

__all__ = [
    "documents_place",
    "firestore_address",
    "firestore_db",
    "redis_db",
    "redis_server_",
    "test_a_large_table_is_read_in_a_stream_and_whole",
    "test_twice_is_once",
    "test_two_of_one_key_in_one_batch_are_one",
    "test_whatever_comes_first_the_same_row_stands",
    "upstash",
]
SHELF = Shelf("things:{who}", (("id", "k"), ("n", "n")), ("n",))
LISTED = Shape(replace(LANDING, shelf=SHELF), SHAPE.columns, SHAPE.key)


@pytest.fixture
def sink(documents_place: Place) -> Iterator[Sink]:
    with closing(open_sink(documents_place)) as opened:
        yield opened


def test_our_row_stands_before_one_of_another_mark_and_an_older_key_is_taken_over(sink: Sink) -> None:
    write(sink, thing("a", 1, "A", source="older"), thing("old", 2, "A", source="older"), thing("mine", 3, "A"))
    write(sink, thing("a", 8, "Z"), Parcel(thing("new", 5).record, older=("old", "x")))
    write(sink, Parcel(thing("other", 6).record, older=("mine",)), thing("a", 0, "A", source="older"))
    assert rows(sink) == {("a", 8, "Z"), ("new", 5, "PC02"), ("mine", 3, "A"), ("other", 6, "PC02")}


@pytest.mark.parametrize("seed", range(2))
def test_the_first_and_the_last_time_are_kept_in_any_order(sink: Sink, documents_place: Place, seed: int) -> None:
    days = [NOON + timedelta(days=n) for n in range(5)]
    spans = [(days[2], days[2]), (days[0], days[1]), (days[3], days[4]), (days[1], days[3])]
    for first, last in Random(seed).sample(spans, 4):
        write(sink, sight("s", first, last))
    with closing(open_records(documents_place)) as store:
        ((found),) = [dict(one.values) for one in store.read("sights")]
    assert found == {"k": "s", "first": days[0], "last": days[4]}


def test_numbers_texts_and_documents_arrive_as_they_are(sink: Sink, documents_place: Place) -> None:
    document = '{"ID": 638961224831992165, "x": 1.10, "t": "겨울 \\" \\\\ \\n \U0001f0a1", "big": 1e400}'
    odd = "겨울 \"'\\ \t{},\U0001f0a1%s"
    write(sink, thing("a", 2**63 - 1, odd, doc=document, path=None), thing("b", -(2**63), "b", at=None))
    assert rows(sink) == {("a", 2**63 - 1, odd), ("b", -(2**63), "b")}
    with closing(open_records(documents_place)) as store:
        found = {one.values["k"]: one.values for one in store.read("things")}
    assert (found["a"]["doc"], found["a"]["at"], found["a"]["path"]) == (document, NOON, None)
    assert found["b"]["at"] is None


def test_nothing_is_declared_and_what_was_written_is_known(sink: Sink) -> None:
    assert sink.catalog().schemaless
    write(sink, thing("a"))
    table = sink.catalog().table("things")
    assert table is not None
    assert tuple(one.name for one in table.columns) == SHAPE.columns
    with pytest.raises(GuardError):
        sink.run(["CREATE TABLE x (a int)"])


def test_two_writers_at_once_lose_nothing_and_double_nothing(documents_place: Place) -> None:
    parcels = [thing(f"k{number:03}", number, f"PC{number % 2}") for number in range(100)]
    failed: list[BaseException] = []

    def writer(seed: int) -> None:
        try:
            with closing(open_sink(documents_place)) as sink:
                mine = Random(seed).sample(parcels, 100)
                for start in range(0, 100, 25):
                    sink.write([Load.of(LISTED, mine[start : start + 25])])
        except BaseException as exc:  # noqa: BLE001  told by the main thread
            failed.append(exc)

    threads = [threading.Thread(target=writer, args=(seed,)) for seed in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failed
    with closing(open_sink(documents_place)) as sink:
        assert rows(sink) == {(f"k{n:03}", n, f"PC{n % 2}") for n in range(100)}


def listed(server: RedisServer, place: Place, name: str) -> list[dict[str, object]]:
    found = server.ask(int(place.url.rpartition("/")[2]), "LRANGE", name, "0", "-1")
    return [json.loads(one) for one in found]


def test_lists_are_read_by_older_clients_in_order_and_each_row_stands_once(
    redis_server_: RedisServer, redis_db: Place
) -> None:
    with closing(open_sink(redis_db)) as sink:
        for _ in range(2):
            sink.write([Load.of(LISTED, [thing("b", 2, "A"), thing("a", 10, "A"), thing("c", 1, "A")])])
        assert [one["n"] for one in listed(redis_server_, redis_db, "things:A")] == [1, 2, 10]
        sink.write([Load.of(LISTED, [thing("b", 2, "0")])])
    assert [one["id"] for one in listed(redis_server_, redis_db, "things:A")] == ["c", "a"]
    assert listed(redis_server_, redis_db, "things:0") == [{"id": "b", "n": 2}]


def test_a_list_of_another_kind_is_drift_and_nothing_is_half_written(
    redis_server_: RedisServer, redis_db: Place
) -> None:
    redis_server_.ask(int(redis_db.url.rpartition("/")[2]), "SET", "things:A", "a text")
    with closing(open_sink(redis_db)) as sink:
        with pytest.raises(DeliveryError) as refused:
            sink.write([Load.of(LISTED, [thing("a", 1, "B"), thing("b", 1, "A")])])
        assert refused.value.failure is Failure.DRIFT
        assert rows(sink) == set()


def fill(sink: Sink) -> None:
    for start in range(40):
        write(sink, *[thing(f"k{start}-{n}", n, "x" * 20_000) for n in range(10)])


def test_a_full_redis_keeps_nothing_half_and_says_what_to_do() -> None:
    with redis_server.running("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        place = redis_place(server)
        with closing(open_sink(place)) as sink:
            with pytest.raises(DeliveryError) as refused:
                fill(sink)
            assert refused.value.failure is Failure.TRANSIENT
            assert "maxmemory" in refused.value.detail
            assert len(rows(sink)) % 10 == 0
            server.ask(0, "CONFIG", "SET", "maxmemory", "100mb")
            before = len(rows(sink))
            write(sink, thing("after"))
            assert len(rows(sink)) == before + 1


def test_a_wrong_password_is_auth_and_says_what_to_look_at(redis_db: Place, upstash: Upstash) -> None:
    for place in (redis_db, upstash_place(upstash)):
        wrong = replace(place, secret=lambda: "wrong")
        with closing(open_sink(wrong)) as sink:
            with pytest.raises(DeliveryError) as refused:
                write(sink, thing("a"))
            assert refused.value.failure is Failure.AUTH
            assert "password or token" in refused.value.detail
            with pytest.raises(AuthError):
                sink.catalog()


def test_what_upstash_refuses_is_told_apart(upstash: Upstash) -> None:
    answers = [
        (429, {"Retry-After": "7"}, {"error": "too many"}, Failure.THROTTLED),
        (400, {}, {"error": "ERR max request size exceeded. Limit: 1048576 bytes"}, Failure.TOO_BIG),
        (400, {}, {"error": "ERR max daily request limit exceeded"}, Failure.THROTTLED),
        (401, {}, {"error": "Unauthorized"}, Failure.AUTH),
        (503, {}, {"error": "away"}, Failure.TRANSIENT),
        (200, {}, {"odd": 1}, Failure.DRIFT),
    ]
    with closing(open_sink(upstash_place(upstash))) as sink:
        write(sink, thing("a"))
        for status, headers, body, failure in answers:
            upstash.fail = lambda _words, told=(status, headers, body): told  # type: ignore[misc]  # bound now
            with pytest.raises(DeliveryError) as refused:
                write(sink, thing("b"))
            assert (refused.value.failure, refused.value.retry_after_s) == (failure, 7.0 if status == 429 else None)
        upstash.fail = lambda _words: None
        write(sink, thing("b"))
        assert len(rows(sink)) == 2


@pytest.mark.parametrize("documents_place", ["redis", "upstash", "firestore"], indirect=True)
def test_a_server_that_is_away_or_cuts_is_transient_and_the_same_batch_may_come_again(
    documents_place: Place, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    firestore = documents_place.url.startswith("firestore")
    port = int(request.getfixturevalue("firestore_address").rpartition(":")[2]) if firestore else 0
    port = port or int(documents_place.url.split("/")[2].rpartition(":")[2])
    with Proxy(port) as proxy:
        place = replace(documents_place, url=documents_place.url.replace(f":{port}", f":{proxy.port}"))
        if firestore:
            monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{proxy.port}")
        with closing(open_sink(place)) as sink:
            write(sink, thing("a"))
            for size_bytes in (300, 2_000, 9_000):
                proxy.cut_after(size_bytes)
                try:
                    write(sink, *[thing(f"k{n}", n) for n in range(60)])
                except DeliveryError as exc:
                    assert exc.failure is Failure.TRANSIENT  # noqa: PT017  it need not be cut in the middle
                proxy.resume()
            write(sink, *[thing(f"k{n}", n) for n in range(60)])
            assert len(rows(sink)) == 61
    if not firestore:
        away = replace(documents_place, url=documents_place.url.replace(f":{port}", f":{free_port()}"))
        with closing(open_sink(away)) as sink, pytest.raises(DeliveryError) as refused:
            write(sink, thing("a"))
        assert refused.value.failure is Failure.TRANSIENT


def test_a_slow_redis_is_given_up_in_time(redis_db: Place) -> None:
    port = int(redis_db.url.split("/")[2].rpartition(":")[2])
    with Proxy(port) as proxy:
        slow = replace(redis_db, url=redis_db.url.replace(f":{port}", f":{proxy.port}"), options={"timeout_s": 0.5})
        with closing(open_sink(slow)) as sink:
            write(sink, thing("a"))
            proxy.stall_after(0)
            with pytest.raises(DeliveryError) as refused:
                write(sink, thing("b"))
            assert refused.value.failure is Failure.TRANSIENT
            proxy.resume()
            write(sink, thing("b"))
            assert len(rows(sink)) == 2


def test_each_host_has_a_branch_and_whoever_reads_sees_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    for host in ("one", "two"):
        with closing(open_sink(git_place(tmp_path, f"recon/{host}"))) as sink:
            write(sink, thing("both"), thing(host, 5))
    with closing(open_sink(git_place(tmp_path, "recon/three"))) as sink:
        assert rows(sink) == {("both", 1, "PC02"), ("one", 5, "PC02"), ("two", 5, "PC02")}


def test_a_repository_that_is_not_there_is_drift_and_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    with closing(open_sink(Place(f"git+file://{tmp_path}/none.git"))) as sink, pytest.raises(DeliveryError) as refused:
        write(sink, thing("a"))
    assert refused.value.failure is Failure.DRIFT
    assert "git init" in refused.value.detail
