"""SIGKILL at every step of a sync, and anywhere: rows are the valid sources, dead letters the poison, books agree.

`RECON_KILLS=500` makes the random ones as many as the promise was checked with, for each kind of target.
"""

from __future__ import annotations

import os
import random
import signal
import time

import pytest

from tests.e2e.test_killed import kill_after
from tests.support.nas import Site, books
from tests.support.recon import in_folder
from tests.support.sync_agent import finish, started, steps_of

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on, under pytest-xdist

KILLS = int(os.environ.get("RECON_KILLS", "15"))
STEPS = (
    *(f"{name}: {at}" for name in ("put", "change", "lease", "ack", "retry") for at in ("begin", "commit", "done")),
    *("spill: begin", "spill: write", "spill: written", "spill: commit", "spill: done"),
    *("refill: begin", "refill: read", "refill: commit", "refill: done", "refill: remove"),
    *("scan", "put", "bury", "mark", "write: begin", "write: done"),
)


BETWEEN = 20
"""Every so many runs two are left alone: one clears what piled up, the other tells how long a run takes by now."""


def undisturbed(site: Site) -> float:
    """A run to its end, on which the moments of later kills are spread; seconds."""
    began = time.monotonic()
    started(site).join()
    return time.monotonic() - began


def fill(site: Site, first: int, count: int = 40) -> None:
    """More files: mostly valid, one that the target refuses, one that is no export, one content twice."""
    site.nas.write(range(first, first + count))
    site.nas.write([first + 1], pc="PC02")
    site.nas.spoil([first + count])
    site.nas.spoil([first + count + 1], "list")


def test_the_steps_below_are_all_that_a_sync_takes(to_sqlite: Site) -> None:
    fill(to_sqlite, 0)
    assert steps_of(to_sqlite) - {"release: begin", "release: commit", "release: done"} == set(STEPS)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(to_sqlite: Site, step: str) -> None:
    killed = 0
    for after in range(3):
        fill(to_sqlite, 100 * after)
        process = started(to_sqlite, step, after)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    assert killed, f"no run came to {step}"
    finish(to_sqlite)
    to_sqlite.prove()


def test_kills_anywhere_lose_nothing_and_double_nothing(anywhere: Site) -> None:
    site, rng = anywhere, random.Random(17)
    fill(site, 0)
    whole_s = undisturbed(site)
    killed = runs = 0
    while killed < KILLS and runs < 4 * KILLS:
        runs += 1
        if not runs % BETWEEN:
            undisturbed(site)
            fill(site, 100 * runs + 50, count=12)
            whole_s = undisturbed(site)
        fill(site, 100 * runs, count=12)
        process = started(site, rate=rng.choice([None, 1e9]))
        time.sleep(rng.uniform(0, whole_s))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        if not runs % 10:
            books(site.queue)
    assert killed == KILLS
    finish(site)
    site.prove()


def test_the_command_itself_can_be_killed_at_any_moment(to_sqlite: Site) -> None:
    site, rng, killed = to_sqlite, random.Random(3), 0
    recon = in_folder(site.folder, **site.password())
    fill(site, 0)
    began = time.monotonic()
    site.sync(expect=3)
    whole_s = time.monotonic() - began
    for number in range(1, 40):
        fill(site, 100 * number)
        killed += kill_after(recon, whole_s * rng.uniform(0.2, 1.0), "sync", "gfx", "--once") == -signal.SIGKILL
        if killed == 5:
            break
    assert killed == 5
    site.sync(expect=3)
    site.replayed()
    site.prove()
