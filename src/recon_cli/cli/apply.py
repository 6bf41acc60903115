"""`recon apply`: write exactly what a plan says, or refuse."""

from __future__ import annotations

import secrets
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.scanning import state_dir
from recon_cli.jobs import apply as job
from recon_cli.jobs import planfile, present
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.registry import open_records
from recon_cli.systems import registry


@options.examples("recon apply plan.json", "recon apply plan.json --dry-run")
def apply(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A file that `recon recover --plan-out` wrote.")],
    target: Annotated[
        str | None, typer.Option("--to", metavar="URL|NAME", help="The target, if its name is no longer known.")
    ] = None,
) -> None:
    """Write exactly what a plan says, in one transaction, or refuse because the target moved on."""
    call = options.current()
    wanted = planfile.read(plan)
    if call.dry_run:
        call.show(present.plan_report(wanted, took_s=0, every_field=False))
    system, token = registry.get(wanted.system), secrets.token_hex(3)
    with closing(open_records(call.store(target or wanted.target_name or wanted.target))) as store:
        report, _run = job.apply(wanted, system, store, state_dir(call), SystemClock(), token=token)
    call.show(report)
