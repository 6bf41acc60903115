"""`recon migrate`: SQLite to Postgres, complete, fast, provable, repeatable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.cli.opened import zone_name
from recon_cli.cli.scanning import state_dir
from recon_cli.core.errors import UsageError
from recon_cli.jobs.migrate import delta as adding
from recon_cli.jobs.migrate import elsewhere
from recon_cli.jobs.migrate import rejects as rejecting
from recon_cli.jobs.migrate import run as job
from recon_cli.jobs.migrate import verify as verifying
from recon_cli.jobs.migrate.request import MigrateRequest, OnExists, Verify
from recon_cli.migration import planfile
from recon_cli.migration.policy import OnMixed, OnOrphans, OnText, Policies
from recon_cli.ops.clock import SystemClock

app = options.App(cls=options.RunGroup, help="Move a SQLite database to a server, complete and provable.")

Source = Annotated[
    str | None,
    typer.Argument(
        metavar="SOURCE", autocompletion=options.complete("stores"), help="A SQLite file: a path, a name or a URL."
    ),
]
Target = Annotated[
    str | None,
    typer.Argument(metavar="TARGET", autocompletion=options.complete("stores"), help="A database: a name or a URL."),
]
FromStore = Annotated[
    str | None,
    typer.Option(metavar="NAME", autocompletion=options.complete("stores"), help="The source by name, for SOURCE."),
]
ToStore = Annotated[
    str | None,
    typer.Option(metavar="NAME", autocompletion=options.complete("stores"), help="The target by name, for TARGET."),
]
Schema = Annotated[str | None, typer.Option(metavar="NAME", help="The schema of the target; `public` by default.")]
Tables = Annotated[
    list[str] | None, typer.Option("--tables", metavar="GLOB", help="Only tables that match; may be repeated.")
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No tables that match; may be repeated.")
]
PlanIn = Annotated[Path | None, typer.Option(metavar="FILE", help="Apply exactly the plan in FILE.")]
SystemName = Annotated[
    str, typer.Option("--system", metavar="NAME", help="Whose meaning of times and JSON: viewer, reconstruction.")
]
Zone = Annotated[
    str, typer.Option(metavar="ZONE", help="The zone of times without an offset: makes them `timestamptz`.")
]
OnNul = Annotated[OnText, typer.Option(help="What to do with NUL in text.")]
OnUtf8 = Annotated[OnText, typer.Option(help="What to do with text that is not UTF-8.")]
Mixed = Annotated[OnMixed, typer.Option(help="What to do with a column that holds several kinds of values.")]
Documents = Annotated[
    list[str] | None,
    typer.Option(
        "--document", metavar="TABLE.COLUMN", help="A text column that is JSON, to be `jsonb`; may be repeated."
    ),
]
Workers = Annotated[int, typer.Option(min=0, metavar="N", help="Processes that copy at the same time; 0 decides.")]


@app.command(dry_run=True)
@options.examples("recon migrate data/app.db --plan", "recon migrate data/app.db postgresql://me@host/app --schema app")
def run(
    source: Source = None,
    target: Target = None,
    from_store: FromStore = None,
    to_store: ToStore = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done; needs no target.")] = False,
    plan_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the plan, to be edited.")] = None,
    plan_in: PlanIn = None,
    schema: Schema = None,
    on_exists: Annotated[
        OnExists, typer.Option(help="What to do when tables of these names are there.")
    ] = OnExists.REFUSE,
    verify: Annotated[Verify, typer.Option(help="How to prove that nothing changed.")] = Verify.VALUES,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Load rows that were rejected and have been mended.")
    ] = None,
    rejects_to: Annotated[Path | None, typer.Option(metavar="FILE", help="Where rejected rows go.")] = None,
    delta: Annotated[bool, typer.Option("--delta", help="Bring only rows added since the last run.")] = False,
    delta_by: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Bring rows changed since, too, told by this column; may be repeated."),
    ] = None,
    tables: Tables = None,
    exclude: Exclude = None,
    system: SystemName = "",
    zone: Zone = "",
    document: Documents = None,
    on_nul: OnNul = OnText.REJECT,
    on_invalid_utf8: OnUtf8 = OnText.REJECT,
    on_mixed: Mixed = OnMixed.WIDEN,
    on_orphans: Annotated[
        OnOrphans, typer.Option(help="What to do with a foreign key that rows break.")
    ] = OnOrphans.LEAVE_OUT,
    workers: Workers = 0,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what a stopped run has done.")] = False,
) -> None:
    """Move a SQLite database: look at every value, plan, copy, verify, swap in.

    Exit code 3: rows were rejected or something was left out, each named; 4: not equal, and nothing was changed.
    """
    call = options.current()
    source, target = _ends(source, target, from_store, to_store)
    policies = Policies(
        on_nul,
        on_invalid_utf8,
        on_mixed,
        on_orphans,
        _zone(zone),
        json_columns=frozenset(document or ()),
    )
    request = MigrateRequest(
        schema or "public",
        policies,
        on_exists,
        verify,
        workers,
        tuple(tables or ()),
        tuple(exclude or ()),
        system,
        rejects_to,
        planfile.read(plan_in) if plan_in else None,
        restart,
        call.dry_run,
        call.progress,
        call.note,
    )
    if plan or plan_out or call.dry_run:
        call.show(job.plan_only(call.store(source), request, plan_out, SystemClock()))
    if target is None:
        raise UsageError("no target is named", hint="write `recon migrate SOURCE TARGET`; `--plan` needs no target")
    _migrate(call, source, target, request, rejects, schema, delta_by or () if delta or delta_by else None)


def _ends(
    source: str | None, target: str | None, from_store: str | None, to_store: str | None
) -> tuple[str, str | None]:
    """Source and target, each from its argument or its option; what is left of the arguments moves up.

    Raises:
        UsageError: one is said twice, or there is no source.
    """
    words = [word for word in (source, target) if word is not None]
    found = [given or (words.pop(0) if words else None) for given in (from_store, to_store)]
    if words:
        raise UsageError(f"`{words[0]}` is one place too many", hint="`--from-store` and `--to-store` are the two ends")
    if found[0] is None:
        raise UsageError("no source is named", hint="write `recon migrate SOURCE TARGET`, or `--from-store NAME`")
    return found[0], found[1]


def _migrate(
    call: Invocation,
    source: str,
    target: str,
    request: MigrateRequest,
    rejects: Path | None,
    schema: str | None,
    delta_by: Sequence[str] | None,
) -> None:
    origin, place = call.store(source), call.store(target)
    request = replace(request, schema=schema or place.text("schema") or "public")
    state, clock = state_dir(call), SystemClock()
    if not elsewhere.is_postgres(place):
        if rejects is not None or delta_by is not None:
            raise UsageError("`--rejects` and `--delta` are for Postgres only")
        call.show(elsewhere.migrate(origin, place, request, clock))
    if rejects is not None:
        call.show(rejecting.load(place, request.schema, rejects, clock))
    if delta_by is not None:
        call.show(adding.delta(origin, place, request, delta_by, state, clock))
    call.show(job.migrate(origin, place, request, state, clock))


def _zone(zone: str) -> str:
    return str(zone_name(zone) or "") if zone else ""


@app.command(dry_run=True)
@options.examples("recon migrate verify data/app.db postgresql://me@host/app --schema app")
def verify(
    source: Source = None,
    target: Target = None,
    from_store: FromStore = None,
    to_store: ToStore = None,
    plan_in: PlanIn = None,
    schema: Schema = None,
    how: Annotated[Verify, typer.Option("--verify", help="Compare values or numbers of rows.")] = Verify.VALUES,
    tables: Tables = None,
    exclude: Exclude = None,
    system: SystemName = "",
    zone: Zone = "",
    document: Documents = None,
    on_nul: OnNul = OnText.REJECT,
    on_invalid_utf8: OnUtf8 = OnText.REJECT,
    on_mixed: Mixed = OnMixed.WIDEN,
    workers: Workers = 0,
) -> None:
    """Compare a target with its source, value by value, and what was declared.

    Exit code 4: they differ; the first keys are named.
    """
    call = options.current()
    source, target = _ends(source, target, from_store, to_store)
    if target is None:
        raise UsageError("no target is named", hint="write `recon migrate verify SOURCE TARGET`")
    origin, place = call.store(source), call.store(target)
    request = MigrateRequest(
        schema or place.text("schema") or "public",
        Policies(on_nul, on_invalid_utf8, on_mixed, naive_zone=_zone(zone), json_columns=frozenset(document or ())),
        verify=how,
        workers=workers,
        tables=tuple(tables or ()),
        exclude=tuple(exclude or ()),
        system=system,
        plan=planfile.read(plan_in) if plan_in else None,
        progress=call.progress,
    )
    if not elsewhere.is_postgres(place):
        call.show(elsewhere.verify(origin, place, request, SystemClock()))
    call.show(verifying.verify(origin, place, request, state_dir(call), SystemClock()))
