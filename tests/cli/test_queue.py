"""`recon queue`: what an operator sees of the outbox, and takes out, back in, and over from an older service."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.outbox.drain import Drain, Pace
from recon_cli.outbox.item import Limits
from tests.support.outboxes import FakeClock, Target, letter, letters, opened, sums
from tests.support.recon import Recon, in_folder

DEAD = {letter(3).key, letter(4).key}


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)


@pytest.fixture
def filled(recon: Recon) -> Recon:
    """Eight waiting, two dead, five delivered, four spilled."""
    clock = FakeClock()
    state = recon.folder / "state"
    with opened(state, clock, Limits(max_items=100, ballast_bytes=0)) as queue:
        queue.put(letters(*range(7)))
        for _ in range(6):
            drained = Drain(queue, "db", Target(poison=DEAD), Pace(), lambda: 1.0, lambda: False).run()
            clock.sleep(100)
        assert drained.buried == 2
    with opened(state, clock, Limits(max_items=8, ballast_bytes=0)) as queue:
        queue.put([letter(number) for number in range(20, 32)])
        (first, *rest) = queue.lease("db", lease_s=1, limit=2)
        queue.retry(first, "23503: no such table", delay_s=0)
        queue.release(rest)
        assert sums(queue) | {"waiting": 8, "spilled": 4, "dead": 2, "acked": 5} == sums(queue)
    return recon


def test_a_queue_that_is_not_there_is_not_an_empty_one(recon: Recon) -> None:
    done = recon("queue", "status", expect=17)
    assert "no queue at" in done.err
    assert not (recon.folder / "state" / "queue.db").exists()


def test_status_tells_depth_age_attempts_reasons_and_leaves_gauges(filled: Recon) -> None:
    document = filled("queue", "status", "--json", "--textfile", "queue.prom").document
    assert document["schema"] == "recon.queue/1"
    wanted = {"depth": 8, "spilled": 4, "dead": 2, "acked": 5, "put": 19, "lost": 0, "in_flight": 0}
    assert wanted.items() <= document.items()
    assert document["by_failures"] == {"0": 7, "1": 1}
    assert document["dead_by_reason"] == {"poison": 2}
    assert document["oldest_age_s"] > 0
    assert document["size_bytes"] > 0
    gauges = (filled.folder / "queue.prom").read_text()
    assert 'recon_queue_items{account="waiting",queue="' in gauges
    assert "} 8\n" in gauges


def test_peek_shows_the_oldest_and_leases_nothing(filled: Recon) -> None:
    for _ in range(2):
        items = filled("queue", "peek", "-n", "3", "--json").document["items"]
        assert len(items) == 3
        assert items[0]["leased_by"] == ""


def test_dead_letters_are_listed_shown_requeued_and_dropped(filled: Recon) -> None:
    found = filled("queue", "dead", "list", "--json").document["dead"]
    assert {one["key"] for one in found} == DEAD
    assert {(one["reason"], one["failures"], one["detail"]) for one in found} == {
        ("poison", 6, "22P02 invalid input syntax")
    }
    first, second = (one["id"] for one in found)
    shown = filled("queue", "dead", "show", str(first), "--json").document
    assert shown["payload"].encode() == letter(3).payload
    filled("queue", "dead", "requeue", expect=2)
    assert filled("queue", "dead", "requeue", str(first), "--dry-run", "--json").document["ids"] == [first]
    assert filled("queue", "dead", "requeue", str(first), "--json").document["requeued"] == 1
    filled("queue", "dead", "drop", str(first), expect=17)
    assert filled("queue", "dead", "drop", "--reason", "poison", "--json").document["dropped"] == 1
    document = filled("queue", "status", "--json").document
    assert (document["dead"], document["dropped"]) == (0, 1)
    assert second != first
    filled("queue", "verify", "-q")


def test_an_export_taken_in_elsewhere_is_the_same_queue(filled: Recon, tmp_path: Path) -> None:
    assert filled("queue", "export", "all.jsonl", "--json").document["items"] == 14
    other = in_folder(tmp_path, RECON_STATE_DIR=str(tmp_path / "elsewhere"))
    document = other("queue", "import", "all.jsonl", "--json").document
    assert (document["new"], document["new_dead"], document["known"]) == (12, 2, 0)
    assert other("queue", "import", "all.jsonl", "--json").document["known"] == 14
    other("queue", "export", "again.jsonl")
    assert bodies(tmp_path / "again.jsonl") == bodies(tmp_path / "all.jsonl")
    other("queue", "verify", "-q")


def bodies(path: Path) -> set[tuple[str, ...]]:
    """Everything of an export but the numbers and the times of coming in."""
    documents = [json.loads(line) for line in path.read_bytes().splitlines()]
    return {tuple(str(one.get(name)) for name in ("key", "payload", "meta", "reason", "detail")) for one in documents}


def test_a_changed_line_is_refused_and_the_others_are_taken_in(filled: Recon, tmp_path: Path) -> None:
    filled("queue", "export", "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "all.jsonl").write_bytes(b"".join([lines[0].replace(b"int64", b"int65"), b"{}\n", *lines[2:]]))
    other = in_folder(tmp_path, RECON_STATE_DIR=str(tmp_path / "elsewhere"))
    document = other("queue", "import", "all.jsonl", "--json", expect=3).document
    assert document["new"] + document["new_dead"] == 12
    assert [one["item"] for one in document["problems"]] == ["all.jsonl:1", "all.jsonl:2"]


def test_verify_notices_an_item_that_is_nowhere_and_one_that_is_in_two_places(filled: Recon) -> None:
    path = filled.folder / "state" / "queue.db"
    assert filled("queue", "verify", "--json").document["right"]
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO acked (mark) SELECT mark FROM items LIMIT 1")
        db.execute("DELETE FROM items WHERE id = (SELECT max(id) FROM items)")
        db.commit()
    document = filled("queue", "verify", "--json", expect=14).document
    assert {one["item"] for one in document["problems"]} == {"items and acked", "account waiting"}


def test_losses_stay_named_until_they_are_accepted(filled: Recon) -> None:
    path = filled.folder / "state" / "queue.db"
    with path.open("r+b") as file:
        file.write(b"\x00" * 4096)
    assert filled("queue", "status", expect=14).err.count("hint:") == 1
    filled("queue", "import", write(filled.folder / "none.jsonl"))
    done = filled("queue", "verify", expect=3)
    assert "lost" in done.err
    filled("queue", "verify", "--accept", "-q")
    assert filled("queue", "status", "--json").document["depth"] >= 8


def write(path: Path) -> Path:
    path.write_bytes(b"")
    return path


OLD = "id INTEGER PRIMARY KEY, file_path TEXT, record_json TEXT, retry_count INT, created_at TEXT, last_attempt TEXT,"
SHAPES = {
    "newer": "id INTEGER PRIMARY KEY, record_json TEXT, gfx_pc_id TEXT, file_path TEXT, retry_count INT,"
    " created_at TEXT, last_error TEXT",
    "older": f"{OLD} gfx_pc_id TEXT, error_type TEXT",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_an_older_queue_is_taken_over_from_its_log_alone_and_left_as_it_is(recon: Recon, shape: str) -> None:
    source = recon.folder / "pending.db"
    raw = '{"session_id": 638961224831992165, "file_hash": "abc", "x": 1.0}'
    with closing(sqlite3.connect(source)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute(f"CREATE TABLE pending_sync ({SHAPES[shape]})")
        db.execute(
            "CREATE TABLE dead_letter (id INTEGER PRIMARY KEY, record_json TEXT, gfx_pc_id TEXT, file_path TEXT,"
            " retry_count INT, error_reason TEXT, created_at TEXT)"
        )
        rows = [(raw, "PC01", "a b=1.json", 3), (raw, "PC02", "c.json", 0), ("{half", "PC01", "d.json", 1)]
        db.executemany(
            "INSERT INTO pending_sync (record_json, gfx_pc_id, file_path, retry_count) VALUES (?,?,?,?)", rows
        )
        db.execute(
            "INSERT INTO dead_letter VALUES (1, ?, 'PC01', 'e.json', 4, 'timeout', '2026-01-02 03:04:05')", [raw + " "]
        )
        db.commit()
        copies = {path.name: path.read_bytes() for path in recon.folder.glob("pending.db*")}
    for path in recon.folder.glob("pending.db*"):
        path.unlink()
    (recon.folder / "pending.db").write_bytes(copies["pending.db"])
    (recon.folder / "pending.db-wal").write_bytes(copies["pending.db-wal"])
    document = recon("queue", "adopt", "pending.db", "--to", "supabase", "--json").document
    assert (document["new"], document["new_dead"], document["known"]) == (3, 1, 0)
    assert recon("queue", "adopt", "pending.db", "--to", "supabase", "--json").document["known"] == 4
    assert (recon.folder / "pending.db-wal").read_bytes() == copies["pending.db-wal"]
    recon("queue", "export", "out.jsonl")
    found = [json.loads(line) for line in (recon.folder / "out.jsonl").read_bytes().splitlines()]
    assert [one["payload"] for one in found] == [raw, raw, "{half", raw + " "]
    assert [one["meta"]["gfx_pc_id"] for one in found] == ["PC01", "PC02", "PC01", "PC01"]
    assert [one["failures"] for one in found] == [0, 0, 0, 4]
    assert found[3]["detail"] == "timeout"
    assert {one["target"] for one in found} == {"supabase"}


def test_what_is_no_older_queue_is_refused(recon: Recon) -> None:
    (recon.folder / "pending.db").write_bytes(b"no database at all" * 100)
    assert "cannot read" in recon("queue", "adopt", "pending.db", "--to", "x", expect=14).err
    recon("queue", "adopt", "missing.db", "--to", "x", expect=17)


def test_the_settings_say_where_the_queue_is_and_how_much_it_holds(recon: Recon) -> None:
    (recon.folder / "recon.toml").write_text('[queue]\npath = "var/own.db"\nmax_items = 2\n')
    (recon.folder / "var").mkdir()
    with opened(recon.folder / "elsewhere") as queue:
        queue.put(letters(1, 2, 3, 4))
    recon("queue", "export", "x.jsonl", env={"RECON_QUEUE_PATH": str(recon.folder / "elsewhere" / "queue.db")})
    recon("queue", "import", "x.jsonl")
    document = recon("queue", "status", "--json").document
    assert document["path"] == str(recon.folder / "var" / "own.db")
    assert (document["depth"], document["spilled"]) == (2, 2)
