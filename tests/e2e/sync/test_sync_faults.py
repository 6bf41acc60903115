"""Targets that fail: nothing counts as delivered but what was answered for, and no outage costs a record an attempt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from recon_cli.jobs.sync.run import once
from recon_cli.outbox import moves
from tests.e2e.sync.conftest import MakeSite
from tests.support.nas import Site, attempts, books, export, sha
from tests.support.postgrest_faults import Faults
from tests.support.proxy import Proxy
from tests.support.sync_agent import agent
from tests.support.targets import PostgresTarget, RestTarget

pytestmark = pytest.mark.slow

COUNT = 60


def faults_of(site: Site) -> Faults:
    assert isinstance(site.target, RestTarget)
    return site.target.faults


def nothing_was_spent(site: Site) -> None:
    """Whatever happened, no record lost an attempt and none was given up."""
    assert attempts(site.queue) == {}
    assert books(site.queue)["dead"] == 0


@pytest.mark.parametrize("status", [500, 503])
def test_a_target_that_answers_5xx_gets_everything_later(to_rest: Site, status: int) -> None:
    to_rest.nas.write(range(COUNT))
    faults_of(to_rest).answer(status, times=2, method="POST", body={"message": "no"})
    told = to_rest.sync(expect=13)
    assert (told["delivered"], told["waiting"]) == (0, COUNT)
    nothing_was_spent(to_rest)
    assert to_rest.sync("--wait", "20")["delivered"] == COUNT
    to_rest.prove()


def test_retry_after_is_kept(to_rest: Site) -> None:
    assert isinstance(to_rest.target, RestTarget)
    to_rest.nas.write(range(COUNT))
    faults_of(to_rest).answer(429, retry_after_s=3, method="POST", body={"message": "slower"})
    began = time.monotonic()
    to_rest.sync(expect=13)
    asked = len(to_rest.target.rest.seen)
    nothing_was_spent(to_rest)
    if time.monotonic() - began < 2.5:
        to_rest.sync(expect=13)
        if time.monotonic() - began < 3:
            assert len(to_rest.target.rest.seen) == asked, "nothing is asked before its time"
    to_rest.sync("--wait", "20")
    assert time.monotonic() - began >= 3
    to_rest.prove()


def test_a_lost_acknowledgement_is_delivered_again_and_changes_nothing(to_rest: Site) -> None:
    to_rest.nas.write(range(COUNT))
    faults_of(to_rest).close(after_commit=True, times=2, method="POST")
    to_rest.sync(expect=13)
    assert to_rest.target.ask("SELECT count(*) FROM gfx_sessions") == [(COUNT,)], "it was written"
    assert books(to_rest.queue)["waiting"] == COUNT, "and nobody knows"
    nothing_was_spent(to_rest)
    to_rest.sync("--wait", "20")
    to_rest.prove()


def test_a_black_hole_is_given_up_in_time_and_nothing_counts(to_rest: Site) -> None:
    to_rest.settings(timeout_s=1)
    to_rest.nas.write(range(COUNT))
    faults_of(to_rest).black_hole(method="POST")
    told = to_rest.sync(expect=13)
    assert told["delivered"] == 0
    nothing_was_spent(to_rest)
    to_rest.sync("--wait", "20")
    to_rest.prove()


def test_a_slow_target_gets_everything(to_rest: Site) -> None:
    to_rest.settings(more="batch = 20")
    to_rest.nas.write(range(COUNT))
    faults_of(to_rest).delay(0.2, times=10)
    assert to_rest.sync()["delivered"] == COUNT
    to_rest.prove()


def test_a_rotated_key_stops_the_target_and_the_new_one_lets_it_go_on(to_rest: Site) -> None:
    assert isinstance(to_rest.target, RestTarget)
    to_rest.nas.write(range(COUNT))
    old, to_rest.target.rest.key = to_rest.target.rest.key, "rotated"
    told = to_rest.recon("sync", "gfx", "--once", "--json", expect=12, env={"RECON_STORES_TARGET_PASSWORD": old})
    assert old not in told.out + told.err
    nothing_was_spent(to_rest)
    to_rest("queue", "replay")
    to_rest.prove()


@contextmanager
def relayed(site: Site) -> Iterator[Proxy]:
    """From now on the site reaches its Postgres through a relay."""
    port = urlsplit(site.target.place.url).port
    assert port
    with Proxy(port) as proxy:
        site.settings(url=site.target.place.url.replace(f":{port}/", f":{proxy.port}/"), timeout_s=2)
        yield proxy


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_connection_cut_in_the_middle_of_a_batch_leaves_all_or_nothing(to_postgres: Site, how: str) -> None:
    to_postgres.nas.write(range(COUNT), pad_bytes=4000)
    with relayed(to_postgres) as proxy:
        proxy.cut_after(120_000, how=how)
        to_postgres.sync(expect=13)
        assert to_postgres.target.ask("SELECT count(*) FROM gfx_sessions") == [(0,)]
        nothing_was_spent(to_postgres)
        to_postgres.sync("--wait", "20")
    to_postgres.prove()


def test_a_connection_that_stalls_is_cut_in_time(to_postgres: Site) -> None:
    to_postgres.nas.write(range(COUNT), pad_bytes=4000)
    with relayed(to_postgres) as proxy:
        proxy.stall_after(120_000)
        to_postgres.sync(expect=13)
        nothing_was_spent(to_postgres)
        proxy.resume()
        to_postgres.sync("--wait", "20")
    to_postgres.prove()


def test_a_server_that_refuses_connections_is_away_and_nothing_more(to_postgres: Site) -> None:
    to_postgres.nas.write(range(COUNT))
    with relayed(to_postgres) as proxy:
        proxy.refuse()
        to_postgres.sync(expect=13)
        nothing_was_spent(to_postgres)
        proxy.refuse(refusing=False)
        to_postgres.sync("--wait", "20")
    to_postgres.prove()


def asking(target: PostgresTarget) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(target.url, password=target.server.password)


def test_a_deadlock_costs_nothing_but_time(to_postgres: Site) -> None:
    """Somebody holds the later of two keys and asks for the earlier one, while sync holds that: sync is the victim."""
    assert isinstance(to_postgres.target, PostgresTarget)
    to_postgres.nas.write(range(2))
    first, second = sorted(to_postgres.nas.valid)
    insert = "INSERT INTO gfx_sessions (session_id, file_name, file_hash, raw_json) VALUES (1, 'x', %s, '{}')"
    with closing(asking(to_postgres.target)) as other:
        other.execute(insert, [second])
        blocked = threading.Thread(target=meet, args=(to_postgres.target, lambda: other.execute(insert, [first])))
        blocked.start()
        told = to_postgres.sync(expect=None)
        blocked.join()
        other.rollback()
    assert told["waiting"] == 2
    assert told["problems"][0]["detail"].startswith("40P01")
    nothing_was_spent(to_postgres)
    to_postgres.sync("--wait", "20")
    to_postgres.prove()


def meet(target: PostgresTarget, act: Callable[[], object]) -> None:
    """Act as soon as somebody waits for a lock."""
    with closing(asking(target)) as onlooker:
        onlooker.autocommit = True
        for _ in range(1500):
            if onlooker.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                act()
                return
            time.sleep(0.01)


def test_a_statement_timeout_halves_the_batch_and_buries_nobody(to_postgres: Site) -> None:
    to_postgres.nas.write(range(COUNT))
    database = urlsplit(to_postgres.target.place.url).path.strip("/")
    to_postgres.target.make(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON gfx_sessions FOR EACH ROW EXECUTE FUNCTION slow()",
        f'ALTER DATABASE "{database}" SET statement_timeout = 500',
    )
    told = to_postgres.sync()
    assert (told["delivered"], told["buried"], told["retried"]) == (COUNT, 0, 0)
    to_postgres.prove()


def test_one_row_that_always_takes_too_long_is_buried_and_all_others_pass(to_postgres: Site) -> None:
    to_postgres.nas.write(range(COUNT))
    to_postgres.nas.put(to_postgres.nas.path(COUNT), export(COUNT, title="SLOW"), good=False)
    database = urlsplit(to_postgres.target.place.url).path.strip("/")
    to_postgres.target.make(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.event_title = 'SLOW' THEN PERFORM pg_sleep(20); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER slow BEFORE INSERT ON gfx_sessions FOR EACH ROW EXECUTE FUNCTION slow()",
        f'ALTER DATABASE "{database}" SET statement_timeout = 300',
    )
    told = to_postgres.sync(expect=3)
    assert (told["delivered"], told["retried"], told["waiting"]) == (COUNT, 1, 1)
    to_postgres.nas.write(range(COUNT + 1, 2 * COUNT))
    told = to_postgres.sync(expect=3)
    assert told["delivered"] == COUNT - 1, "it keeps nobody waiting"
    spent = attempts(to_postgres.queue)
    to_postgres.replayed()
    assert attempts(to_postgres.queue) == spent, "nothing else was taken meanwhile: it may be the server that is slow"
    for number in range(2 * COUNT, 2 * COUNT + 5):
        to_postgres.nas.write([number])
        with agent(to_postgres) as ends:
            ends.queue.change(lambda db: moves.hurry(db, "target"))
            once(ends)
    to_postgres.prove()


def test_a_target_without_tables_pauses_and_goes_on_when_it_has_them(site: MakeSite, pg: PostgresTarget) -> None:
    found = site(pg)
    found.target.make("ALTER TABLE gfx_sessions RENAME TO elsewhere")
    found.nas.write(range(COUNT))
    found.sync(expect=4)
    nothing_was_spent(found)
    found.target.make("ALTER TABLE elsewhere RENAME TO gfx_sessions")
    found("queue", "replay")
    found.prove()


def test_ten_thousand_records_wait_for_a_target_that_is_away_and_all_arrive(to_postgres: Site) -> None:
    """More than the queue holds at once: some are spilled, and read back."""
    count = 10_000
    to_postgres.nas.write(range(count))
    with relayed(to_postgres) as proxy:
        proxy.refuse()
        config = to_postgres.folder / "recon.toml"
        config.write_text(config.read_text() + "[queue]\nmax_items = 4000\n")
        told = to_postgres.sync(expect=13)
        assert (told["put"], told["waiting"]) == (count, count)
        assert books(to_postgres.queue)["spilled"] >= 5000
        nothing_was_spent(to_postgres)
        proxy.refuse(refusing=False)
        assert to_postgres.sync("--wait", "20")["delivered"] == count
    to_postgres.prove()
    assert to_postgres.target.ask("SELECT count(DISTINCT session_id) FROM gfx_sessions") == [(count,)]
    assert len({sha(raw) for raw in to_postgres.nas.valid.values()}) == count
