"""A stage in a child: however it ends, the parent knows why, and nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recon_cli.core.errors import DataError, ExitCode, StageError, ToolMissingError
from recon_cli.core.ports import Silent
from recon_cli.reconstruction import process, request
from recon_cli.reconstruction.process import CancelledError, Ended, FailedError, Limits
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.stages import Stage
from recon_cli.reconstruction.work import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    request.write(Request(photos=tmp_path), tmp_path)
    return Work(tmp_path)


def stage(name: str) -> Stage:
    return Stage(name, f"trying {name}", f"tests.reconstruction.odd_stages:{name}", 1, 60, lambda _work: None)


def run(work: Work, name: str, *, seconds: float = 60, memory: int | None = None, cancel_after_s: float = 1e9) -> Ended:
    began = time.monotonic()
    limits = Limits(seconds, memory)
    return process.run(stage(name), work, limits, Silent(), lambda: time.monotonic() - began > cancel_after_s)


def failed(work: Work, name: str, **limits: float) -> FailedError:
    with pytest.raises(FailedError) as caught:
        run(work, name, **limits)  # type: ignore[arg-type]
    assert caught.value.stage == name
    return caught.value


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pids: list[int]) -> bool:
    """Whether all are dead, soon: a kill is not over when it is sent."""
    end = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def test_a_stage_that_ends_well_gives_its_outcome_and_what_it_took(work: Work) -> None:
    heard: list[tuple[int, int | None, str]] = []

    class Ear:
        def update(self, done: int, total: int | None = None, note: str = "") -> None:
            heard.append((done, total, note))

    ended = process.run(stage("well"), work, Limits(60, None), Ear(), lambda: False)
    assert ended.outcome == {"answer": 42}
    assert ended.cpu_seconds > 0
    assert heard[0] == (0, 4, "at work")
    assert "words for the log" in work.stage_log("well").read_text()


@pytest.mark.parametrize(
    ("name", "kind", "error", "word"),
    [
        ("raises", "ZeroDivisionError", StageError, "by nothing"),
        ("refuses", "DataError", DataError, "they are songs"),
        ("lacks", "ToolMissingError", ToolMissingError, ""),
        ("aborts", "SIGABRT", StageError, ""),
        ("crashes", "SIGSEGV", StageError, ""),
        ("leaves", "ChildDied", StageError, "goodbye"),
        ("fills", "OSError", StageError, "No space left"),
    ],
)
def test_every_way_to_fail_has_its_type_its_words_and_its_exit_code(
    work: Work, name: str, kind: str, error: type[Exception], word: str
) -> None:
    told = failed(work, name)
    assert (told.kind, type(told.error)) == (kind, error)
    assert word in (told.cause or "")
    expected = {DataError: ExitCode.DATA, ToolMissingError: ExitCode.TOOL_MISSING, StageError: ExitCode.STAGE}[error]
    assert told.error.code == expected


def test_a_python_error_comes_with_its_traceback_and_a_hint_stays(work: Work) -> None:
    assert "ZeroDivisionError: by nothing" in failed(work, "raises").trace
    assert failed(work, "refuses").hint == "take other ones"
    assert "full" in failed(work, "fills").message


def test_what_a_library_said_last_is_kept_when_it_aborts(work: Work) -> None:
    assert "terminate called" in failed(work, "aborts").trace


def test_a_stage_that_takes_too_much_memory_is_ended_and_it_says_so(work: Work) -> None:
    told = failed(work, "swells", memory=200_000_000)
    assert (told.kind, "ran out of memory" in told.message) == ("MemoryError", True)
    assert "200 MB are allowed" in (told.cause or "")


def test_a_memory_limit_of_the_request_lets_allocations_fail(tmp_path: Path) -> None:
    request.write(Request(photos=tmp_path, memory_mb=300), tmp_path)
    told = failed(Work(tmp_path), "swells", memory=10_000_000_000)
    assert (told.kind, "ran out of memory" in told.message) == ("MemoryError", True)


def test_a_stage_that_takes_too_long_is_ended(work: Work) -> None:
    told = failed(work, "hangs", seconds=1.5)
    assert (told.kind, "took too long" in told.message) == ("TimeoutError", True)
    pids = [int(pid) for pid in (work.folder / "pids").read_text().split()]
    assert gone(pids)


def test_cancelling_ends_the_child_and_everything_it_started(work: Work) -> None:
    began = time.monotonic()
    with pytest.raises(CancelledError):
        process.run(stage("hangs"), work, Limits(60, None), Silent(), (work.folder / "pids").exists)
    assert time.monotonic() - began < 30
    pids = [int(pid) for pid in (work.folder / "pids").read_text().split()]
    assert len(pids) == 2
    assert gone(pids)


PARENT = """
import sys
from pathlib import Path
from recon_cli.core.ports import Silent
from recon_cli.reconstruction import process
from recon_cli.reconstruction.stages import Stage
from recon_cli.reconstruction.work import Work
stage = Stage("hangs", "hanging", "tests.reconstruction.odd_stages:hangs", 1, 60, lambda _work: None)
process.run(stage, Work(Path(sys.argv[1])), process.Limits(60, None), Silent(), lambda: False)
"""


def test_a_child_dies_with_a_parent_that_is_killed(work: Work) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(work.folder)], env={**os.environ, "PYTHONPATH": "src:."}
    )
    pids = work.folder / "pids"
    while not pids.exists() or not pids.read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    child, grandchild = (int(pid) for pid in pids.read_text().split())
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(grandchild, signal.SIGKILL)
    assert not alive(child)
