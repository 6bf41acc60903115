"""`recon recover`: rebuild lost rows from the files that survived, plan first."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.files_back import files_back
from recon_cli.cli.opened import Pair, pair, route, zone_name
from recon_cli.cli.scanning import scan_request, state_dir
from recon_cli.cli.words import share
from recon_cli.core.errors import ExitCode
from recon_cli.core.report import Problem, Report
from recon_cli.jobs import apply as applying
from recon_cli.jobs import present, sidecar
from recon_cli.jobs import recover as job
from recon_cli.jobs.planfile import PlanFile
from recon_cli.jobs.survey import Evidence
from recon_cli.ops import atomic
from recon_cli.ops.clock import SystemClock
from recon_cli.systems import registry

Table = Annotated[
    str | None,
    typer.Argument(
        metavar="[TABLE]", autocompletion=options.complete("tables"), help="A name of [tables] in recon.toml."
    ),
]
SystemName = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Whose rules: viewer, reconstruction, conversations.")
]
Source = Annotated[
    str | None,
    typer.Option("--from", metavar="URL|NAME", autocompletion=options.complete("files"), help="Where the files are."),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="URL|NAME", autocompletion=options.complete("stores"), help="Where the records belong."
    ),
]
Apply = Annotated[bool, typer.Option("--apply", help="Write it; without, the plan is shown and nothing is written.")]


@options.examples(
    "recon recover --system viewer --from ftp://me@host/html/data --to sqlite:///models.db",
    "recon recover models --plan-out plan.json",
    "recon recover models --apply",
)
def recover(
    table: Table = None,
    system: SystemName = None,
    source: Source = None,
    target: Target = None,
    also: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="An older database or JSON backup to believe, too.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Time zone of the naive times in `--also` files.")
    ] = None,
    take: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Columns for which the evidence wins a conflict.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option(metavar="NAME", help="Table layout of a target without the table.")
    ] = None,
    plan_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the plan for `recon apply`.")] = None,
    apply: Apply = False,
    evidence: Annotated[bool, typer.Option("--evidence", help="One line per field, with its evidence.")] = False,
    sidecars: Annotated[
        bool, typer.Option("--sidecar", help="With `--apply`: write `_recon.json` beside each item.")
    ] = False,
    no_missing: Annotated[bool, typer.Option("--no-missing", help="Mark no row as missing.")] = False,
    max_missing: Annotated[
        str, typer.Option(metavar="SHARE", help="Refuse to mark more rows than this as missing.")
    ] = "50%",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed scan stopped.")] = False,
    host: Annotated[str, typer.Option(metavar="NAME", help="Conversations: only the files of this host.")] = "",
) -> None:
    """Rebuild lost rows from the files that survived, with evidence for every field; the plan comes first.

    With `--system conversations` it goes the other way: the folder `--to` gets its logs back out of the store `--from`.
    """
    call = options.current()
    if system is not None and (feed := registry.rebuilds(system, table or "")) is not None:
        call.show(files_back(call, feed, source, target, host, apply=apply and not call.dry_run))
    chosen = route(call, table, system, source, target)
    scanning = scan_request(call, chosen.source, resume=resume)
    request = job.RecoverRequest(
        scanning,
        Evidence((*map(Path, chosen.also), *(also or ())), zone_name(zone or chosen.zone)),
        frozenset((*chosen.take, *(take or ()))),
        shape or chosen.shape,
        mark_missing=not no_missing,
        max_missing=share(max_missing, "--max-missing"),
    )
    with pair(call, chosen, scanning) as opened:
        call.show(
            recovered(
                opened,
                request,
                state_dir(call),
                plan_out,
                apply=apply and not call.dry_run,
                evidence=evidence,
                sidecars=sidecars,
            )
        )


def recovered(
    opened: Pair,
    request: job.RecoverRequest,
    state: Path,
    plan_out: Path | None = None,
    *,
    apply: bool,
    evidence: bool = False,
    sidecars: bool = False,
) -> Report:
    """Plan, keep the plan where asked, and apply it where asked."""
    clock = SystemClock()
    began = clock.monotonic()
    plan, found = job.recover(opened.system, opened.files, opened.records, opened.state, request, clock)
    plan = replace(plan, source_name=opened.route.source.name, target_name=opened.route.target.name)
    if plan_out:
        atomic.write_file(plan_out, [plan.text()])
    if not apply:
        return present.plan_report(plan, took_s=clock.monotonic() - began, every_field=evidence)
    report, _run = applying.apply(plan, opened.system, opened.records, state, clock, token=secrets.token_hex(3))
    if not sidecars:
        return with_problems(report, plan, ())
    return with_problems(
        report, plan, sidecar.write_all(opened.system, opened.files, opened.records, found, shape=plan.shape)
    )


def with_problems(report: Report, plan: PlanFile, more: tuple[Problem, ...]) -> Report:
    """The report with what could not be taken as it is; having some makes the exit code 3."""
    problems = (*report.problems, *plan.problems, *more)
    code = ExitCode.PARTIAL if problems and report.exit_code is ExitCode.DONE else report.exit_code
    return replace(report, problems=problems, exit_code=code)
