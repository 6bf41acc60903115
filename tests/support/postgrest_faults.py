"""Troubles that a server under test has on request, one after the other."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any


@dataclass
class Fault:
    """One kind of trouble for the next `times` requests of `method` (any, if empty)."""

    kind: str
    times: int = 1
    method: str = ""
    status: int = 0
    retry_after_s: float | None = None
    body: Any = None
    seconds: float = 0.0


class Faults:
    """Troubles to come, in the order in which they were asked for; they may be added while requests run."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()

    def answer(
        self,
        status: int,
        *,
        times: int = 1,
        retry_after_s: float | None = None,
        method: str = "",
        body: Any = None,
    ) -> None:
        """Answer the next requests with this status, and do nothing."""
        self._add(
            Fault(
                "answer", times, method, status, retry_after_s, {"message": f"fault {status}"} if body is None else body
            )
        )

    def close(self, *, after_commit: bool, times: int = 1, method: str = "") -> None:
        """Close the connection instead of an answer: before anything is done, or after it was committed."""
        self._add(Fault("close after" if after_commit else "close before", times, method))

    def delay(self, seconds: float, *, times: int = 1, method: str = "") -> None:
        """Do the work at once, but answer late."""
        self._add(Fault("delay", times, method, seconds=seconds))

    def black_hole(self, *, times: int = 1, method: str = "") -> None:
        """Take the request and never answer, until the server is closed."""
        self._add(Fault("black hole", times, method))

    def clear(self) -> None:
        """No more troubles."""
        with self._lock:
            self._queue.clear()

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._queue.append(fault)

    def next(self, method: str) -> Fault | None:
        """The trouble of this request, spent."""
        with self._lock:
            found = next((one for one in self._queue if one.method in {"", method}), None)
            if found is not None:
                found.times -= 1
                self._queue = [one for one in self._queue if one.times > 0]
            return found
