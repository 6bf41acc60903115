"""`recon job` on many jobs: turns, interrupted ones, tables of the server, folders of both generations."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recon_cli.demo.twin_jobs import make_jobs
from tests.support import photoset
from tests.support.recon import Recon
from tests.support.reconstructions import PATIENCE_S, reconstructing
from tests.support.system import require

pytestmark = pytest.mark.slow


def rows(path: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM jobs ORDER BY job_id")]


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hanging(folder: Path) -> Recon:
    """`recon` whose training never ends."""
    photoset.take(folder / "photos", 4)
    return reconstructing(folder, RECON_RECONSTRUCT_TRAIN_COMMAND="sleep 600")


def start(recon: Recon) -> subprocess.Popen[bytes]:
    return recon.start("reconstruct", "photos", "--preset", "quick", "--trainer", "command")


def ended(running: subprocess.Popen[bytes]) -> int:
    running.communicate(timeout=PATIENCE_S)
    return running.returncode


def listed(recon: Recon) -> dict[str, dict[str, Any]]:
    done = recon("job", "list", "--json", expect=None)
    return {one["job_id"]: one for one in done.document["jobs"]} if done.code == 0 else {}


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_one_job_runs_at_a_time_and_the_others_wait_in_order(tmp_path: Path) -> None:
    recon = hanging(tmp_path)
    first = start(recon)
    until(lambda: any(one["step"] == "train" for one in listed(recon).values()))
    (running,) = listed(recon)
    second = start(recon)
    until(lambda: len(listed(recon)) == 2)
    (waiting,) = set(listed(recon)) - {running}
    third = start(recon)
    until(lambda: len(listed(recon)) == 3)
    (last,) = set(listed(recon)) - {running, waiting}
    until(lambda: [listed(recon)[one]["queue_position"] for one in (running, waiting, last)] == [None, 1, 2])
    assert [listed(recon)[one]["status"] for one in (running, waiting, last)] == ["RUNNING", "PENDING", "PENDING"]
    assert "is being run" in recon("job", "delete", running, expect=11).err
    assert "is being run already" in recon("reconstruct", "--resume", waiting, expect=11).err
    recon("job", "cancel", waiting)
    assert ended(second) == 16
    recon("job", "cancel", running)
    assert ended(first) == 16
    until(lambda: listed(recon)[last]["status"] == "RUNNING")
    third.terminate()
    assert f"`recon reconstruct --resume {last}` goes on" in third.communicate(timeout=PATIENCE_S)[1].decode()
    assert third.returncode == 143
    assert listed(recon)[last]["status"] == "PENDING"
    assert recon("job", "retry", "--dry-run", "--json").document["would"] == [last]
    recon("job", "delete", running, waiting, last)
    assert listed(recon) == {}
    assert not [path for path in (tmp_path / "recon-jobs").iterdir() if path.is_dir()]


def test_a_running_row_that_nobody_runs_waits_again_and_others_stay(tmp_path: Path) -> None:
    root = tmp_path / "recon-jobs"
    (root / "aaaaaaaa").mkdir(parents=True)
    (root / "aaaaaaaa" / "job.json").write_text("{}")
    recon = reconstructing(tmp_path)
    recon("job", "list")
    with sqlite3.connect(root / "jobs.db") as db:
        rows_ = [
            ("aaaaaaaa", "1111111111", "RUNNING"),
            ("bbbbbbbb", "2222222222", "RUNNING"),
            ("cccccccc", "3333333333", "DONE"),
        ]
        db.executemany("INSERT INTO jobs (job_id, pub_key, status) VALUES (?, ?, ?)", rows_)
    assert {name: one["status"] for name, one in listed(recon).items()} == {
        "aaaaaaaa": "PENDING",
        "bbbbbbbb": "RUNNING",  # its folder is not here: another machine's
        "cccccccc": "DONE",
    }


def test_folders_of_both_generations_give_the_table_back(tmp_path: Path) -> None:
    twin = make_jobs(tmp_path / "server", jobs=12)
    root = Path(str(twin.store).removeprefix("file://")) / "data" / "jobs"
    if not root.is_dir():
        root = next(path.parent for path in (tmp_path / "server").rglob(twin.jobs[0].id) if path.is_dir())
    recon = reconstructing(tmp_path, RECON_RECONSTRUCT_ROOT=str(root))
    would = recon("job", "rebuild", "--dry-run", "--json", expect=None).document
    assert would["schema"] == "recon.job.rebuild/1"
    assert not (root / "jobs.db").exists()
    recon("job", "rebuild", expect=None)
    found = {row["job_id"]: row for row in rows(root / "jobs.db")}
    assert set(found) == {job.id for job in twin.jobs}
    for job in twin.jobs:
        assert found[job.id]["status"] == ("DONE" if job.ending == "done" else "FAILED")
    again = recon("job", "rebuild", "--json", expect=None).document
    assert again["changes"] == {"create": 0, "update": 0, "delete": 0}
    stats = recon("job", "stats", "--json").document
    assert sum(stats["counts"].values()) == 12
    one = next(job.id for job in twin.jobs)
    assert recon("job", "show", one, "--json").document["job_id"] == one
    assert "only jobs that `recon reconstruct` started" in recon("job", "retry", one, expect=14).err


def test_a_table_in_a_named_store_is_used(tmp_path: Path) -> None:
    (tmp_path / "recon.toml").write_text(
        'version = 1\n[stores.jobs]\nurl = "sqlite:///other.db"\n[reconstruct]\nstore = "jobs"\n'
    )
    (tmp_path / "recon-jobs").mkdir()
    reconstructing(tmp_path)("job", "list")
    assert rows(tmp_path / "other.db") == []
    assert not (tmp_path / "recon-jobs" / "jobs.db").exists()


def test_a_trainer_outlives_no_kill_of_the_command_that_started_it(tmp_path: Path) -> None:
    recon = hanging(tmp_path)
    pid = tmp_path / "pid"
    slow = replace(
        recon, env={**recon.env, "RECON_RECONSTRUCT_TRAIN_COMMAND": f"sh -c 'echo $$ > {pid}; exec sleep 600'"}
    )
    running = start(slow)
    until(lambda: pid.exists() and pid.read_text().strip())
    running.kill()
    running.communicate()
    until(lambda: not alive(int(pid.read_text())))


def test_following_a_log_ends_with_the_job(tmp_path: Path) -> None:
    recon = hanging(tmp_path)
    running = start(recon)
    until(lambda: any(one["step"] == "train" for one in listed(recon).values()))
    (job,) = listed(recon)
    following = recon.start("job", "log", job, "-f")
    time.sleep(1)
    assert following.poll() is None
    recon("job", "cancel", job)
    out, _err = following.communicate(timeout=PATIENCE_S)
    assert ended(running) == 16
    assert ">> [train]" in out.decode()
    assert json.loads(recon("job", "log", job, "--json", "-n", "2").out)["schema"] == "recon.job.log/1"


def test_an_installed_colmap_solves_the_cameras_as_well(tmp_path: Path) -> None:
    require("colmap", "colmap")
    photoset.take(tmp_path / "photos", 8)
    recon = reconstructing(tmp_path, RECON_RECONSTRUCT_TRAIN_COMMAND="false", PATH=os.environ["PATH"])
    recon("reconstruct", "photos", "--preset", "quick", "--sfm", "colmap", "--trainer", "command", expect=16)
    (job,) = listed(recon)
    shown = recon("job", "show", job, "--json").document
    assert shown["error_stage"] == "train"
    assert shown["stages"]["features"]["solver"] == "colmap"
    assert (shown["colmap_registered_images"], shown["stages"]["mapping"]["rung"]) == (8, "default")
