"""Tables for a terminal. Rich is imported here and nowhere else, when there is a table to draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from recon_cli.core.canonical import Json
from recon_cli.core.report import Table
from recon_cli.ui.escape import cell, line, width
from recon_cli.ui.screen import Screen

MOST_ROWS = 1000  # a terminal is for looking; more is for a pipe
WORD = 14
"""Words up to this long stand whole in a table; longer ones (paths, hashes) are folded."""
_GAP, _EDGES = 3, 2


def draw(table: Table, screen: Screen) -> int:
    """Draw the first rows, all columns whole; gives back how many rows were left out."""
    rows = iter(table.rows)
    shown = list(islice(rows, MOST_ROWS))
    if shown:
        fits = _least_width(table, shown) <= screen.columns
        _console(screen).print(_grid(table, shown) if fits else _stacked(table, shown))
    return _count(rows)


def _console(screen: Screen) -> Console:
    # Without a colour system Rich writes no escape code at all; `no_color` alone would leave bold and underline.
    system: Literal["auto"] | None = "auto" if screen.colors_out else None
    return Console(
        file=screen.out, color_system=system, width=screen.columns, highlight=False, markup=False, emoji=False
    )


def _grid(table: Table, rows: Sequence[Sequence[Json]]) -> RichTable:
    title = line(table.title) or None
    grid = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(table.columns):
        numeric = all(isinstance(row[number], int | float | None) for row in rows)
        grid.add_column(name, overflow="fold", justify="right" if numeric else "left")
    for row in rows:
        grid.add_row(*(Text(cell(value)) for value in row))
    return grid


def _least_width(table: Table, rows: Sequence[Sequence[Json]]) -> int:
    """The columns that a grid needs for no header and no short word to be broken."""
    widths = []
    for number, name in enumerate(table.columns):
        words = [word for row in rows for word in cell(row[number]).split()]
        widths.append(max(width(name), *(min(width(word), WORD) for word in words), 0))
    return sum(widths) + _GAP * (len(widths) - 1) + _EDGES


def _stacked(table: Table, rows: Sequence[Sequence[Json]]) -> RichTable:
    """Row under row, each a column's name and its value: for a terminal that is too narrow for the grid."""
    title = line(table.title) or None
    stack = RichTable.grid(padding=(0, _GAP, 0, 0))
    stack.title, stack.title_justify = title, "left"
    stack.add_column(style="bold")
    stack.add_column(overflow="fold")
    for row in rows:
        stack.add_row()
        for name, value in zip(table.columns, row, strict=True):
            stack.add_row(name, Text(cell(value)))
    stack.add_row()
    return stack


def _count(rows: Iterator[object]) -> int:
    return sum(1 for _ in rows)
