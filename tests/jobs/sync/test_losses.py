"""Every way in which the service before lost records: each of these failed there."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from recon_cli.demo import twin_sessions as twin
from recon_cli.systems.gfx.document import file_hash
from tests.jobs.sync.test_twin import configured, init, sync
from tests.support.recon import Recon
from tests.support.targets import PostgresTarget, RestTarget, SqliteTarget, Target
from tests.systems.gfx import odd

pytestmark = pytest.mark.slow

COUNT = "SELECT count(*) FROM gfx_sessions"
EXPORTS = twin.exports()


@pytest.fixture
def rested(recon: Recon, rest: RestTarget) -> Recon:
    """A sync to a REST server."""
    configured(recon, rest)
    init(recon, rest)
    return recon


def put(recon: Recon, exports: Sequence[twin.Export]) -> None:
    for export in exports:
        path = recon.folder / "nas" / export.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export.raw)


def depth(recon: Recon) -> int:
    found: int = recon("queue", "status", "--json").document["depth"]
    return found


@pytest.mark.parametrize("fault", ["500", "503", "429", "close before", "lost acknowledgement", "black hole"])
def test_no_answer_or_a_bad_one_is_never_taken_for_synced(rested: Recon, rest: RestTarget, fault: str) -> None:
    put(rested, EXPORTS[:6])
    if fault.isdigit():
        rest.faults.answer(int(fault), times=1, method="POST", retry_after_s=0.2)
    elif fault == "black hole":
        configured(rested, rest, "")
        text = (rested.folder / "recon.toml").read_text().replace("timeout_s = 10", "timeout_s = 0.5")
        (rested.folder / "recon.toml").write_text(text)
        rest.faults.black_hole(method="POST")
    else:
        rest.faults.close(after_commit=fault.startswith("lost"), method="POST", times=2)
    told = sync(rested, rest, "gfx", "--once", expect=13)
    assert (told["delivered"], told["waiting"], told["buried"]) == (0, 6, 0)
    assert rested("queue", "status", "--json").document["by_failures"] == {"0": 6}, "an outage spends no attempt"
    rest.faults.clear()
    assert sync(rested, rest, "gfx", "--once", "--wait", "30")["waiting"] == 0
    assert sync(rested, rest, "verify", "gfx")["agree"]


def adopted(recon: Recon, exports: Sequence[twin.Export], **more: Any) -> Path:
    """The older service's queue with these exports, as it wrote them."""
    path = recon.folder / "pending.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE pending_sync (id INTEGER PRIMARY KEY, record_json TEXT, gfx_pc_id TEXT, file_path TEXT,"
            " retry_count INTEGER, created_at TEXT, last_error TEXT)"
        )
        for export in exports:
            record = {
                "session_id": export.session_id,
                "file_name": twin.name_of(export.session_id),
                "file_hash": odd_hash(export.raw),
                "raw_json": json.loads(export.raw),
                **more,
            }
            row = (json.dumps(record, ensure_ascii=False), export.pc, f"/mnt/nas/{export.path}")
            db.execute(
                "INSERT INTO pending_sync (record_json, gfx_pc_id, file_path, retry_count, created_at)"
                " VALUES (?, ?, ?, 4, '2025-10-20T10:00:00')",
                row,
            )
    return path


def odd_hash(raw: bytes) -> str:
    return file_hash(raw.replace(b"\r\n", b"\n"))


