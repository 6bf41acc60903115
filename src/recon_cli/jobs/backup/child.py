"""Starting a child of the crew: as a copy of this process where that is safe, else as a program of its own.

A copy has all imports done, which a new interpreter takes a tenth of a second for. It is made on Linux only (on macOS
the system's own libraries do not survive it) and only while this process has no other thread, of whatever library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

_STOPS = (signal.SIGINT, signal.SIGTERM)
_LOOK_S = 0.002
_TASKS = Path("/proc/self/task")


class Child(Protocol):
    """A child at the other end of two pipes; the part of `subprocess.Popen` that the crew needs."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where it reads from."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where it answers."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; subprocess.TimeoutExpired if it lives on."""

    def kill(self) -> None:
        """End it; nothing if it has ended."""


Start = Callable[[Callable[[], None], str], Child]


def start(serve: Callable[[], None], module: str) -> Child:
    """A child that runs `serve` on its standard input and output: a copy, or `python -m module` if that may not be."""
    return copy(serve, module) if _alone() else program(serve, module)


def _alone() -> bool:
    try:
        return sys.platform.startswith("linux") and len(list(_TASKS.iterdir())) == 1
    except OSError:
        return False


def copy(serve: Callable[[], None], _module: str) -> Child:
    """A child that is a copy of this process."""
    return _Copy(serve)


def program(_serve: Callable[[], None], module: str) -> Child:
    """A child that is an interpreter of its own."""
    words = [sys.executable, "-m", module]
    paths = os.pathsep.join(path for path in sys.path if path)  # the child finds what this process found
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)


class _Copy:
    """A child that is a copy of this process. It has none of its files but standard error, so no lock either."""

    def __init__(self, serve: Callable[[], None]) -> None:
        orders, mine = os.pipe()
        my_answers, answers = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # in the copy they would unwind our own work
        try:
            self.pid = os.fork()
            if not self.pid:
                _live(serve, orders, answers)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(orders)
        os.close(answers)
        self.stdin: IO[bytes] = os.fdopen(mine, "wb", buffering=0)
        self.stdout: IO[bytes] = os.fdopen(my_answers, "rb", buffering=0)
        self._status: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """See `Child`."""
        end = None if timeout is None else time.monotonic() + timeout
        while self._status is None:
            found, status = os.waitpid(self.pid, 0 if end is None else os.WNOHANG)
            if found:
                self._status = os.waitstatus_to_exitcode(status)
            elif end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("a copy of recon", timeout or 0)
            else:
                time.sleep(_LOOK_S)
        return self._status

    def kill(self) -> None:
        """See `Child`."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)


def _live(serve: Callable[[], None], orders: int, answers: int) -> None:
    """The whole life of a copy. What its parent had open or wanted done at its end is not its business."""
    status = 1
    try:
        for stop in _STOPS:
            signal.signal(stop, signal.SIG_DFL)
        os.dup2(orders, 0)
        os.dup2(answers, 1)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        serve()
        status = 0
    except BaseException:  # noqa: BLE001  nothing may pass: above are the parent's frames
        traceback.print_exc()
    finally:
        os._exit(status)
