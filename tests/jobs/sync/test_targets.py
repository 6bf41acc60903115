"""What is wrong with a target is said before the first write, later it pauses one table, and no record pays for it."""

from __future__ import annotations

import json

import pytest

from recon_cli.demo import twin_sessions as twin
from tests.jobs.sync.test_losses import COUNT, EXPORTS, adopted, put
from tests.jobs.sync.test_twin import configured, init, sync
from tests.support.recon import Recon
from tests.support.targets import PostgresTarget, RestTarget, SqliteTarget, Target
from tests.systems.gfx.test_constraints import OLD

pytestmark = pytest.mark.slow


def test_init_may_be_run_again_and_sql_changes_nothing(recon: Recon, target: Target) -> None:
    configured(recon, target)
    document = sync(recon, target, "init", "gfx", "--sql")
    assert not document["changed"]
    assert document["sql"]
    assert all(line.endswith(";") and "\n" not in line for line in document["sql"])
    init(recon, target)
    if not isinstance(target, RestTarget):
        again = sync(recon, target, "init", "gfx")
        assert (again["changed"], again["sql"]) == (False, [])


def test_init_mends_the_table_of_the_service_before_and_keeps_its_rows(recon: Recon, pg: PostgresTarget) -> None:
    pg.make(
        OLD,
        "INSERT INTO gfx_sessions (session_id, file_name, file_hash, table_type, raw_json, operator)"
        " VALUES (5, 'x', 'h', 'MAIN_TABLE', '{}', 'kim')",
    )
    configured(recon, pg)
    put(recon, EXPORTS[:3])
    told = sync(recon, pg, "gfx", "--once", expect=4)
    assert (told["delivered"], told["waiting"], told["buried"]) == (0, 3, 0)
    (pause,) = [one for one in told["problems"] if one["reason"] == "drift"]
    assert "exported again as it grows" in pause["detail"]
    assert "recon sync init" in pause["detail"]
    assert sync(recon, pg, "init", "gfx")["changed"]
    assert recon("queue", "replay", env={"RECON_STORES_TARGET_PASSWORD": pg.server.password}, expect=0)
    assert pg.ask(COUNT) == [(4,)]
    assert pg.ask("SELECT operator FROM gfx_sessions WHERE session_id = 5") == [("kim",)]


def test_over_rest_a_unique_session_id_is_found_out_by_the_first_write_and_buries_nothing(
    recon: Recon, rest: RestTarget
) -> None:
    configured(recon, rest)
    init(recon, rest)
    rest.make("ALTER TABLE gfx_sessions ADD CONSTRAINT one_each UNIQUE (session_id)")
    grown = [one for one in EXPORTS if one.session_id == twin.GROWS_FROM_ONE]
    put(recon, grown)
    told = sync(recon, rest, "gfx", "--once", expect=4)
    assert (told["waiting"], told["buried"], told["retried"]) == (3, 0, 0)
    assert any("exported again as it grows" in one.get("detail", "") for one in told["problems"])
    rest.make("ALTER TABLE gfx_sessions DROP CONSTRAINT one_each")
    recon("queue", "replay", env={"RECON_STORES_TARGET_PASSWORD": rest.rest.key})
    assert rest.ask(COUNT) == [(3,)]


