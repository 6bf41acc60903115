"""SIGKILL at every step, and anywhere: what was acknowledged arrives, once, and the books agree."""

from __future__ import annotations

import random
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.support.outbox_agent import POISON, PROCESSES, drain, queue_in, work
from tests.support.outboxes import letter, sums, table

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on, under pytest-xdist

NAMES = ("put", "spill", "lease", "ack", "retry", "refill")
STEPS = [
    *(f"{name}: {at}" for name in NAMES for at in ("begin", "commit", "done")),
    "spill: write",
    "spill: written",
    "refill: read",
    "refill: remove",
]


def started(folder: Path, first: int, count: int, step: str = "", after: int = 0) -> tuple[BaseProcess, Connection]:
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=work, args=(folder, theirs, first, count, step, after))
    process.start()
    theirs.close()
    return process, ours


def acknowledged(heard: Connection) -> set[int]:
    starts: list[int] = []
    try:
        while True:
            starts.append(heard.recv())
    except EOFError:
        heard.close()
    return {number for start in starts for number in range(start, start + 10)}


def require_all(folder: Path, numbers: set[int]) -> None:
    """Everything acknowledged is in the target or (poison) a dead letter, nothing in both, and the books agree."""
    with queue_in(folder) as queue:
        sums(queue)
        drain(folder, queue)
        books = sums(queue)
        dead = {key for (key,) in queue.read(lambda db: db.execute("SELECT key FROM dead").fetchall())}
    there = table(folder / "target.db")
    wanted = {letter(number).key: letter(number).payload for number in numbers}
    assert wanted.items() <= there.items() | {(key, body) for key, body in wanted.items() if key in dead}
    assert POISON & set(wanted) <= dead <= POISON
    assert not dead & set(there)
    assert books["waiting"] == books["spilled"] == books["lost"] == 0


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path, step: str) -> None:
    kept: set[int] = set()
    killed = 0
    for after in range(3):
        process, heard = started(tmp_path, 200 * after, 120, step, after)
        kept |= acknowledged(heard)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    assert killed, f"no run came to {step}"
    require_all(tmp_path, kept)


def test_hundreds_of_kills_anywhere_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    rng, kept, killed, runs = random.Random(11), set[int](), 0, 0
    process, heard = started(tmp_path, 100_000, 100)
    began = time.monotonic()
    kept |= acknowledged(heard)
    process.join()
    whole_s = time.monotonic() - began
    while killed < 200 and runs < 600:
        process, heard = started(tmp_path, 100 * runs, 100)
        time.sleep(rng.uniform(0, 1.2 * whole_s))
        process.kill()
        kept |= acknowledged(heard)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        runs += 1
        if not runs % 25:
            with queue_in(tmp_path) as queue:
                sums(queue)
    assert killed >= 200
    assert len(kept) > 500
    require_all(tmp_path, kept)


def test_two_agents_on_one_queue_file_share_the_work(tmp_path: Path) -> None:
    pairs = [started(tmp_path, 1000 * number, 200) for number in range(2)]
    kept = set().union(*(acknowledged(heard) for _process, heard in pairs))
    for process, _heard in pairs:
        process.join()
        assert process.exitcode == 0
    assert len(kept) == 400
    require_all(tmp_path, kept)
