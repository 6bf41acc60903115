"""Records over HTTP and WebSocket: durable before the answer, told as they come, and nothing missed after a cut."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import websockets.asyncio.client as aio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support import postgres
from tests.support.recon import Recon, in_folder
from tests.support.served import Server, begin, serving

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0


def reading(number: int, **more: Any) -> dict[str, Any]:
    """A reading of a container of its own."""
    return {"number": f"TCNU {number:06d}", "captured_at": f"2026-03-01T{number % 24:02d}:00:00Z", **more}


def gate(folder: Path, target: str = "gate.db", **env: str) -> Recon:
    (folder / "recon.toml").write_text(f'[records.gate]\nto = "{target}"\nzone = "Asia/Seoul"\n')
    recon = in_folder(folder, **env)
    recon("record", "init", "--records", "gate")
    return recon


def post(server: Server, *readings: dict[str, Any]) -> Any:
    answer = server.ask("/records/gate", "POST", json.dumps(readings), Content_Type="application/json")
    assert answer.status == 201, answer.body
    return answer.document


def listening(server: Server, **query: str) -> ClientConnection:
    words = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in query.items())
    return connect(f"ws://127.0.0.1:{server.port}/ws/logs?{words}", open_timeout=PATIENCE_S)


def heard(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=PATIENCE_S))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(gate(tmp_path_factory.mktemp("gate")), "--no-worker") as server:
        yield server


def test_a_reading_is_added_told_and_found(served: Server) -> None:
    with listening(served) as socket:
        assert heard(socket)["type"] == "initial_data"
        one = reading(1, source_video="Gate_In_Upper-20250214-100249-1739552569200-7.mp4")
        made = post(served, one)
        told = heard(socket)
    assert told["type"] == "new_log"
    assert made["ids"] == [told["log"]["id"]]
    assert (told["log"]["container_owner"], told["log"]["container_number"]) == ("TCNU", "000001")
    found = served.ask("/records/container_logs?number=TCNU000001&limit=1").document
    assert found["records"] == [told["log"]]
    assert post(served, one)["known"] == 1


def test_a_reading_without_a_time_is_of_now(served: Server) -> None:
    with listening(served) as socket:
        heard(socket)
        assert post(served, {"owner": "ABCD", "number": "654321"})["accepted"] == 1
        told = heard(socket)["log"]
    assert abs(datetime.fromisoformat(told["captured_at"]) - datetime.now(UTC)) < timedelta(minutes=10)


def test_the_second_dialect_says_data(served: Server) -> None:
    post(served, reading(2))
    with listening(served, dialect="data") as socket:
        first = heard(socket)
        assert first["type"] == "initial_logs"
        assert isinstance(first["data"], list)
        post(served, reading(3))
        numbers = set()
        while "000003" not in numbers:
            message = heard(socket)
            assert message["type"] == "new_log"
            numbers.add(message["data"]["container_number"])


def test_what_is_no_reading_is_refused_with_its_reason_and_kept_as_a_dead_letter(served: Server) -> None:
    body = json.dumps({"number": "UNKNOWN", "captured_at": "2026-03-01T00:00:00Z"})
    answer = served.ask("/records/gate", "POST", body, Content_Type="application/json")
    assert answer.status == 422
    assert answer.document["refused"][0]["reason"]
    assert served.ask("/queue").document["dead"] >= 1


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "[1]", '"text"', "[" * 100_000, json.dumps([{}] * 1001)], ids=lambda one: one[:9]
)
def test_what_is_no_record_at_all_is_a_bad_request(served: Server, body: str) -> None:
    assert served.ask("/records/gate", "POST", body, Content_Type="application/json").status == 400


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "order=nothing",
        "after=x",
        "nothing=1",
        "number=x",
        "limit=0",
        "limit=5000",
        "text=%00",
        "owner=%27--",
    ],
)
def test_a_question_that_cannot_be_asked_is_a_bad_request_or_finds_nothing(served: Server, query: str) -> None:
    answer = served.ask(f"/records/gate?{query}")
    assert answer.status in {400, 422} or answer.document["records"] == []


def test_pages_follow_one_another(served: Server) -> None:
    post(served, *(reading(number) for number in range(100, 125)))
    wait_for_rows(served, 25, 100)
    found, after = [], ""
    while True:
        page = served.ask(f"/records/gate?owner=TCNU&limit=10&order=container_number&after={after}").document
        found += [one["container_number"] for one in page["records"]]
        if page["next"] is None:
            break
        after = page["next"].replace("+", "%2B").replace("|", "%7C")
    assert found == sorted(set(found))
    assert {f"{number:06d}" for number in range(100, 125)} <= set(found)


def wait_for_rows(server: Server, count: int, first: int) -> None:
    """Until the target has so many readings from this number on."""
    deadline = time.monotonic() + PATIENCE_S
    path = server.recon.folder / "gate.db"
    query = "SELECT count(*) FROM container_logs WHERE container_number >= ?"
    while True:
        with sqlite3.connect(path) as db:
            if db.execute(query, (f"{first:06d}",)).fetchone()[0] >= count:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_rows_of_another_process_are_told_too(served: Server) -> None:
    with listening(served) as socket:
        heard(socket)
        served.recon("record", "add", "--records", "gate", "ABCD 123456", "--at", "2026-03-01T00:00:00Z")
        while heard(socket)["log"]["container_owner"] != "ABCD":
            pass


def test_after_a_cut_exactly_what_was_missed_comes(served: Server) -> None:
    with listening(served) as socket:
        cursor = heard(socket)["cursor"]
    post(served, *(reading(number) for number in range(200, 230)))
    wait_for_rows(served, 30, 200)
    with listening(served, after=cursor) as socket:
        missed: list[str] = []
        while len(missed) < 30:
            message = heard(socket)
            missed += [one["container_number"] for one in message.get("logs", [message.get("log")])]
    assert sorted(missed) == [f"{number:06d}" for number in range(200, 230)]


@pytest.mark.parametrize("query", [{"table": "nothing"}, {"dialect": "third"}, {"after": "nonsense"}, {"after": "x|y"}])
def test_a_socket_that_asks_nonsense_is_told_so(served: Server, query: dict[str, str]) -> None:
    with listening(served, **query) as socket, pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in {4400, 4404}


def test_what_was_answered_survives_a_kill_while_the_target_is_away(tmp_path: Path) -> None:
    (tmp_path / "recon.toml").write_text('[records.gate]\nto = "gate.db"\n')
    recon = in_folder(tmp_path)
    server = begin(recon, "--no-worker")
    made = post(server, *(reading(number) for number in range(20)))
    assert made["accepted"] == 20
    server.kill()
    assert recon("queue", "status", "--json").document["depth"] == 20
    recon("record", "init", "--records", "gate")
    with serving(recon, "--no-worker") as again:
        wait_for_rows(again, 20, 0)
        with listening(again, limit="50") as socket:
            deadline = time.monotonic() + PATIENCE_S
            found = len(heard(socket)["logs"])
            while found < 20:
                found += heard(socket)["type"] == "new_log"
                assert time.monotonic() < deadline


def test_nothing_is_missed_however_often_line_and_server_are_cut(tmp_path: Path) -> None:
    recon, dice, got = gate(tmp_path), random.Random(7), set[str]()
    server = begin(recon, "--no-worker")
    written: list[int] = []

    def write(count: int) -> None:
        numbers = range(len(written), len(written) + count)
        post(server, *(reading(number) for number in numbers))
        written.extend(numbers)

    write(5)
    with listening(server, limit="500") as socket:
        cursor = take(heard(socket), got)
    for turn in range(8):
        if turn % 4 == 3:
            server.kill()
            server = begin(recon, "--no-worker")
        writer = threading.Thread(target=write, args=(dice.randint(1, 40),))
        writer.start()
        with listening(server, after=cursor) as socket:
            for _ in range(dice.randint(1, 20)):
                try:
                    cursor = take(json.loads(socket.recv(timeout=0.5)), got) or cursor
                except TimeoutError:
                    break
        writer.join()
    with listening(server, after=cursor) as socket:
        while len(got) < len(written):
            cursor = take(heard(socket), got) or cursor
    assert got == {f"{number:06d}" for number in written}
    server.stop()


def take(message: Any, got: set[str]) -> str:
    """Remember what a message brings; the cursor it gives."""
    got.update(one["container_number"] for one in message.get("logs", [message.get("log")]))
    return str(message["cursor"])


def test_postgres_tells_itself_what_any_program_inserts(tmp_path: Path) -> None:
    with postgres.running() as cluster:
        url = cluster.database()
        recon = gate(tmp_path, url, RECON_STORES_PASSWORD=cluster.password)
        with serving(recon, "--no-worker") as server, listening(server) as socket:
            assert heard(socket)["logs"] == []
            with psycopg.connect(url, password=cluster.password, autocommit=True) as other:
                functions = other.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'container_logs_told'")
                assert functions.fetchone() == (1,)
                other.execute(
                    "INSERT INTO container_logs (id, captured_at, container_owner, container_number)"
                    " VALUES (gen_random_uuid(), now(), 'ABCD', '123456')"
                )
            assert heard(socket)["log"]["container_owner"] == "ABCD"
            post(server, reading(9))
            assert heard(socket)["log"]["container_number"] == "000009"


def test_two_hundred_sockets_hear_everything_and_memory_stays_flat(tmp_path: Path) -> None:
    with serving(gate(tmp_path), "--no-worker") as server:
        post(server, reading(0))
        asyncio.run(many(server, 200))


async def many(server: Server, count: int) -> None:
    """So many listeners, and one who never reads; 400 readings; everybody who reads hears them all."""
    url = f"ws://127.0.0.1:{server.port}/ws/logs"
    async with AsyncExitStack() as stack:
        deaf = await stack.enter_async_context(aio.connect(url, max_queue=1, close_timeout=0.1))
        before = server.memory_mb()
        sockets = [await stack.enter_async_context(aio.connect(url, close_timeout=0.1)) for _ in range(count)]
        hearing = [asyncio.create_task(until(socket, 401)) for socket in sockets]
        opened = server.memory_mb()
        for start in range(1, 401, 100):
            await asyncio.to_thread(post, server, *(reading(number) for number in range(start, start + 100)))
        found = await asyncio.wait_for(asyncio.gather(*hearing), PATIENCE_S * 3)
        assert {len(numbers) for numbers in found} == {401}
        assert opened - before < 40
        assert server.memory_mb() - opened < 40
        answer = await asyncio.to_thread(server.ask, "/metrics")
        assert b"recon_sockets 201" in answer.body
        assert deaf.close_code is None


async def until(socket: aio.ClientConnection, count: int) -> set[str]:
    """The numbers heard, as soon as there are so many."""
    numbers: set[str] = set()
    while len(numbers) < count:
        message = json.loads(await socket.recv())
        numbers.update(one["container_number"] for one in message.get("logs", [message.get("log")]))
    return numbers


def test_no_more_sockets_than_allowed_and_none_of_another_site(tmp_path: Path) -> None:
    with serving(gate(tmp_path, RECON_SERVE_MAX_SOCKETS="2"), "--no-worker") as server:
        with listening(server), listening(server), pytest.raises(Exception, match="503"):
            listening(server)
        with pytest.raises(Exception, match="403"):
            connect(f"ws://127.0.0.1:{server.port}/ws/logs", origin="https://evil.example")  # type: ignore[arg-type]  # a str
