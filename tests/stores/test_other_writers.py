"""Other programs on the same tables, and death at any moment: either state, never one between."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recon_cli.core.errors import GuardError, LockedError, ReconError
from recon_cli.core.place import Place
from recon_cli.jobs.runs import dump_undo
from recon_cli.stores.base import Undo
from recon_cli.stores.registry import open_records
from tests.stores.conformance import SCHEMAS, Bench, create, keys, model, row, update, write

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_BIG = {
    "sqlite": "INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    " SELECT i, printf('%0500d', i) FROM n",
    "postgres": "INSERT INTO big SELECT i, lpad(i::text, 500, '0') FROM generate_series(1, 100000) i",
    "mariadb": "INSERT INTO big SELECT seq, lpad(seq, 500, '0') FROM seq_1_to_100000",
}


def child(bench: Bench, verb: str, *rest: str) -> subprocess.Popen[str]:
    """A second process on the same store."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stores.child", verb, bench.url, bench.password or "", *rest],
        cwd=_ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("moment", "tables"), [("writing", "tables there"), ("prepared", "tables missing")])
def test_a_process_killed_before_the_commit_leaves_the_old_rows(sql_bench: Bench, moment: str, tables: str) -> None:
    store = sql_bench.store
    if tables == "tables there":
        write(store, model("a"), create("notes", model_token="t-a"))
    old = {name: (store.columns().get(name), store.fingerprint(name)) for name in SCHEMAS}
    with child(sql_bench, "die", moment) as dying:
        assert dying.wait(60) == -signal.SIGKILL
    assert {name: (store.columns().get(name), store.fingerprint(name)) for name in SCHEMAS} == old
    undo = write(store, model("b"), create("notes", model_token="t-b"))
    store.revert(undo)
    assert {name: (store.columns().get(name), store.fingerprint(name)) for name in SCHEMAS} == old


@pytest.mark.parametrize("tables", ["tables there", "tables missing"])
def test_an_undo_killed_after_any_statement_is_finished_by_the_next(sql_bench: Bench, tables: str) -> None:
    store = sql_bench.store
    write(store, model("a"), model("b"))
    if tables == "tables there":
        write(store, create("notes", model_token="t-a"))
    old, deaths = sql_bench.dump(), 0
    with child(sql_bench, "undo") as undoing:
        for moment in itertools.count(1):
            undo = write(store, update("models", "a", name="x"), model("c"), create("notes", model_token="t-c"))
            status = ask(undoing, moment, undo)
            store.revert(undo)
            assert sql_bench.dump() == old, f"killed after statement {moment}"
            if status == 0:
                break
            assert status == -signal.SIGKILL
            deaths += 1
        undoing.communicate()
    assert deaths > 5


def ask(undoing: subprocess.Popen[str], moment: int, undo: Undo) -> int:
    """Have a process undo a run and die after that many statements; its exit status."""
    assert undoing.stdin
    assert undoing.stdout
    undoing.stdin.write(f"{moment} {json.dumps(dump_undo(undo))}\n")
    undoing.stdin.flush()
    return int(undoing.stdout.readline())


def test_a_process_killed_after_the_commit_leaves_the_new_rows(sql_bench: Bench) -> None:
    with child(sql_bench, "die", "done") as dying:
        assert dying.wait(60) == -signal.SIGKILL
    assert (sql_bench.store.fingerprint("models").rows, sql_bench.store.fingerprint("notes").rows) == (100, 1)


def test_another_writer_is_shut_out_until_the_commit(sql_bench: Bench) -> None:
    write(sql_bench.store, model("a"))
    other = open_records(Place(sql_bench.url, secret=lambda: sql_bench.password, options={"timeout_s": 1}))
    met: list[type[ReconError]] = []

    def intrude(_undo: Undo) -> None:
        try:
            write(other, update("models", "a", name="intruder"))
        except ReconError as exc:
            met.append(type(exc))

    base = {"models": sql_bench.store.fingerprint("models")}
    sql_bench.store.apply([update("models", "a", real_height=2.5)], SCHEMAS, base=base, prepared=intrude)
    assert met == [LockedError]
    assert row(sql_bench.store, "models", "a")["name"] == "name of a"
    sql_bench.sql("UPDATE models SET name = 'intruder' WHERE id = 'a'")
    assert row(sql_bench.store, "models", "a")["name"] == "intruder"
    other.close()


def test_two_processes_writing_the_same_row_lose_no_update(sql_bench: Bench) -> None:
    store = sql_bench.store
    write(store, model("a"))
    done = 0
    with child(sql_bench, "count", "15") as counting:
        while done < 15:
            base = {"models": store.fingerprint("models")}
            try:
                store.apply([model(f"k{done}")], SCHEMAS, base=base, prepared=lambda _undo: None)
            except (GuardError, LockedError):
                continue
            done += 1
        assert counting.wait(60) == 0
    assert row(store, "models", "a")["access_count"] == 15
    assert len(keys(store, "models")) == 16


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_read_with_flat_memory(sql_bench: Bench) -> None:
    sql_bench.sql(
        "CREATE TABLE warm (id INT)",
        "INSERT INTO warm VALUES (1)",
        "CREATE TABLE big (id INT PRIMARY KEY, body VARCHAR(600))",
        _BIG[sql_bench.kind],
    )
    with child(sql_bench, "read") as reading:
        told, _ = reading.communicate(timeout=120)
    seen = json.loads(told)
    assert (seen["rows"], seen["fingerprint"]) == (100_000, 100_000)
    assert seen["grown_kib"] < 20_000, "the rows are 50 MB"
