"""Workers: tickets through the engine, whole jobs with empty stages, and how long a killed worker's job lies still.

The engine alone is the floor: what it draws and finishes in a second without leases of ours.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import lister, results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, RefusedError, in_turn

TICKETS, SMOKE_TICKETS = 1_000, 20
JOBS, SMOKE_JOBS = 10, 2


def cases(wish: Wish) -> Iterator[results.Case]:
    """Tickets with and without leases, jobs through one worker, and a take-over."""
    tickets, jobs = (SMOKE_TICKETS, SMOKE_JOBS) if wish.smoke else (TICKETS, JOBS)
    both = [contestant("engine", tickets, wish), contestant("leases", tickets, wish)]
    outcomes = in_turn(both, wish.runs, wish.scratch, warm_ups=0)
    yield results.Case(f"{tickets} tickets drawn and finished", tuple(outcomes), "engine", {"tickets": tickets})
    outcomes = in_turn([contestant("jobs", jobs, wish)], wish.runs, wish.scratch, warm_ups=0)
    yield results.Case(f"{jobs} jobs of three empty stages, one worker", tuple(outcomes), "jobs", {"jobs": jobs})
    outcomes = in_turn([contestant("takeover", 3, wish)], wish.runs, wish.scratch, warm_ups=0)
    yield results.Case("a job taken over, `takeover_s` = 3", tuple(outcomes), "takeover", {"takeover_s": 3})


def contestant(who: str, size: int, wish: Wish) -> Contestant:
    """A server of its own for each run."""
    command = [sys.executable, "-m", "tests.bench.working", who, str(size), str(wish.scratch)]
    return Contestant(who, command, complete(size), {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"})


def complete(size: int) -> Callable[[Path], None]:
    """A check that everything was done."""

    def check(out: Path) -> None:
        if out.read_text().split()[-1:] != [str(size)]:
            raise RefusedError(f"{size} were wanted, it says {out.read_text()!r}")

    return check


def versions() -> dict[str, str]:
    """The engine that took part."""
    found = importlib.metadata.version("procrastinate")
    return {"recon": results.version(lister.program("recon"), "--version"), "procrastinate": found}
