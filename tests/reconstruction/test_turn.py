"""Holds and turns: one process a job, so many jobs a root, and whoever dies lets go."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recon_cli.core.errors import LockedError
from recon_cli.reconstruction import turn

HOLDER = """
import sys, time
from pathlib import Path
from recon_cli.reconstruction import turn
with turn.hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def held(job: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(job)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_job_is_held_by_one_and_let_go_by_the_kernel(tmp_path: Path) -> None:
    assert not turn.is_held(tmp_path)
    holder = held(tmp_path)
    assert turn.is_held(tmp_path)
    with pytest.raises(LockedError, match="is being run already"), turn.hold(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    assert not turn.is_held(tmp_path)
    with turn.hold(tmp_path):
        pass


def test_whoever_only_asks_keeps_nobody_from_taking(tmp_path: Path) -> None:
    done = threading.Event()
    (tmp_path / turn.HOLD).touch()

    def ask() -> None:
        while not done.is_set():
            turn.is_held(tmp_path)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for one in asking:
        one.start()
    try:
        for _ in range(50):
            with turn.hold(tmp_path):
                pass
    finally:
        done.set()
        for one in asking:
            one.join()


def test_a_turn_is_taken_when_nobody_is_ahead_and_one_is_free(tmp_path: Path) -> None:
    waited: list[int] = []
    ahead = iter([2, 1, 0])
    with turn.taken(tmp_path, 2, lambda: next(ahead), waited.append), turn.taken(tmp_path, 2, lambda: 0, waited.append):
        assert waited == [2, 1]

        def give_up(before: int) -> None:
            raise LockedError(f"{before} ahead, no turn free")

        with pytest.raises(LockedError, match="0 ahead"), turn.taken(tmp_path, 2, lambda: 0, give_up):
            pass
    with turn.taken(tmp_path, 1, lambda: 0, give_up):
        pass
