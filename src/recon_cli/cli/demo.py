"""`recon demo`: lose a database and get it back, on servers of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.report import Report
from recon_cli.demo import tour
from recon_cli.ops import signals
from recon_cli.ops.clock import SystemClock


@options.examples("recon demo", "recon demo --serve")
def demo(
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to set the scene.")] = Path("recon-demo"),
    models: Annotated[
        int, typer.Option(min=1, max=500, metavar="N", help="How many models the lost service had.")
    ] = 12,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep the web host running afterwards, to try commands of your own.")
    ] = False,
) -> None:
    """Lose a database and get it back, on an embedded FTP server; leaves a folder to look into."""
    call = options.current()
    clock = SystemClock()
    began = clock.monotonic()
    place = folder.absolute()

    def told(outcome: tour.Outcome) -> None:
        if not call.json and not call.quiet:
            call.screen.out.write(f"\n# {outcome.step.title}\n$ {outcome.step.command}\n{outcome.output}")
            call.screen.out.flush()

    with tour.prepared(place, models):
        outcomes = tour.run(place, told, columns=call.screen.columns if call.screen.draws_tables else None)
        if serve:
            call.screen.say(f"\nthe web host runs on; in another terminal: cd {folder} && recon check models")
            while not signals.wait(3600):
                pass
    lost, found = tour.compared(place)
    summary = f"{found} of {words.count(lost, 'lost row')} came back; look around in {folder}/"
    body: dict[str, Json] = {
        "folder": str(folder),
        "lost": lost,
        "recovered": found,
        "steps": [one.document() for one in outcomes],
    }
    took = words.seconds(clock.monotonic() - began)
    call.show(Report("recon.demo/1", f"{summary} ({took})", body))