def test_a_column_that_is_gone_pauses_the_table_and_stash_keeps_its_values(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    put(recon, EXPORTS[:2])
    sync(recon, target, "gfx", "--once")
    if isinstance(target, SqliteTarget):
        target.make("DROP VIEW gfx_sessions_latest")
    cascade = " CASCADE" if isinstance(target, PostgresTarget | RestTarget) else ""
    target.make(f"ALTER TABLE gfx_sessions DROP COLUMN event_title{cascade}")
    put(recon, EXPORTS[2:4])
    told = sync(recon, target, "gfx", "--once", expect=4)
    assert (told["waiting"], told["delivered"]) == (2, 0)
    assert recon("queue", "status", "--json").document["by_failures"] == {"0": 2}
    assert any("event_title" in one.get("detail", "") for one in told["problems"])
    put(recon, EXPORTS[4:5])
    again = sync(recon, target, "gfx", "--once", "--on-drift", "stash")
    assert (again["waiting"], again["stashed"]) == (0, 3)
    lines = (recon.folder / "state" / "queue.db.stash.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["values"]["event_title"] for line in lines} == {"겨울 시리즈 – Main Event"}
    assert {json.loads(line)["table"] for line in lines} == {"gfx_sessions"}
    assert [int(one) for (one,) in target.ask(COUNT)] == [5]


def test_an_adopted_queue_arrives_in_every_target(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    recon("queue", "adopt", adopted(recon, EXPORTS), "--to", "target")
    told = sync(recon, target, "gfx", "--once", expect=None)
    assert told["delivered"] == twin.FILES
    assert [int(one) for (one,) in target.ask(COUNT)] == [twin.CONTENTS]
    sums = "SELECT sum(hand_count), count(DISTINCT session_id) FROM gfx_sessions"
    assert tuple(map(int, target.ask(sums)[0])) == (twin.HANDS, twin.SESSIONS)


def test_an_older_row_under_the_hash_of_its_text_becomes_the_row_of_the_file(recon: Recon, target: Target) -> None:
    configured(recon, target)
    init(recon, target)
    windows = b"\xef\xbb\xbf" + EXPORTS[0].raw.replace(b", ", b",\r\n")
    seen = EXPORTS[0]
    old = twin.Export(seen.path, seen.pc, seen.session_id, seen.hands, windows[3:])
    path = adopted(recon, [])
    path.unlink()
    recon("queue", "adopt", _with_text_hash(recon, old), "--to", "target")
    sync(recon, target, "gfx", "--once", expect=None)
    before = target.ask("SELECT id FROM gfx_sessions")
    put(recon, [twin.Export(seen.path, seen.pc, seen.session_id, seen.hands, windows)])
    sync(recon, target, "gfx", "--once")
    assert target.ask("SELECT id FROM gfx_sessions") == before, "the row keeps its id"
    assert target.ask("SELECT sync_source FROM gfx_sessions") == [("recon",)]
    assert sync(recon, target, "verify", "gfx", "--content")["tables"][0]["found"] == 1


def _with_text_hash(recon: Recon, export: twin.Export) -> object:
    return adopted(recon, [export])


@pytest.mark.parametrize("words", [("init",), ("verify",), ("--once",)], ids=" ".join)
def test_a_password_that_is_wrong_is_exit_12(recon: Recon, pg: PostgresTarget, words: tuple[str, ...]) -> None:
    configured(recon, pg)
    init(recon, pg)
    put(recon, EXPORTS[:1])
    line = [words[0], "gfx"] if words[0] != "--once" else ["gfx", *words]
    done = recon("sync", *line, expect=12, env={"RECON_STORES_TARGET_PASSWORD": "wrong"})
    assert "wrong" not in done.err.replace("wrong password", "")


def test_a_name_that_nobody_knows_is_a_usage_error(recon: Recon) -> None:
    assert "no sync named" in recon("sync", "nightly", "--once", expect=2).err
    assert "--once" in recon("sync", "--system", "gfx", "--from", ".", "--to", "x.db", expect=2).err
    assert "known are gfx" in recon("sync", "--system", "gfy", "--from", ".", "--to", "x.db", "--once", expect=2).err


def test_the_older_services_variables_are_understood(recon: Recon, rest: RestTarget) -> None:
    configured(recon, rest)
    init(recon, rest)
    (recon.folder / "recon.toml").unlink()
    put(recon, EXPORTS[:2])
    given = {
        "GFX_SYNC_NAS_BASE_PATH": str(recon.folder / "nas"),
        "GFX_SYNC_SUPABASE_URL": f"http://127.0.0.1:{rest.rest.port}",
        "GFX_SYNC_SUPABASE_SECRET_KEY": rest.rest.key,
        "GFX_SYNC_BATCH_SIZE": "1",
    }
    (recon.folder / "recon.toml").write_text("version = 1\n")
    done = recon("sync", "--once", "--json", env=given, expect=None)
    assert json.loads(done.out)["put"] == 2
    assert json.loads(done.out)["target"] == f"supabase+http://127.0.0.1:{rest.rest.port}"


def test_a_dry_run_counts_and_touches_nothing(recon: Recon, lite: SqliteTarget) -> None:
    configured(recon, lite)
    put(recon, EXPORTS[:3])
    told = sync(recon, lite, "gfx", "--once", "--dry-run")
    assert (told["files"], told["new"]) == (3, 3)
    assert not (recon.folder / "state" / "queue.db").exists()
    assert not lite.path.exists()


def test_doctor_reaches_a_rest_server_and_tells_a_wrong_key(recon: Recon, rest: RestTarget) -> None:
    configured(recon, rest)
    init(recon, rest)
    password = "RECON_STORES_TARGET_PASSWORD"
    told = recon("doctor", "target", env={password: rest.rest.key}, expect=None)
    assert "a REST server with 2 tables" in told.out + told.err
    assert recon("doctor", "target", env={password: "wrong"}, expect=12)
