"""`recon undo`: take a run back."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.scanning import state_dir
from recon_cli.core.errors import DataError
from recon_cli.jobs import apply as job
from recon_cli.jobs import runs
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.registry import open_records


@options.examples("recon undo", "recon undo 20260102T030405Z-a1b2c3")
def undo(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="A run, or the start of its name.")] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="URL|NAME", help="The target, if its name is no longer known.")
    ] = None,
) -> None:
    """Take a run back: the target is as it was before it. Without RUN: list the runs."""
    call = options.current()
    state = state_dir(call)
    if run is None:
        call.show(job.history(state))
    chosen = runs.find(state, run)
    plan = chosen.read("plan.json")
    if plan is None:
        raise DataError(
            f"run {chosen.id} is damaged", cause="its plan.json is gone", hint="`recon undo` lists the others"
        )
    if call.dry_run:
        call.show(job.history(state, only=chosen))
    with closing(open_records(call.store(target or plan["target_name"] or plan["target"]))) as store:
        report = job.undo(chosen, store, state, SystemClock())
    call.show(report)
