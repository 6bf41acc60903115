"""`recon record search`, `stats` and `tail`: the same answers from every target, page by page without gaps."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from typing import Any

import pytest

from tests.support.gate import START, Gate, Seen, logs, shuffled, traffic
from tests.support.recon import Done

SEEN = traffic(11, 300, 9)


@pytest.fixture
def filled(gate: Gate) -> Gate:
    gate("add", gate.write(shuffled(SEEN, 12)))
    return gate


def rows(gate: Gate, *words: str) -> list[Any]:
    found: list[Any] = gate("search", *words)["records"]
    return found


def number(row: Any) -> str:
    return f"{row['container_owner']}{row['container_number']}"


def test_filters_and_orders_answer_as_the_rule_does(filled: Gate) -> None:
    wanted = sorted((at, name) for at, name in logs(SEEN))
    found = rows(filled, "--all")
    assert [row["captured_at"] for row in found] == [at.isoformat() for at, _name in wanted]
    assert sorted(map(number, found)) == sorted(name for _at, name in wanted)
    backwards = rows(filled, "--all", "--desc")
    assert [row["id"] for row in backwards] == [row["id"] for row in found][::-1]
    one = wanted[0][1]
    assert {number(row) for row in rows(filled, "--owner", one[:4].lower(), "--all")} == {
        name for _at, name in wanted if name[:4] == one[:4]
    }
    named = rows(filled, "--number", f"{one[:4]} {one[4:]}", "--all")
    assert [row["captured_at"] for row in named] == [at.isoformat() for at, name in wanted if name == one]
    middle = wanted[len(wanted) // 2][0]
    late = rows(filled, "--since", middle.isoformat(), "--all")
    early = rows(filled, "--until", middle.isoformat(), "--all")
    assert len(late) == sum(at >= middle for at, _name in wanted)
    assert len(early) + len(late) == len(wanted)
    assert {row["source_video"] for row in rows(filled, "--source", "Gate_In.mp4", "--all")} == {"Gate_In"}
    text = rows(filled, "--text", "gate_o", "--all")
    assert text
    assert {row["source_video"] for row in text} == {"Gate_Out"}
    assert not rows(filled, "--text", "%", "--all")


@pytest.mark.parametrize("order", ["captured_at", "container_number", "created_at"])
@pytest.mark.parametrize("way", [(), ("--desc",)], ids=["up", "down"])
def test_pages_by_key_are_the_whole_without_gaps(filled: Gate, order: str, way: tuple[str, ...]) -> None:
    whole = [row["id"] for row in rows(filled, "--order", order, "--all", *way)]
    found: list[str] = []
    place: str | None = ""
    while place is not None:
        told = filled("search", "--order", order, "-n", "37", *way, *(["--after", place] if place else []))
        found += [row["id"] for row in told["records"]]
        place = told["next"]
    assert found == whole


def test_counts_by_day_owner_and_source_come_to_all(filled: Gate) -> None:
    wanted = logs(SEEN)
    told = filled("stats", "--by", "day", "--by", "owner")
    found = {(one["day"], one["owner"]): one["count"] for one in told["groups"]}
    assert found == Counter((at.date().isoformat(), name[:4]) for at, name in wanted)
    assert told["total"] == len(wanted) == filled("stats")["total"]


def test_lines_are_for_the_next_program_and_a_wrong_word_says_what_is_known(small: Gate) -> None:
    small("add", small.write(SEEN[:40]))
    done: Done = small.recon("record", "search", "--records", "gate", "--all", "--json-lines")
    assert [json.loads(line)["id"] for line in done.out.splitlines()] == [row["id"] for row in rows(small, "--all")]
    assert "owner, number, source" in small("search", "--where", "room=1", expect=2)
    assert "captured_at" in small("search", "--order", "notes", expect=2)
    assert "day, owner" in small("stats", "--by", "room", expect=2)
    assert "not a place" in small("search", "--after", "x", expect=2)
    small("search", "--number", "12", expect=2)


def test_without_a_table_it_says_how_to_make_one(small: Gate) -> None:
    assert "record init" in small("search", "--table", "other_logs", expect=17)


def test_tail_shows_the_last_that_came_and_follows_those_that_come(small: Gate) -> None:
    small("add", small.write([Seen(START, "TCNU897179")]))
    argv = small.recon.argv("record", "tail", "-f", "--every", "0.1", "--records", "gate", "--json")
    with subprocess.Popen(argv, cwd=small.folder, env=small.recon.env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert number(json.loads(process.stdout.readline())) == "TCNU897179"
        late = Seen(START.replace(year=2020), "MSKU907032")
        small("add", small.write([late], "late.jsonl"))
        assert number(json.loads(process.stdout.readline())) == "MSKU907032"
        process.terminate()
        process.stdout.read()
    assert process.returncode in {143, -15}
