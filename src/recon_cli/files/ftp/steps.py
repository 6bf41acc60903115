"""Cooperative waiting: protocol code yields what it waits for; one loop drives several connections in one thread."""

from __future__ import annotations

import select
import time
from collections.abc import Generator
from typing import NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")
READ, WRITE = select.POLLIN, select.POLLOUT


class Wait(NamedTuple):
    """Wait for a file descriptor; without one (-1), for `pause_s` to pass."""

    fd: int
    events: int = 0
    pause_s: float = 0.0


Steps: TypeAlias = Generator[Wait | None, None, T]
"""Work in steps. It yields a Wait, or None when it waits for what another piece of work will do."""


def run(steps: Steps[T], timeout_s: float) -> T:
    """Drive one piece of work to its end; a wait longer than `timeout_s` raises TimeoutError inside it."""
    try:
        wait = steps.send(None)
        while True:
            wait = steps.send(None) if _ready(wait, timeout_s) else steps.throw(TimeoutError(_words(timeout_s)))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return] # StopIteration is not generic


def _ready(wait: Wait | None, timeout_s: float) -> bool:
    if wait is None:
        return True
    if wait.fd < 0:
        time.sleep(wait.pause_s)
        return True
    poll = select.poll()
    poll.register(wait.fd, wait.events)
    return bool(poll.poll(timeout_s * 1000))


def _words(timeout_s: float) -> str:
    return f"no answer within {timeout_s:g} s"


class Loop:
    """Drives several pieces of work whose results do not matter; each keeps its own time limit."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._working: dict[Steps[None], tuple[Wait | None, float]] = {}

    def add(self, steps: Steps[None]) -> None:
        """Take up one more piece of work."""
        self._advance(steps, error=None)

    def __bool__(self) -> bool:
        return bool(self._working)

    def turn(self) -> None:
        """Wait until at least one piece can go on, and let every piece that can go on do so."""
        now = time.monotonic()
        waiting = {wait.fd: steps for steps, (wait, _) in self._working.items() if wait and wait.fd >= 0}
        ready = self._poll(self._patience_s(now))
        for fd in ready:
            self._advance(waiting[fd], error=None)
        now = time.monotonic()
        for steps, (wait, since) in list(self._working.items()):
            if wait is None:
                self._advance(steps, error=None)
            elif wait.fd < 0:
                if now - since >= wait.pause_s:
                    self._advance(steps, error=None)
            elif now - since >= self._timeout_s:
                self._advance(steps, error=TimeoutError(_words(self._timeout_s)))

    def close(self) -> None:
        """Drop all work."""
        for steps in list(self._working):
            steps.close()
        self._working.clear()

    def _poll(self, patience_s: float) -> list[int]:
        poll = select.poll()
        for wait, _ in self._working.values():
            if wait and wait.fd >= 0:
                poll.register(wait.fd, wait.events)
        return [fd for fd, _ in poll.poll(patience_s * 1000)]

    def _patience_s(self, now: float) -> float:
        limits = [
            since + (self._timeout_s if wait.fd >= 0 else wait.pause_s) - now
            for wait, since in self._working.values()
            if wait
        ]
        return max(0.0, min(limits, default=0.0))

    def _advance(self, steps: Steps[None], error: Exception | None) -> None:
        try:
            wait = steps.send(None) if error is None else steps.throw(error)
        except StopIteration:
            self._working.pop(steps, None)
        else:
            self._working[steps] = (wait, time.monotonic())
