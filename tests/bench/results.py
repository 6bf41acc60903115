"""Results as a terminal table, as JSON with every run, and as what docs/performance.md shows."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from tests.bench.turns import Outcome
from tools import figures, plots


@dataclass(frozen=True, slots=True)
class Case:
    """One setting, with its contestants; `against` is the peer that ratios are taken to."""

    name: str
    outcomes: tuple[Outcome, ...]
    against: str
    notes: Mapping[str, str | int | float] = field(default_factory=dict)
    refused: str = ""
    """Why nothing was measured: some contestant's result was wrong."""
    figures: tuple[figures.Figure, ...] = ()
    """What a page shows of this case in place of the costs of whole commands."""
    points: tuple[tuple[float, float], ...] = ()
    """A curve that a page draws."""

    def published(self, day: str) -> figures.Case:
        """The case rounded as a page shows it."""
        peer = next((outcome for outcome in self.outcomes if outcome.name == self.against), None)
        costs = () if self.figures or self.points else tuple(_cost(outcome, peer) for outcome in self.outcomes)
        return figures.Case(self.name, day, self.against, costs, self.figures, self.points)


def table(cases: Sequence[Case]) -> str:
    """All cases as a Markdown table."""
    return figures.table([case.published("") for case in cases])


def publish(name: str, cases: Sequence[Case], versions: Mapping[str, str], conditions: str) -> None:
    """Put cases among the published figures, and draw tables and plots anew."""
    day = datetime.now(UTC).date().isoformat()
    there = machine()
    said = {"Python": str(there["python"]), **{key: _number(text) for key, text in versions.items() if key != "recon"}}
    kept = tuple(case.published(day) for case in cases if not case.refused)
    figures.save(figures.Results(name, f"{there['cores']} cores", said, kept, conditions))
    plots.main()


def document(name: str, cases: Sequence[Case], versions: Mapping[str, str]) -> str:
    """All runs as JSON, with what they ran on."""
    return json.dumps(
        {
            "schema": "recon.bench/1",
            "name": name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": dict(versions),
            "cases": [asdict(case) for case in cases],
        },
        indent=1,
    )


def machine() -> dict[str, str | int]:
    """What a reader needs to compare figures."""
    return {"cores": os.cpu_count() or 0, "kernel": platform.release(), "python": platform.python_version()}


def version(*command: str) -> str:
    """The first line that a program says of itself."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return (said.stdout or said.stderr).splitlines()[0].strip() if said.stdout or said.stderr else "unknown"


def _cost(one: Outcome, peer: Outcome | None) -> figures.Cost:
    wall = (one.wall_s.low, one.wall_s.median, one.wall_s.high)
    span = None if peer is None or one is peer else one.ratio_to(peer)
    ratio = None if span is None else (round(span.median, 3), round(span.low, 3), round(span.high, 3))
    low, median, high = (float(f"{value:.3g}") for value in wall)
    return figures.Cost(
        one.name, len(one.runs), (low, median, high), ratio, round(one.cpu_s.median, 2), round(one.peak_mib.high)
    )


def _number(text: str) -> str:
    """The version alone: what a program says of itself may name the machine it was built for."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else text
