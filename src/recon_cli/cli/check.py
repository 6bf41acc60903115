"""`recon check`: do files and records agree?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.opened import Pair, pair, route, zone_name
from recon_cli.cli.recover import Apply, Source, SystemName, Table, Target, recovered
from recon_cli.cli.scanning import scan_request, state_dir
from recon_cli.cli.words import share
from recon_cli.core.report import Report
from recon_cli.jobs import check as job
from recon_cli.jobs.history import open_history
from recon_cli.jobs.recover import RecoverRequest
from recon_cli.jobs.survey import Evidence
from recon_cli.jobs.watched import Watch, watched
from recon_cli.ops.clock import SystemClock


@options.examples("recon check models", "recon check models -q --max-drop 10%", "recon check models --repair")
def check(
    table: Table = None,
    system: SystemName = None,
    source: Source = None,
    target: Target = None,
    hashes: Annotated[bool, typer.Option("--hash", help="Read every file and compare its SHA-256, too.")] = False,
    max_drop: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Alarm (exit code 5) when a count fell by more than this.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Take files and counts of today as right.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Hand the difference to `recover`'s plan.")] = False,
    apply: Apply = False,
    history: Annotated[bool, typer.Option("--history", help="Draw the counts of earlier checks.")] = False,
    textfile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Leave the outcome for Prometheus (`.prom`).")
    ] = None,
) -> None:
    """Compare files and records both ways; exit code 0 if they agree, 4 if they drifted. Silent for cron with `-q`."""
    call = options.current()
    settings = call.settings.check
    writing = apply and not call.dry_run
    drop = share(max_drop, "--max-drop") if max_drop else settings.max_drop
    chosen = route(call, table, system, source, target)
    ends = (chosen.source.name, chosen.target.name)
    request = job.CheckRequest(
        scan_request(call, chosen.source), hashes or settings.hash, drop, accept, not call.dry_run, ends
    )
    watch = Watch(f"check {chosen.name}", call.settings.ping_url, textfile or settings.textfile)
    with pair(call, chosen, request.scan) as opened:
        if history:
            call.show(_drawn(opened, state_dir(call)))
        elif repair:
            evidence = Evidence(tuple(map(Path, chosen.also)), zone_name(chosen.zone))
            mending = RecoverRequest(request.scan, evidence, frozenset(chosen.take), chosen.shape)
            call.show(watched(watch, SystemClock(), lambda: recovered(opened, mending, state_dir(call), apply=writing)))
        else:
            call.show(watched(watch, SystemClock(), lambda: _checked(opened, request, state_dir(call))))


def _checked(opened: Pair, request: job.CheckRequest, state: Path) -> Report:
    with open_history(state, opened.files.url, opened.records.url, opened.route.system) as history:
        return job.check(opened.system, opened.files, opened.records, opened.state, history, request, SystemClock())


def _drawn(opened: Pair, state: Path) -> Report:
    with open_history(state, opened.files.url, opened.records.url, opened.route.system) as history:
        return job.drawn(history)
