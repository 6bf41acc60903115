"""Logs to every kind of target: twice is once, appended turns arrive once, and one that fails holds no other."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.stores.registry import open_records
from tests.support.recon import Recon
from tests.support.redis_server import Upstash
from tests.support.targets import PostgresTarget, RestTarget, SqliteTarget, Target
from tests.systems.conversations import twin

pytestmark = pytest.mark.slow

TABLE = "conversations"


def env_of(place: Place) -> dict[str, str]:
    """What a command needs to get in."""
    secret = place.secret()
    return {"RECON_STORES_PASSWORD": secret} if secret else {}


def sync(recon: Recon, place: Place, *more: str, expect: int = 0, **env: str) -> dict[str, int]:
    asked = ["sync", "talk", "--to", place.url, "--once", "--json", *more]
    done: dict[str, int] = recon(*asked, expect=expect, env={**env_of(place), **env}).document
    return done


def turns(place: Place) -> list[dict[str, object]]:
    with closing(open_records(place)) as store:
        return [dict(one.values) for one in store.read(TABLE)]


def test_logs_land_in_each_database_twice_is_once_and_what_is_appended_arrives_once(
    recon: Recon, logs: twin.Twin, target: Target
) -> None:
    done = recon("sync", "init", "--system", "conversations", "--to", target.place.url, "--sql", env=target.env)
    if target.name == "rest":
        assert isinstance(target, RestTarget)
        target.make(*[line.rstrip(";") for line in done.out.splitlines() if line.startswith(("CREATE", "ALTER"))])
    else:
        recon("sync", "init", "--system", "conversations", "--to", target.place.url, env=target.env)
    for _ in range(2):
        sync(recon, target.place)
    assert read(target) == logs.turns
    dice = random.Random(99)
    added, number = "", 0
    for one in range(5):
        text, found = twin.save(dice, 5000 + one)
        added, number = added + text, number + found
    for name in (f"{twin.ROOMS[0]}.md", "전체.md"):
        with (recon.folder / "logs" / name).open("a") as file:
            file.write(added)
    sync(recon, target.place)
    assert read(target) == logs.turns + number
    proof = recon(
        "sync", "verify", "--system", "conversations", "--from", "logs", "--to", target.place.url, env=target.env
    )
    assert "all in the target" in proof.out


def read(target: Target) -> int:
    ((count,),) = target.ask("SELECT count(*) FROM conversations WHERE kind <> 'raw'")
    return int(count)


def test_a_table_of_the_older_plan_is_made_fit_and_keeps_its_rows(
    recon: Recon, logs: twin.Twin, pg: PostgresTarget
) -> None:
    pg.make(
        "CREATE TABLE conversations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), room_id text NOT NULL,"
        " content text NOT NULL, timestamp timestamptz NOT NULL DEFAULT now(), ai_model text)",
        "INSERT INTO conversations (room_id, content) VALUES ('방', '옛말')",
    )
    asked = ("sync", "talk", "--to", pg.place.url, "--once")
    assert "init" in recon(*asked, expect=4, env=pg.env).err
    recon("sync", "init", "--system", "conversations", "--to", pg.place.url, env=pg.env)
    recon("queue", "replay", env=pg.env)
    assert read(pg) == logs.turns
    assert pg.ask("SELECT content FROM conversations WHERE room_id = '방'") == [("옛말",)]


def test_logs_land_in_each_store_of_documents(
    recon: Recon, logs: twin.Twin, documents_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(recon.folder / "state"))
    env = {"FIRESTORE_EMULATOR_HOST": os.environ.get("FIRESTORE_EMULATOR_HOST", "")}
    for _ in range(2):
        sync(recon, documents_place, **env)
    found = turns(documents_place)
    assert sum(one["kind"] != "raw" for one in found) == logs.turns
    assert {one["room_id"] for one in found if one["kind"] != "raw"} == set(twin.ROOMS)
    env |= env_of(documents_place)
    asked = ("record", "stats", "--system", "conversations", "--to", documents_place.url, "--by", "room", "--json")
    counted = recon(*asked, env=env).document
    assert counted["total"] == len(found)
    asked = ("record", "search", "--system", "conversations", "--to", documents_place.url, "--where", "kind=answer")
    page = recon(*asked, "-n", "7", "--json", env=env).document
    assert len(page["records"]) == 7
    following = recon(*asked, "-n", "7", "--after", page["next"], "--json", env=env)
    keys = [one["sort_key"] for one in (*page["records"], *following.document["records"])]
    assert keys == sorted(keys)
    assert len(set(keys)) == 14


def test_vercel_kv_is_found_by_its_usual_variables(recon: Recon, logs: twin.Twin, upstash: Upstash) -> None:
    env = {"KV_REST_API_URL": upstash.url.removeprefix("kv+"), "KV_REST_API_TOKEN": upstash.token}
    sync(recon, Place("kv://"), **env)
    counted = recon("record", "stats", "--system", "conversations", "--to", "kv://", "--json", env=env).document
    assert counted["total"] >= logs.turns


def test_one_target_that_is_away_holds_no_other_and_gets_all_later(
    recon: Recon, logs: twin.Twin, lite: SqliteTarget, upstash: Upstash
) -> None:
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    upstash.fail = lambda _words: (503, {}, {"error": "away"})
    asked = ("sync", "talk", "--to", lite.place.url, "--to", upstash.url, "--once")
    env = {"KV_REST_API_TOKEN": upstash.token}
    done = recon(*asked, "--json", expect=13, env=env).document
    assert [(one["waiting"], one["exit_code"]) for one in done["targets"]] == [(0, 0), (len(logs.files), 13)]
    assert read(lite) == logs.turns
    upstash.fail = lambda _words: None
    recon("queue", "replay", env=env)
    place = Place(upstash.url, secret=lambda: upstash.token)
    assert sum(one["kind"] != "raw" for one in turns(place)) == logs.turns
    recon(*asked, env=env)


def test_a_file_that_is_being_written_is_taken_when_it_rests(recon: Recon, lite: SqliteTarget) -> None:
    (recon.folder / "logs").mkdir()
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    path = recon.folder / "logs" / "방.md"
    whole = "".join(twin.save(random.Random(3), number)[0] for number in range(4))
    path.write_text(whole[: len(whole) // 2])
    with (recon.folder / "recon.toml").open("a") as file:
        file.write("rescan_s = 1\n")
    watching = recon.start("sync", "talk", "--to", str(lite.path), "--watch")
    try:
        path.write_text(whole)
        until(lambda: read(lite) >= 8)
    finally:
        watching.terminate()
        watching.communicate(timeout=60)
    assert watching.returncode == 143
    found = lite.ask("SELECT content FROM conversations ORDER BY sort_key")
    assert all(content in whole for (content,) in found)


def until(right: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(600):
        if right():
            return
        time.sleep(0.1)
    pytest.fail("it never was so")


def test_the_folder_is_only_read(recon: Recon, logs: twin.Twin, lite: SqliteTarget) -> None:
    recon("sync", "init", "--system", "conversations", "--to", lite.place.url)
    folder: Path = recon.folder / "logs"
    before = {one.name: (one.stat().st_mtime_ns, one.stat().st_size) for one in folder.iterdir()}
    sync(recon, lite.place)
    assert {one.name: (one.stat().st_mtime_ns, one.stat().st_size) for one in folder.iterdir()} == before
    assert len(before) == len(logs.files)
