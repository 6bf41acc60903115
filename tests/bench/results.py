"""Results as a terminal table, as JSON, and as the table in docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.turns import Outcome, Span

HEAD = ("case", "command", "runs", "wall s (min / median / max)", "ratio to {} (rounds)", "cpu s", "peak MiB")


@dataclass(frozen=True, slots=True)
class Case:
    """One setting, with its contestants; `against` is the peer that ratios are taken to."""

    name: str
    outcomes: tuple[Outcome, ...]
    against: str
    notes: Mapping[str, str | int | float] = field(default_factory=dict)
    refused: str = ""
    """Why nothing was measured: some contestant's result was wrong."""

    def rows(self) -> list[tuple[str, ...]]:
        """One row for each contestant."""
        peer = next((outcome for outcome in self.outcomes if outcome.name == self.against), None)
        return [self._row(outcome, peer) for outcome in self.outcomes]

    def _row(self, one: Outcome, peer: Outcome | None) -> tuple[str, ...]:
        ratio = "" if peer is None or one is peer else _ratio(one.ratio_to(peer))
        wall = " / ".join(f"{value:.3g}" for value in (one.wall_s.low, one.wall_s.median, one.wall_s.high))
        cpu, peak = f"{one.cpu_s.median:.2f}", f"{one.peak_mib.high:.0f}"
        return (self.name, one.name, str(len(one.runs)), wall, ratio, cpu, peak)


def table(cases: Sequence[Case]) -> str:
    """All cases as a Markdown table, which reads well in a terminal too."""
    head = tuple(cell.format(cases[0].against) for cell in HEAD) if cases else HEAD
    rows = [head, *(row for case in cases for row in case.rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


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


def publish(page: Path, name: str, text: str) -> None:
    """Put a table between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` on a page of the docs."""
    marks = re.compile(rf"(<!-- bench:{name} -->\n).*?(<!-- /bench:{name} -->)", re.DOTALL)
    old = page.read_text()
    if not marks.search(old):
        raise LookupError(f"{page} has no place for {name}")
    page.write_text(marks.sub(lambda found: f"{found[1]}{text}\n{found[2]}", old))


def _ratio(span: Span) -> str:
    return f"{span.median:.3f} ({span.low:.3f}–{span.high:.3f})"