def test_a_replay_keeps_every_export_of_a_session_and_not_the_last_alone(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    grown = [one for one in EXPORTS if one.session_id == twin.GROWS_FROM_ONE]
    recon("queue", "adopt", adopted(recon, list(reversed(grown))), "--to", "target")
    password = {"RECON_STORES_TARGET_PASSWORD": next(iter(target.env.values()), "")}
    told = recon("queue", "replay", "--json", env=password).document
    assert (told["delivered"], told["waiting"]) == (3, 0)
    assert [tuple(map(int, row)) for row in target.ask("SELECT hand_count FROM gfx_sessions ORDER BY 1")] == [
        (1,),
        (2,),
        (82,),
    ]
    put(recon, grown)
    assert sync(recon, target, "gfx", "--once")["delivered"] == 3
    assert [int(one) for (one,) in target.ask(COUNT)] == [3], "the files are the rows that came from the queue"
    assert sync(recon, target, "verify", "gfx")["tables"][0]["missing"] == 0


def test_an_older_queue_adopted_after_the_first_sync_adds_no_content(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    first = twin.exports()[0]
    odd = dataclasses.replace(first, raw=first.raw.replace(b", ", b",\r\n"))
    assert odd_hash(odd.raw) not in {file_hash(odd.raw), file_hash(first.raw)}
    put(recon, [odd])
    assert sync(recon, target, "gfx", "--once")["delivered"] == 1
    recon("queue", "adopt", adopted(recon, [odd]), "--to", "target")
    password = {"RECON_STORES_TARGET_PASSWORD": next(iter(target.env.values()), "")}
    assert recon("queue", "replay", "--json", env=password).document["delivered"] == 1
    asked = "SELECT file_hash, sync_source FROM gfx_sessions"
    assert target.ask(asked) == [(file_hash(odd.raw), "recon")]
    assert sync(recon, target, "verify", "gfx")["agree"]


def test_one_bad_record_neither_fails_nor_ages_the_others(recon: Recon, pg: PostgresTarget) -> None:
    configured(recon, pg)
    init(recon, pg)
    put(recon, EXPORTS)
    bad = recon.folder / "nas" / "PC01" / "bad GameID=5.json"
    bad.write_bytes(b'{"ID": 5, "EventTitle": "x\\u0000y", "Hands": []}')
    told = sync(recon, pg, "gfx", "--once", expect=3)
    assert (told["delivered"], told["waiting"]) == (twin.FILES, 1)
    failures = recon("queue", "status", "--json").document["by_failures"]
    assert failures == {"0": 0, str(told["retried"]): 1}, "the bad one alone has spent attempts"
    assert pg.ask(COUNT) == [(twin.CONTENTS,)]


def test_a_record_is_given_up_at_the_sixth_refusal_with_five_retries(recon: Recon, pg: PostgresTarget) -> None:
    configured(recon, pg)
    init(recon, pg)
    bad = recon.folder / "nas" / "PC01" / "bad GameID=5.json"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b'{"ID": 5, "EventTitle": "x\\u0000y", "Hands": []}')
    password = {"RECON_STORES_TARGET_PASSWORD": pg.server.password}
    assert sync(recon, pg, "gfx", "--once", expect=3)["retried"] == 1
    for number in range(2, 6):
        recon("queue", "replay", expect=3, env=password)
        assert recon("queue", "status", "--json").document["by_failures"] == {"0": 0, str(number): 1}
    recon("queue", "replay", expect=3, env=password)
    (letter,) = recon("queue", "dead", "list", "--json").document["dead"]
    assert (letter["failures"], letter["reason"]) == (6, "poison")
    shown = recon("queue", "dead", "show", str(letter["id"]), "--json").document
    assert bad.read_bytes().decode() in json.dumps(shown, ensure_ascii=False).replace("\\\\", "\\").replace('\\"', '"')


def test_a_batch_is_delivered_without_another_arrival_and_equal_contents_share_it(recon: Recon, target: Target) -> None:
    """The one was kept in memory until the next file came; the other was "cannot affect row a second time"."""
    configured(recon, target)
    init(recon, target)
    put(recon, [one for one in EXPORTS if one.session_id == twin.TWICE])
    assert sync(recon, target, "gfx", "--once")["delivered"] == 2
    assert [int(one) for (one,) in target.ask(COUNT)] == [1]
    assert [int(one) for (one,) in target.ask("SELECT count(*) FROM gfx_sessions_observations")] == [2]


def test_rows_that_say_different_things_have_the_same_columns(rested: Recon, rest: RestTarget) -> None:
    """PGRST102 refused a batch whose rows had unequal keys."""
    folder = rested.folder / "nas" / "PC01"
    folder.mkdir(parents=True)
    bodies: list[dict[str, Any]] = [{"ID": 1}, {"ID": 2, "EventTitle": "x"}, {"ID": 3, "Payouts": [1], "Hands": []}]
    for body in bodies:
        (folder / f"{body['ID']}.json").write_text(json.dumps(body))
    assert sync(rested, rest, "gfx", "--once")["delivered"] == 3
    assert sum(1 for method, path in rest.rest.seen if method == "POST" and "/gfx_sessions?" in path) == 1


def test_a_file_that_cannot_be_read_stays_where_it_is_and_is_a_dead_letter(recon: Recon, target: Target) -> None:
    """They were moved to `_error`, away from whoever might have mended them."""
    configured(recon, target)
    init(recon, target)
    folder = recon.folder / "nas" / "PC01"
    folder.mkdir(parents=True)
    for one in odd.POISON:
        (folder / one.path).write_bytes(one.raw)
    told = sync(recon, target, "gfx", "--once", expect=3)
    assert (told["unfit"], told["delivered"]) == (len(odd.POISON), 0)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {one.path: one.raw for one in odd.POISON}
    dead = recon("queue", "dead", "list", "--json").document["dead"]
    assert {one["meta"]["path"] for one in dead} == {f"PC01/{one.path}" for one in odd.POISON}
    assert sync(recon, target, "gfx", "--once")["unfit"] == 0, "it is told once, not with every run"


def test_what_is_sent_is_what_was_put_however_often_it_is_tried(rested: Recon, rest: RestTarget) -> None:
    """Metadata was popped from the record, so that the second try lacked it."""
    put(rested, EXPORTS[:2])
    rest.faults.answer(500, times=3, method="POST")
    for _ in range(3):
        sync(rested, rest, "gfx", "--once", expect=None)
    sync(rested, rest, "gfx", "--once", "--wait", "30")
    assert sorted(rest.ask("SELECT gfx_pc_id, nas_path FROM gfx_sessions")) == sorted(
        (one.pc, one.path) for one in EXPORTS[:2]
    )


def test_a_full_queue_spills_and_every_item_arrives(recon: Recon, lite: SqliteTarget) -> None:
    """Two overflow files of one second overwrote each other."""
    configured(recon, lite, "[queue]\nmax_items = 10\n")
    put(recon, EXPORTS)
    sync(recon, lite, "gfx", "--once", expect=4)
    status = recon("queue", "status", "--json").document
    assert status["spilled"] + status["depth"] == twin.FILES
    assert status["spilled"] >= 10
    init(recon, lite)
    recon("queue", "replay", expect=None)
    assert depth(recon) == 0
    assert lite.ask(COUNT) == [(twin.CONTENTS,)]
