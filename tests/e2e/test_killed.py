"""Killed at any point, then the same command again: the result of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recon_cli.files.state import ScanState
from tests.e2e.conftest import Scene
from tests.e2e.test_lost_database import dump
from tests.support.proxy import Proxy
from tests.support.quirky_ftp import Quirks, RunningServer, serve
from tests.support.recon import Recon, in_folder

pytestmark = pytest.mark.slow

Build = Callable[..., Scene]
FOLDERS = 1500
"""More than the largest window: a burst of commands counts only when all of it was answered."""


def kill_after(recon: Recon, seconds: float, *args: str) -> int:
    """Start a command and SIGKILL its whole process group after a while; its exit status (-9 when it was killed)."""
    started = recon.start(*args)
    time.sleep(seconds)
    if started.poll() is None:
        os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    return started.returncode


def test_a_recovery_killed_at_any_point_ends_the_same_when_run_again(scene: Build) -> None:
    s = scene(models=30, database_copy=False)
    s.recon("recover", "models", "--apply", expect=None)
    undisturbed = dump(s.database)
    rng = random.Random(5)
    whole_s, killed = duration(s, "recover", "models", "--apply"), 0
    for _attempt in range(40):
        s.database.unlink(missing_ok=True)
        killed += kill_after(s.recon, whole_s * rng.uniform(0.3, 1.0), "recover", "models", "--apply") == -9
        if s.database.exists() and s.database.stat().st_size:
            with sqlite3.connect(s.database) as db:
                tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name = 'models'")}
                count = db.execute("SELECT count(*) FROM models").fetchone()[0] if tables else 0
            assert count in (0, 30), "neither old nor new"
        s.recon("recover", "models", "--apply", expect=None)
        assert dump(s.database) == undisturbed
        if killed == 8:
            return
    pytest.fail(f"only {killed} of 40 runs were still running when they were to be killed")


def duration(s: Scene, *args: str) -> float:
    """How long a command takes here and now, from nothing."""
    s.database.unlink(missing_ok=True)
    began = time.monotonic()
    s.recon(*args, expect=None)
    return time.monotonic() - began


def test_an_apply_killed_at_any_point_can_be_run_again_and_taken_back(scene: Build) -> None:
    s = scene(models=30, database_copy=False)
    s.recon("recover", "models", "--plan-out", "plan.json", expect=None)
    rng = random.Random(7)
    whole_s = duration(s, "apply", "plan.json")
    for _attempt in range(8):
        s.database.unlink(missing_ok=True)
        kill_after(s.recon, whole_s * rng.uniform(0.3, 1.0), "apply", "plan.json")
        done = s.recon("apply", "plan.json", "--json").document
        with sqlite3.connect(s.database) as db:
            assert db.execute("SELECT count(*) FROM models").fetchone() == (30,)
        s.recon("undo", done["run"])
        assert not s.database.exists() or dump(s.database) == ["BEGIN TRANSACTION;", "COMMIT;"]


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with many folders that writes every command down."""
    for number in range(FOLDERS):
        folder = tmp_path / "tree" / f"d{number:04}"
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x")
    server = serve(tmp_path / "tree", "me", "secret", Quirks())
    yield server
    server.close()


def listed(commands: list[str]) -> set[str]:
    """The folders that were entered to be listed."""
    words = (line.split(" ", 1) for line in commands)
    return {part[1].rsplit("/", 1)[-1] for part in words if part[0].upper() == "CWD" and "/d" in part[1]}


def test_a_killed_scan_resumes_and_lists_no_finished_folder_twice(wide: RunningServer, tmp_path: Path) -> None:
    recon = in_folder(tmp_path, RECON_FILES_PASSWORD="secret")
    with Proxy(wide.port, delay_s=0.02, ftp=True) as proxy:
        proxy.throttle(300_000)
        url = f"ftp://me@127.0.0.1:{proxy.port}/"
        started = recon.start("scan", url, "--json-lines", "--connections", "1")
        while len(finished_folders(tmp_path)) < 50 and started.poll() is None:
            time.sleep(0.05)
        os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
        before = len(wide.commands)
        finished = finished_folders(tmp_path)
        assert 20 < len(finished) < FOLDERS, "the kill came too early or too late to mean anything"
        proxy.throttle(None)
        done = recon("scan", url, "--json-lines", "--resume")
    assert len(done.out.splitlines()) == 2 * FOLDERS
    assert not finished & listed(wide.commands[before:])


def finished_folders(folder: Path) -> set[str]:
    """What a scan has on disk, running or killed."""
    states = list((folder / "state" / "scans").glob("*.db"))
    if not states:
        return set()
    with ScanState(states[0], fresh=False) as opened:
        return {listing.path for listing in opened.listings() if listing.path}


def test_an_interrupted_scan_ends_with_130_and_resumes(wide: RunningServer, tmp_path: Path) -> None:
    recon = in_folder(tmp_path, RECON_FILES_PASSWORD="secret")
    with Proxy(wide.port, delay_s=0.02, ftp=True) as proxy:
        proxy.throttle(200_000)
        url = f"ftp://me@127.0.0.1:{proxy.port}/"
        started = recon.start("scan", url)
        time.sleep(1.2)
        started.send_signal(signal.SIGINT)
        _out, err = started.communicate(timeout=30)
        assert started.returncode == 130
        assert b"Traceback" not in err
        proxy.throttle(None)
        assert recon("scan", url, "--resume", "--json").document["directories"] == FOLDERS + 1
