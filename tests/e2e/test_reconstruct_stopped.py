"""Killed or cancelled in every stage: nothing finished is done twice, and the splat is the same in the end."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from recon_cli.reconstruction.stages import STAGES
from tests.support import photoset
from tests.support.recon import Recon
from tests.support.reconstructions import reconstructing
from tests.support.training import sum_of

pytestmark = pytest.mark.slow

SMALL = ("--preset", "quick", "--iterations", "40", "--max-gaussians", "3000", "--trainer", "cpu")
NAMES = [stage.name for stage in STAGES]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The splat of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    photoset.take(folder / "photos", 12)
    report = reconstructing(folder)("reconstruct", "photos", *SMALL, "--json").document
    return sum_of(Path(report["folder"]) / "result" / "scene.ply")


def wait_for_stage(job: Path, stage: str, running: subprocess.Popen[bytes], run: int) -> None:
    """Wait until the run of this number (from 1) is in this stage or behind it, or has ended."""
    deadline = time.monotonic() + 300
    while running.poll() is None and not reached(job, stage, run):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def job_in(folder: Path) -> Path:
    (found,) = [path.parent for path in (folder / "recon-jobs").glob("*/job.json")]
    return found


def reached(job: Path, stage: str, run: int) -> bool:
    """Whether the run of this number has begun, and is in this stage or behind it."""
    log = job / "logs" / "process.log"
    text = log.read_text() if log.exists() else ""
    last = text.rpartition("=== Job")[2]
    return text.count(" started ===") >= run and any(f">> [{name}]" in last for name in NAMES[NAMES.index(stage) :])


def status(folder: Path) -> str:
    with sqlite3.connect(folder / "recon-jobs" / "jobs.db") as db:
        ((word,),) = db.execute("SELECT status FROM jobs").fetchall()
    return str(word)


def marks(job: Path) -> dict[str, int]:
    return {path.stem: path.stat().st_mtime_ns for path in (job / "stages").glob("*.json")}


def begun(recon: Recon) -> tuple[subprocess.Popen[bytes], Path]:
    running = recon.start("reconstruct", "photos", *SMALL)
    while not list((recon.folder / "recon-jobs").glob("*/job.json")):
        assert running.poll() is None
        time.sleep(0.02)
    return running, job_in(recon.folder)


def test_killed_in_every_stage_it_goes_on_and_gives_the_same_splat(tmp_path: Path, uninterrupted: str) -> None:
    photoset.take(tmp_path / "photos", 12)
    recon = reconstructing(tmp_path)
    running, job = begun(recon)
    dice = random.Random(os.environ.get("RECON_SEED", "1"))
    first_seen: dict[str, int] = {}
    for run, stage in enumerate(NAMES, 1):
        wait_for_stage(job, stage, running, run)
        time.sleep(dice.uniform(0, 0.8))
        running.kill()
        running.communicate()
        for name, at in marks(job).items():
            first_seen.setdefault(name, at)
        if status(tmp_path) == "DONE":
            break
        assert recon("job", "list").out.split("\t")[1] == "PENDING"
        running = recon.start("reconstruct", "--resume", job.name)
    running.communicate()
    if status(tmp_path) != "DONE":
        recon("job", "retry", job.name)
    assert sum_of(job / "result" / "scene.ply") == uninterrupted
    assert {name: at for name, at in marks(job).items() if name in first_seen} == first_seen, "done twice"
    assert int(recon("job", "show", job.name, "--json").document["retry_count"]) >= 1


def test_cancelled_in_every_stage_it_stops_with_all_it_started_and_goes_on(tmp_path: Path, uninterrupted: str) -> None:
    photoset.take(tmp_path / "photos", 12)
    recon = reconstructing(tmp_path)
    running, job = begun(recon)
    for run, stage in enumerate(NAMES, 1):
        wait_for_stage(job, stage, running, run)
        done = recon("job", "cancel", job.name, "--json", expect=None)
        _out, err = running.communicate()
        if done.code == 5:  # it was faster
            assert status(tmp_path) == "DONE"
            break
        assert done.document["status"] == status(tmp_path) == "CANCELLED"
        assert running.returncode == 16
        assert b"cancelled" in err
        assert not strangers(job)
        running = recon.start("job", "retry", job.name)
    running.communicate()
    if status(tmp_path) != "DONE":
        recon("job", "retry", job.name)
    assert sum_of(job / "result" / "scene.ply") == uninterrupted


def strangers(job: Path) -> list[str]:
    """Processes that work in the job's folder still."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(job).encode() in words and b"recon_cli.reconstruction" in words and state not in "ZX":
            found.append(words.decode())
    return found
