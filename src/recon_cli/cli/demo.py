"""`recon demo`: lose things and get them back, on servers of this machine."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.config.near import suggest
from recon_cli.core import words
from recon_cli.core.errors import ExitCode, UsageError
from recon_cli.core.report import Report
from recon_cli.demo import page, tour
from recon_cli.demo.parts import PARTS, Part
from recon_cli.ops import signals
from recon_cli.ops.clock import SystemClock
from recon_cli.ui import capture
from recon_cli.ui.screen import Screen

NAMES = tuple(part.name for part in PARTS)
WIDEST = 112


@options.examples("recon demo", "recon demo --only recover --serve")
def demo(
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to set the scene.")] = Path("recon-demo"),
    only: Annotated[
        list[str] | None, typer.Option(metavar="|".join(NAMES), help="Only this part; can be given again.")
    ] = None,
    models: Annotated[int, typer.Option(min=1, max=500, metavar="N", help="How many models the lost service had.")] = 6,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep the servers running afterwards, to try commands of your own.")
    ] = False,
) -> None:
    """Take a tour of recon's jobs on embedded servers: lose things, get them back, see it proven.

    Leaves a folder to look into, with an `index.html`.
    """
    call = options.current()
    clock = SystemClock()
    began = clock.monotonic()
    parts = _chosen(only)
    tour.require(parts)
    place = folder.absolute()
    audience = _Nobody() if call.json or call.quiet else _Teller(call.screen)
    with tour.staged(place, models, audience) as stage:
        played = tour.play(stage, parts)
        page.write(place, played, capture.html)
        took = words.seconds(clock.monotonic() - began)
        if serve:
            call.say(f"\nthe servers run on until Ctrl-C; in another terminal: cd {folder} && recon check models")
            _until_ctrl_c()
    shown = [one for one in played if one.proven]
    summary = f"{words.count(len(shown), 'part')} played, {len(played) - len(shown)} skipped in {took}"
    call.show(
        Report(
            "recon.demo/1",
            summary,
            {"folder": str(folder), "parts": [one.document() for one in played]},
            hints=(f"open {folder}/index.html in a browser", "not in the tour: `recon record`, `recon serve`"),
        )
    )


def _until_ctrl_c() -> None:
    """Wait; Ctrl-C is how it is meant to end here, so no error comes of it."""
    try:
        while not signals.wait(3600):
            pass
    except signals.Stopped as stop:
        if stop.code is not ExitCode.SIGINT:
            raise


class _Nobody:
    """Watches nothing: the report says it all."""

    columns = WIDEST

    def title(self, text: str) -> None:
        """Not told."""

    def words(self, text: str) -> None:
        """Not told."""

    def step(self, what: str, command: str) -> None:
        """Not told."""

    def output(self, part: str) -> None:
        """Not shown."""

    def ended(self, shown: str) -> None:
        """Not shown."""


class _Teller:
    """Tells the tour on standard output; a terminal sees commands while they run, a pipe when they ended."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.columns = min(screen.columns, WIDEST) if screen.draws_tables else WIDEST

    def title(self, text: str) -> None:
        """In bold, after a gap."""
        self._write(f"\n\n{self._bold(f'== {text} ==')}\n")

    def words(self, text: str) -> None:
        """As wide as the terminal."""
        self._write("\n" * text.startswith("\n") + textwrap.fill(text.strip(), min(self.columns, 80)) + "\n")

    def step(self, what: str, command: str) -> None:
        """Why, and what to type."""
        self._write(f"\n# {what}\n{self._bold(f'$ {command}')}\n")

    def output(self, part: str) -> None:
        """Seen at once, where a terminal understands its codes."""
        if self._screen.colors_out:
            self._write(part)

    def ended(self, shown: str) -> None:
        """Seen in one piece, everywhere else."""
        if not self._screen.colors_out:
            self._write(shown)

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._screen.colors_out else text

    def _write(self, text: str) -> None:
        self._screen.out.write(text)
        self._screen.out.flush()


def _chosen(only: list[str] | None) -> tuple[Part, ...]:
    unknown = next((name for name in only or () if name not in NAMES), None)
    if unknown is not None:
        hint = suggest(unknown, set(NAMES), f"parts: {', '.join(NAMES)}")
        raise UsageError(f"no part of the demo named `{unknown}`", hint=hint)
    return tuple(part for part in PARTS if not only or part.name in only)
