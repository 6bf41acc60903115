"""`recon sync --system containers`: the cameras' lists of a folder, with a zone where names have no epoch."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.gate import Gate
from tests.support.recon import inside

LOCAL = "Gate_In-20250214-100249"
LIST = "시간,owner,number\n0:00:12,TCNU,897179\n0:09:00,MSKU,907032\n0:09:10,UNKNOWN,\n"
SEEN = {
    (datetime(2025, 2, 14, 1, 3, 1, tzinfo=UTC), "TCNU897179"),
    (datetime(2025, 2, 14, 1, 11, 49, tzinfo=UTC), "MSKU907032"),
}


@pytest.fixture
def lists(small: Gate) -> Gate:
    """A gate whose folder `lists` has one list that says local times."""
    (small.folder / "lists").mkdir()
    (small.folder / "lists" / f"{LOCAL}.csv").write_text(LIST)
    with (small.folder / "recon.toml").open("a") as file:
        file.write("[syncs.lists]\nsystem = 'containers'\nfrom = 'lists'\nto = 'target'\nsettle_s = 0.01\n")
    return small


def sync(gate: Gate, *words: str, expect: int) -> Any:
    done = inside(gate.recon, "sync", "run", "lists", "--once", "--json", *words)
    assert done.code == expect, done.out + done.err
    return json.loads(done.out)


def dead(gate: Gate) -> list[str]:
    found = json.loads(inside(gate.recon, "queue", "dead", "list", "--json").out)
    return [one["reason"] for one in found["dead"]]


def test_rows_that_are_refused_are_counted_and_kept_and_the_zone_makes_them_readings(lists: Gate) -> None:
    told = sync(lists, expect=3)
    assert (told["files"], told["refused"], told["unfit"], lists.count()) == (1, 3, 0, 0)
    assert {one["reason"] for one in told["problems"]} == {"no start"}
    assert dead(lists) == ["no start"] * 3
    told = sync(lists, "--zone", "Asia/Seoul", expect=3)
    assert (told["put"], told["refused"], [one["reason"] for one in told["problems"]]) == (1, 1, ["not read"])
    assert lists.logs() == SEEN
    assert dead(lists) == ["no start"] * 3 + ["not read"]
    again = sync(lists, "--zone", "Asia/Seoul", expect=0)
    assert (again["put"], again["refused"]) == (0, 0)
    proof = inside(lists.recon, "sync", "verify", "lists", "--zone", "Asia/Seoul")
    assert proof.code == 0, proof.out


def test_the_zone_of_recon_toml_holds_and_one_that_is_none_is_refused(lists: Gate) -> None:
    text = (lists.folder / "recon.toml").read_text()
    (lists.folder / "recon.toml").write_text(f"{text}zone = 'Asia/Soul'\n")
    assert "Asia/Soul" in inside(lists.recon, "sync", "run", "lists", "--once").err
    (lists.folder / "recon.toml").write_text(f"{text}zone = 'Asia/Seoul'\n")
    assert sync(lists, expect=3)["delivered"] == 1
    assert lists.logs() == SEEN


def test_a_list_that_grows_refuses_no_row_twice_and_a_mended_one_arrives(lists: Gate) -> None:
    sync(lists, "--zone", "Asia/Seoul", expect=3)
    with (lists.folder / "lists" / f"{LOCAL}.csv").open("a") as file:
        file.write("0:20:00,ABCD,123456\n")
    assert sync(lists, "--zone", "Asia/Seoul", expect=3)["refused"] == 1
    assert dead(lists) == ["not read"]
    (one,) = json.loads(inside(lists.recon, "queue", "dead", "list", "--json").out)["dead"]
    shown = json.loads(inside(lists.recon, "queue", "dead", "show", str(one["id"]), "--json").out)
    mended = json.loads(shown["payload"]) | {"owner": "TCNU", "number": "305438"}
    (lists.folder / "mended.jsonl").write_text(json.dumps(mended))
    lists("add", "mended.jsonl")
    assert {number for _at, number in lists.logs()} == {"TCNU897179", "MSKU907032", "ABCD123456", "TCNU305438"}
