"""The measured figures that the pages show: docs/performance/NAME.json, one file for each benchmark.

`nox -s bench -- NAME --publish` writes them, rounded as they are shown; the tables of docs/performance.md and the plots
(tools/plots.py) are made of nothing else. Format `recon.bench.published/1`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = DOCS / "performance"
PAGE = DOCS / "performance.md"
SCHEMA = "recon.bench.published/1"
HEAD = ("case", "command", "runs", "wall s (min / median / max)", "ratio to {} (rounds)", "cpu s", "peak MiB")
THOUSAND = 1000
_TABLE = re.compile(
    r"(?P<begin><!-- bench:(?P<name>\w+)(?: (?P<only>[^>]+?))? -->\n).*?(?P<end><!-- /bench -->)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Cost:
    """A command as a whole process: its lowest, median and highest run.

    `ratio` is that of the medians to the peer's, then the lowest and highest of any round. None is what nobody noted.
    """

    command: str
    runs: int
    wall_s: tuple[float, float, float]
    ratio: tuple[float, float, float] | None = None
    cpu_s: float | None = None
    peak_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """Something else that was measured; up to `to` where several runs differ."""

    of: str
    value: float
    unit: str
    to: float | None = None

    @property
    def said(self) -> str:
        """In digits, without the unit."""
        return shown(self.value) if self.to is None else f"{shown(self.value)} to {shown(self.to)}"


@dataclass(frozen=True, slots=True)
class Case:
    """One setting, the day it was measured, and what was: costs of commands, or figures, or points of a curve."""

    name: str
    measured: str
    against: str = ""
    costs: tuple[Cost, ...] = ()
    figures: tuple[Figure, ...] = ()
    points: tuple[tuple[float, float], ...] = ()

    def values(self) -> dict[str, float]:
        """The median seconds of each command, and each figure."""
        return {cost.command: cost.wall_s[1] for cost in self.costs} | {one.of: one.value for one in self.figures}

    def said(self, name: str) -> str:
        """One of the values in digits."""
        return {one.of: one.said for one in self.figures}.get(name) or shown(self.values()[name])


@dataclass(frozen=True, slots=True)
class Results:
    """All that is published of one benchmark, and where it ran, in words without names."""

    name: str
    machine: str
    versions: Mapping[str, str]
    cases: tuple[Case, ...]
    conditions: str = ""

    def case(self, name: str) -> Case:
        """The case of that name, else the last that begins so: some names end in a size. LookupError without one."""
        exact = [case for case in self.cases if case.name == name]
        return (exact or [case for case in self.cases if case.name.startswith(name)])[-1]

    def with_newer(self, newer: Results) -> Results:
        """`newer`, and the cases that it left out as they were, in their places."""
        found = {case.name: case for case in newer.cases}
        kept = [found.pop(case.name, case) for case in self.cases]
        return replace(newer, cases=(*kept, *found.values()))


def load(path: Path) -> Results:
    """The results in a file."""
    read: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if read.pop("schema") != SCHEMA:
        raise ValueError(f"{path} is not of {SCHEMA}")
    return Results(**{**read, "cases": tuple(_case(**case) for case in read["cases"])})


def known() -> Iterator[Results]:
    """All results there are, by name."""
    return map(load, sorted(FOLDER.glob("*.json")))


def save(results: Results) -> None:
    """Put results into their file; cases that were not run this time stay."""
    path = FOLDER / f"{results.name}.json"
    FOLDER.mkdir(exist_ok=True)
    whole = load(path).with_newer(results) if path.exists() else results
    path.write_text(
        _compact(json.dumps({"schema": SCHEMA, **_told(whole)}, indent=1, ensure_ascii=False)) + "\n", "utf-8"
    )


def table(cases: Sequence[Case]) -> str:
    """Cases as a Markdown table, which reads well in a terminal too."""
    if any(case.costs for case in cases):
        against = next((case.against for case in cases), "")
        rows = [row for case in cases for row in _costs(case)]
        return _markdown((*(cell.format(against) for cell in HEAD),), rows)
    return _markdown(("case", "what", "figure"), [row for case in cases for row in _figures(case)])


def source(results: Results, cases: Sequence[Case]) -> str:
    """When and where cases were measured, as a sentence."""
    days = sorted({case.measured for case in cases})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    words = [f"Measured {when}", f"on {results.machine}", *([results.conditions] if results.conditions else [])]
    return f"{', '.join(words)}{f'; {versions}' if versions else ''}."


def page_of(text: str) -> str:
    """A page with what stands between `<!-- bench:NAME [FIRST WORD OF CASES] -->` and `<!-- /bench -->` made anew."""
    there = {results.name: results for results in known()}

    def made(found: re.Match[str]) -> str:
        results = there[found["name"]]
        cases = [case for case in results.cases if case.name.startswith(found["only"] or "")]
        return f"{found['begin']}{table(cases)}\n\n{source(results, cases)}\n{found['end']}"

    return _TABLE.sub(made, text)


def shown(value: float) -> str:
    """At least three digits, thousands apart."""
    return f"{value:,.0f}".replace(",", " ") if value >= THOUSAND else f"{value:.3g}"


def _costs(case: Case) -> Iterator[tuple[str, ...]]:
    for cost in case.costs:
        wall = " / ".join(f"{value:.3g}" for value in cost.wall_s)
        ratio = "" if cost.ratio is None else "{:.3f} ({:.3f}–{:.3f})".format(*cost.ratio)
        cpu, peak = (
            "" if value is None else f"{value:.{digits}f}" for value, digits in ((cost.cpu_s, 2), (cost.peak_mib, 0))
        )
        yield (case.name, cost.command, str(cost.runs), wall, ratio, cpu, peak)


def _figures(case: Case) -> Iterator[tuple[str, ...]]:
    return ((case.name, one.of, f"{one.said} {one.unit}") for one in case.figures)


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in (head, *rows)
    ]
    return "\n".join([lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]])


def _case(**read: Any) -> Case:  # noqa: ANN401  a case as JSON has it
    costs = tuple(_cost(**cost) for cost in read.pop("costs", ()))
    figures = tuple(Figure(**figure) for figure in read.pop("figures", ()))
    points = tuple((x, y) for x, y in read.pop("points", ()))
    return Case(**read, costs=costs, figures=figures, points=points)


def _cost(command: str, runs: int, wall_s: list[float], ratio: list[float] | None = None, **rest: float) -> Cost:
    low, median, high = wall_s
    first, *others = ratio or (None,)
    span = None if first is None else (first, others[0], others[1])
    return Cost(command, runs, (low, median, high), span, **rest)


def _told(results: Results) -> dict[str, Any]:
    """As JSON has it: without what there is nothing of."""

    def kept(fields: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in fields if value not in (None, (), "")}

    return asdict(results, dict_factory=kept)


def _compact(text: str) -> str:
    """The innermost lists and objects on a line each, so that a newer figure is a changed line."""
    for inner in (r"\[[^\[\]{}]*\]", r"\{[^{}]*\}"):
        text = re.sub(inner, lambda found: re.sub(r"\s*\n\s*", " ", found[0]), text)
    return text
