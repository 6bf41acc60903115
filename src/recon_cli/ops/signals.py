"""SIGINT and SIGTERM as an orderly stop: work unwinds, `finally` runs, the exit status is 130 or 143."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from recon_cli.core.errors import ExitCode

_CODES = {signal.SIGINT: ExitCode.SIGINT, signal.SIGTERM: ExitCode.SIGTERM}


class Stopped(BaseException):
    """The operator or the machine asked to stop. Not an Exception, so that no `except Exception` swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.name = signal.Signals(number).name
        self.code = _CODES[signal.Signals(number)]


class _Desk:
    """What has been asked so far. One per process, as signals are."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self.postponing = 0
        self.waiting = threading.Event()
        self.counting = threading.Lock()  # several threads may be in such a block

    def take(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is not None:
            os._exit(int(_CODES[signal.Signals(number)]))  # asked twice: at once, without any cleaning up
        self.asked = number
        self.waiting.set()
        if not self.postponing:
            raise Stopped(number)

    def clear(self) -> None:
        self.asked, self.postponing = None, 0
        self.waiting.clear()


_desk = _Desk()


@contextmanager
def installed() -> Iterator[None]:
    """Take SIGINT and SIGTERM for the length of the block; main thread only.

    The first signal raises `Stopped` in the main thread, wherever it is (also in the middle of a blocking read). A
    second one ends the process at once.
    """
    _desk.clear()
    before = {number: signal.signal(number, _desk.take) for number in _CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def postponed() -> Iterator[None]:
    """Finish the block before stopping: for the few lines that belong together (commit and journal).

    A first signal inside waits until the outermost block ends; a second one still ends the process at once.
    """
    with _desk.counting:
        _desk.postponing += 1
    try:
        yield
    finally:
        with _desk.counting:
            _desk.postponing -= 1
    if not _desk.postponing and _desk.asked is not None:
        raise Stopped(_desk.asked)


def stop_requested() -> bool:
    """Whether a signal came; for loops in worker threads, where `Stopped` is never raised."""
    return _desk.waiting.is_set()


def wait(seconds: float) -> bool:
    """Sleep in a worker thread; True as soon as a stop is requested."""
    return _desk.waiting.wait(seconds)
