"""Run commands in turn and sum up what they cost. No verdict on time is taken here: figures are for people to read."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.py")


class RefusedError(Exception):
    """A run whose result is wrong: its time counts for nothing."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A command, and how to see that it did the whole work.

    `check` gets the file with the command's standard output and raises RefusedError if anything is missing in it.
    `at_most` bounds the runs of a peer so slow that more would only cost the reader's time. A peer that slips has
    more `tries`, ours has one.
    """

    name: str
    command: Sequence[str]
    check: Callable[[Path], None]
    env: Mapping[str, str] = field(default_factory=dict)
    statuses: tuple[int, ...] = (0,)
    at_most: int | None = None
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Span:
    """A figure over several runs."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Span:
        """The span of at least one value."""
        return cls(min(values), statistics.median(values), max(values))


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs of one contestant that count (the warm-up does not)."""

    name: str
    runs: tuple[Cost, ...]

    @property
    def wall_s(self) -> Span:
        """Seconds from start to end."""
        return Span.of([run.wall_s for run in self.runs])

    @property
    def cpu_s(self) -> Span:
        """Seconds of processor time, user and system."""
        return Span.of([run.cpu_s for run in self.runs])

    @property
    def peak_mib(self) -> Span:
        """Peak resident memory in MiB."""
        return Span.of([run.peak_bytes / 2**20 for run in self.runs])

    def ratio_to(self, other: Outcome) -> Span:
        """Median wall time over the other's, between the lowest and highest ratio of any round."""
        rounds = [a.wall_s / b.wall_s for a, b in zip(self.runs, other.runs, strict=False)]
        return Span(min(rounds), self.wall_s.median / other.wall_s.median, max(rounds))


def in_turn(contestants: Sequence[Contestant], runs: int, scratch: Path, warm_ups: int = 1) -> list[Outcome]:
    """A B C, A B C, …: so that what the machine does meanwhile falls on all alike. Only right results count."""
    costs: dict[str, list[Cost]] = {contestant.name: [] for contestant in contestants}
    for turn in range(-warm_ups, runs):
        for contestant in contestants:
            wanted = runs if contestant.at_most is None else contestant.at_most
            if turn >= wanted or (turn < 0 and contestant.at_most is not None):
                continue
            cost = run_right(contestant, scratch)
            if turn >= 0:
                costs[contestant.name].append(cost)
    return [Outcome(name, tuple(found)) for name, found in costs.items()]


def run_right(contestant: Contestant, scratch: Path) -> Cost:
    """The first run with a right result."""
    for _ in range(contestant.tries - 1):
        with suppress(RefusedError):
            return run_once(contestant, scratch)
    return run_once(contestant, scratch)


def _environment() -> dict[str, str]:
    """This one's, but Python keeps what it has compiled, as in every installed program; the warm-up compiles it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_once(contestant: Contestant, scratch: Path) -> Cost:
    """One run as a whole process, checked."""
    out, err = scratch / "out", scratch / "err"
    with err.open("wb") as errors:
        launched = subprocess.run(
            [sys.executable, "-I", "-S", str(MEASURED), str(out), *contestant.command],
            env={**_environment(), **contestant.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            check=True,
            cwd=scratch,
        )
    cost = json.loads(launched.stdout)
    if cost.pop("status") not in contestant.statuses:
        raise RefusedError(f"{contestant.name} failed: {err.read_text(errors='replace')[-600:]}")
    contestant.check(out)
    return Cost(**cost)
