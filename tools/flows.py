"""Draw the pictures of docs/design/data-flow.md from its tables: `python -m tools.flows`.

Below a picture `flow-NAME.svg` stands the table of its steps: `step | what happens | by | leaves`. A box is a step; the
cylinder under it is what lies on a disk when it is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tools.plots import FONT

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "design" / "data-flow.md"
ACROSS, BOX, GAP, HEIGHT, LEVEL, MARGIN = 4, 150, 40, 38, 96, 20
WIDTH = 2 * MARGIN + ACROSS * BOX + (ACROSS - 1) * GAP
STYLE = """
 .paper { fill: #fff; stroke: #d0d7de } .box { fill: #e6f4f1; stroke: #0f766e } .text { fill: #1f2328 }
 .quiet { fill: #59636e } .arrow { stroke: #59636e; fill: none } .tip { fill: #59636e }
 .disk { fill: #fff4e0; stroke: #b45309 }
 @media (prefers-color-scheme: dark) {
  .paper { fill: #1c2128; stroke: #373e47 } .box { fill: #14342f; stroke: #2dd4bf } .text { fill: #e6edf3 }
  .quiet { fill: #a3adb8 } .arrow { stroke: #a3adb8 } .tip { fill: #a3adb8 }
  .disk { fill: #3b2e14; stroke: #f5a524 }
 }
"""
_PICTURE = re.compile(
    r"!\[(?P<title>[^\]]+)\]\(\.\./pictures/flow-(?P<name>[\w-]+)\.svg\)\n\n(?P<table>(?:\|[^\n]*\n)+)"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a table."""

    name: str
    leaves: str


def flows(page: str) -> dict[str, tuple[str, list[Step]]]:
    """Each picture's name, with its title and its steps."""
    return {found["name"]: (found["title"], list(_steps(found["table"]))) for found in _PICTURE.finditer(page)}


def _steps(table: str) -> Iterator[Step]:
    for line in table.splitlines()[2:]:
        name, _, _, leaves = (cell.strip() for cell in line.strip("|").split("|"))
        yield Step(name, leaves)


def drawn(title: str, steps: list[Step]) -> str:
    """The steps from left to right, four in a line."""
    height = 2 * MARGIN + LEVEL * -(-len(steps) // ACROSS) - 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-size="12" font-family="{FONT}">',
        f"<title>{escape(title)}: {escape(' → '.join(step.name for step in steps))}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>',
    ]
    for number, step in enumerate(steps):
        parts += list(_step(number, step))
        if number:
            parts += list(_arrow(number))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _place(number: int) -> tuple[int, int]:
    return MARGIN + number % ACROSS * (BOX + GAP), MARGIN + number // ACROSS * LEVEL


def _step(number: int, step: Step) -> Iterator[str]:
    x, y = _place(number)
    middle = x + BOX // 2
    yield f'<rect class="box" x="{x}" y="{y}" width="{BOX}" height="{HEIGHT}" rx="5"/>'
    yield (
        f'<text class="text" x="{middle}" y="{y + 24}" font-size="13" font-weight="600" text-anchor="middle">'
        f"{escape(step.name)}</text>"
    )
    if step.leaves:
        left, top = middle - 7 - round(len(step.leaves) * 3.2), y + HEIGHT + 10
        yield f'<path class="arrow" d="M{middle} {y + HEIGHT}v6"/>'
        yield f'<path class="disk" d="M{left} {top + 3}v9a7 3 0 0 0 14 0v-9"/>'
        yield f'<ellipse class="disk" cx="{left + 7}" cy="{top + 3}" rx="7" ry="3"/>'
        yield f'<text class="quiet" x="{left + 19}" y="{top + 12}">{escape(step.leaves)}</text>'


def _arrow(number: int) -> Iterator[str]:
    """From the step before; to a new line it goes round."""
    x, y = _place(number)
    level = y + HEIGHT // 2
    if number % ACROSS:
        yield f'<path class="arrow" d="M{x - GAP + 2} {level}H{x - 6}"/>'
    else:
        before, turn = WIDTH - MARGIN, y - 14
        yield f'<path class="arrow" d="M{before} {level - LEVEL}h10V{turn}H{MARGIN - 10}V{level}H{x - 6}"/>'
    yield f'<path class="tip" d="M{x - 1} {level}l-7 -4v8z"/>'


def pictures() -> dict[str, str]:
    """Each picture's name, and what it is by today's page."""
    return {f"flow-{name}.svg": drawn(*flow) for name, flow in flows(PAGE.read_text("utf-8")).items()}


def main() -> None:
    """Write all pictures."""
    for name, picture in pictures().items():
        (DOCS / "pictures" / name).write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
