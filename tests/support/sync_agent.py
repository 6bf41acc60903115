"""`recon sync --once` in a process that can be had in a millisecond, and that dies at the step it is told.

It runs what the command runs, the job of `recon_cli.jobs.sync.run`, on the same files; so hundreds can be killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from recon_cli.core.landing import Load
from recon_cli.jobs.sync.ends import Ends, opened
from recon_cli.jobs.sync.route import Route
from recon_cli.jobs.sync.run import once
from recon_cli.ops.clock import Clock, SystemClock
from recon_cli.outbox.item import Limits
from recon_cli.outbox.opening import open_outbox
from tests.support.nas import Site

PROCESSES = multiprocessing.get_context("fork")
LIMITS = Limits(max_items=20, ballast_bytes=0)
"""So few that every run spills, and reads back."""
Step = Callable[[str], None]


def route_of(site: Site, **how: float | None) -> Route:
    """The route of the site's settings; with a rate, even one that slows nothing, all is taken in before it is sent."""
    target = replace(site.target.place, name="target")
    usual: dict[str, float | None] = {"settle_s": 0.005, "batch_items": 8, "rate": 1e9}
    return replace(Route("gfx", site.nas.root, target), **(usual | how))  # type: ignore[arg-type]  # numbers of a route


@contextmanager
def agent(
    site: Site, step: Step = lambda _name: None, clock: Clock | None = None, **how: float | None
) -> Iterator[Ends]:
    """A sync, ready to run; what it writes to the target is two steps, too: `write: begin` and `write: done`."""
    owner = f"agent-{os.getpid()}"
    with (
        open_outbox(site.queue, clock or SystemClock(), owner, LIMITS, step=step) as queue,
        opened(route_of(site, **how), queue, site.folder / "state", step=step) as ends,
    ):
        write = ends.sink.write

        def watched(loads: Sequence[Load]) -> None:
            step("write: begin")
            write(loads)
            step("write: done")

        ends.sink.write = watched  # type: ignore[method-assign]  # the real one, with a place to die before and after
        yield ends


def run(site: Site, step: str, after: int, rate: float | None) -> None:
    """One run; the kill comes when `step` is reached for the `after`th time (0 is the first)."""
    left = [after]

    def die(name: str) -> None:
        left[0] -= name == step
        if name == step and left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with agent(site, die, rate=rate) as ends:
        once(ends)


def started(site: Site, step: str = "", after: int = 0, *, rate: float | None = 1e9) -> BaseProcess:
    """An agent at work; without a rate it delivers one batch while it reads the next."""
    process = PROCESSES.Process(target=run, args=(site, step, after, rate))
    process.start()
    return process


def finish(site: Site) -> None:
    """Undisturbed runs until all that can be delivered is, and what is refused has spent its attempts."""
    with agent(site) as ends:
        once(ends)
    site.replayed()


def steps_of(site: Site) -> set[str]:
    """The names of all steps that a run of everything comes by."""
    names: set[str] = set()
    with agent(site, names.add) as ends:
        once(ends)
    return names


def queue_folder(site: Site) -> Path:
    """Made, as the command makes it."""
    site.queue.parent.mkdir(mode=0o700, exist_ok=True)
    return site.queue.parent
