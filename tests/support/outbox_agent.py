"""An agent in a process of its own, that puts and drains, and dies at the step that it is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from recon_cli.ops.clock import SystemClock
from recon_cli.outbox.drain import Drain, Pace
from recon_cli.outbox.item import Limits
from recon_cli.outbox.opening import open_outbox
from recon_cli.outbox.queue import Outbox
from tests.support.outboxes import SqliteTarget, letter, letters

LIMITS = Limits(max_items=40, ballast_bytes=0)
PROCESSES = multiprocessing.get_context("fork")
"""A process of its own in a millisecond, so that hundreds can be killed; nothing of a queue is open before the fork."""


def queue_in(folder: Path, step: str = "", after: int = 0) -> Outbox:
    left = [after]

    def die(name: str) -> None:
        left[0] -= name == step
        if name == step and left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return open_outbox(folder / "queue.db", SystemClock(), f"agent-{os.getpid()}", LIMITS, step=die)


def work(folder: Path, say: Connection, first: int, count: int, step: str, after: int) -> None:
    """Put in tens, saying what is acknowledged; drain; `step` kills."""
    with queue_in(folder, step, after) as queue:
        for start in range(first, first + count, 10):
            queue.put(letters(*range(start, start + 10)))
            say.send(start)
        drain(folder, queue)


def drain(folder: Path, queue: Outbox) -> None:
    target = SqliteTarget(folder / "target.db", poison=POISON)
    pace = Pace(batch_items=15, lease_s=0.1, patient=True)
    Drain(queue, "db", target, pace, lambda: 0.0, lambda: False).run()
    target.db.close()


POISON = {letter(7).key}
