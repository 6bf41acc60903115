"""Beside: deliver what was put in a thread of its own, while the next files are read. One delivery at a time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from recon_cli.outbox.drain import Drained

_STOP_S = 30.0
_TURN_S = 0.0005


class Beside:
    """Runs `drain` again and again, each time in a thread, never twice at once.

    So at most two batches are at hand: the one on its way and the one being put. What went wrong in the thread is
    raised in whoever asks next; `drain` is given what to ask whether to stop.
    """

    def __init__(self, drain: Callable[[Callable[[], bool]], Drained]) -> None:
        self.done: list[Drained] = []
        self._drain = drain
        self._stop = threading.Event()
        self._worker: threading.Thread | None = None
        self._failed: list[BaseException] = []

    def start(self) -> None:
        """Deliver what waits, when the delivery before is over."""
        self.join()
        self._worker = threading.Thread(target=self._run, name="recon-deliver", daemon=True)
        self._worker.start()

    def join(self) -> None:
        """Wait until nothing is being delivered."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.join()
        if self._failed:
            raise self._failed.pop()

    def now(self) -> None:
        """Deliver what waits, and wait for it."""
        self.start()
        self.join()

    def __enter__(self) -> Self:
        sys.setswitchinterval(_TURN_S)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        if self._worker is not None:
            self._worker.join(_STOP_S)

    def _run(self) -> None:
        try:
            self.done.append(self._drain(self._stop.is_set))
        except BaseException as exc:  # noqa: BLE001  handed to whoever asks next
            self._failed.append(exc)
