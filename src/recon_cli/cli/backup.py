"""`recon backup`: databases as JSON snapshots that come back exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from recon_cli.cli import backup_ends as ends
from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.cli.scanning import state_dir
from recon_cli.cli.words import share
from recon_cli.config import backups
from recon_cli.core.errors import ConfigError, UsageError
from recon_cli.jobs.backup import choose, differ, listing
from recon_cli.jobs.backup import export as exporting
from recon_cli.jobs.backup import restore as restoring
from recon_cli.jobs.backup import run as running
from recon_cli.jobs.backup import verify as verifying
from recon_cli.ops.clock import SystemClock
from recon_cli.stores.bulk.base import Mode

app = options.App(help="Keep databases as JSON snapshots that come back exactly.")

Store = Annotated[
    str, typer.Argument(metavar="STORE", autocompletion=options.complete("stores"), help="A database: a name or a URL.")
]
Dest = Annotated[
    str,
    typer.Argument(
        metavar="DEST",
        autocompletion=options.complete("backups", "files"),
        help="Where snapshots are kept: a name, a folder, a git repository or a URL.",
    ),
]
Snap = Annotated[
    str,
    typer.Argument(
        metavar="SNAP",
        autocompletion=options.complete("backups", "files"),
        help="A snapshot: its path, DEST@NAME, or DEST for its latest.",
    ),
]
Side = Annotated[str, typer.Argument(autocompletion=options.complete("backups", "stores"), help="A SNAP or a STORE.")]
Tables = Annotated[
    list[str] | None, typer.Option("--tables", metavar="GLOB", help="Only tables that match; may be repeated.")
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="GLOB", help="No tables that match; may be repeated.")
]
Trust = Annotated[
    bool, typer.Option("--trust-sql", help="Run the snapshot's own SQL (views, triggers, functions), too.")
]
Identity = Annotated[
    Path | None, typer.Option("--identity", metavar="FILE", help="The key that opens encrypted snapshots.")
]
Keep = Annotated[int | None, typer.Option(min=1, metavar="N", help="Snapshots to keep by this rule.")]
Compress = Annotated[str | None, typer.Option(metavar="zstd|gzip|none", help="How data files are compressed.")]
Encrypt = Annotated[
    list[str] | None, typer.Option(metavar="age:RECIPIENT", help="A public key that can read it; may be repeated.")
]
ShardRows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows of one data file.")]
Workers = Annotated[int | None, typer.Option(min=1, metavar="N", help="Processes that read at the same time.")]
MaxDrop = Annotated[
    str | None, typer.Option(metavar="SHARE", help="Refuse (5) when a table lost this share of its rows.")
]
Push = Annotated[str | None, typer.Option(metavar="REMOTE", help="Push a git repository to this remote afterwards.")]


@app.command()
@options.examples(
    "recon backup export sqlite:///data/models.db ./backups", "recon backup export local git:backups --push origin"
)
def export(
    source: Store,
    to: Annotated[
        str,
        typer.Argument(
            metavar="DEST",
            autocompletion=options.complete("backups", "files"),
            help="Where to keep it: a name, a folder, a git repository, a URL, or `-` for standard output.",
        ),
    ],
    tables: Tables = None,
    exclude: Exclude = None,
    compress: Compress = None,
    encrypt: Encrypt = None,
    shard_rows: ShardRows = None,
    workers: Workers = None,
    max_drop: MaxDrop = None,
    push: Push = None,
    force: Annotated[bool, typer.Option("--force", help="Save it although rows were lost.")] = False,
    identity: Identity = None,
) -> None:
    """Save a database as the newest snapshot of a destination."""
    call = options.current()
    target = ends.named(call, to)
    how = _known(compress or (target.compress if target else ""))
    usual = _usual(call, target, force=force)
    request = replace(
        usual,
        tables=tuple(tables or usual.tables),
        exclude=tuple(exclude or usual.exclude),
        shard_rows=shard_rows or usual.shard_rows,
        workers=workers or usual.workers,
        max_drop=share(max_drop, "--max-drop") if max_drop else usual.max_drop,
    )
    asked = ends.Asked(encrypt, push, how, identity)
    ends.check_recipients(encrypt or (target.encrypt if target else ()))
    with ends.store(call, source) as (store, place), ends.destination(call, to, asked) as kept:
        request = replace(request, compression=running.data_files(kept, how))
        report = exporting.export(store, place, kept, request, SystemClock())
    if to == ends.STDOUT:
        ends.beside_the_stream(call, report)
    call.show(report)


def _usual(call: Invocation, target: backups.Target | None, *, force: bool) -> exporting.ExportRequest:
    """What an export is without flags: as the backup of that name says, else the settings."""
    general = backups.general(call.settings)
    if target:
        return running.export_request(target, running.RunRequest(general.workers, force, progress=call.progress))
    return exporting.ExportRequest(
        shard_rows=backups.SHARD_ROWS,
        workers=general.workers,
        max_drop=general.max_drop,
        force=force,
        progress=call.progress,
    )


def _known(compress: str) -> str:
    if compress and compress not in running.COMPRESSIONS:
        raise UsageError(f"no compression `{compress}`", hint="use `zstd`, `gzip` or `none`")
    return compress


@app.command("list", dry_run=True)
@options.examples("recon backup list ./backups")
def list_(where: Dest, identity: Identity = None) -> None:
    """List the snapshots of a destination, oldest first."""
    call = options.current()
    with ends.destination(call, where, ends.Asked(key=identity)) as kept:
        call.show(listing.listed(kept, SystemClock()))


@app.command(dry_run=True)
@options.examples("recon backup show ./backups", "recon backup show ./backups --table models --limit 5")
def show(
    snap: Snap,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL that it carries.")] = False,
    table: Annotated[str | None, typer.Option("--table", metavar="TABLE", help="Print rows of this table.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many rows.")] = 20,
    identity: Identity = None,
) -> None:
    """Show what a snapshot holds: tables, rows, sizes, keys."""
    call = options.current()
    if sql and table is not None:
        raise UsageError("`--sql` and `--table` are two questions", hint="ask one after the other")
    with ends.snapshot(call, snap, identity) as opened:
        if sql:
            call.show(listing.sql(opened.snapshot, opened.label))
        if table is not None:
            call.show(listing.rows(opened.snapshot, opened.label, table, limit))
        call.show(listing.shown(opened.snapshot, opened.label))


@app.command(dry_run=True)
@options.examples("recon backup verify ./backups --restore-drill")
def verify(
    snap: Snap,
    restore_drill: Annotated[
        bool, typer.Option("--restore-drill", help="Restore it all into a scratch database and compare.")
    ] = False,
    drill_in: Annotated[
        str | None,
        typer.Option(metavar="STORE", autocompletion=options.complete("stores"), help="The server for the drill."),
    ] = None,
    trust_sql: Trust = False,
    identity: Identity = None,
) -> None:
    """Prove that a snapshot is whole and comes back.

    Every file is compared with its checksum (exit code 14: damaged, and where). With a drill everything is restored
    into a scratch database and compared, too (4: not equal).
    """
    call = options.current()
    server = call.store(drill_in) if drill_in else None
    with ends.snapshot(call, snap, identity) as opened:
        request = verifying.VerifyRequest(
            opened.label,
            opened.home,
            restore_drill or server is not None,
            server,
            trust_sql,
            call.progress,
        )
        call.show(verifying.verify(opened.snapshot, state_dir(call), request, SystemClock()))


@app.command(dry_run=True)
@options.examples("recon backup diff ./backups sqlite:///data/models.db")
def diff(
    left: Side,
    right: Side,
    tables: Tables = None,
    exclude: Exclude = None,
    limit: Annotated[int, typer.Option(min=0, metavar="N", help="Rows of each table to name.")] = 20,
    identity: Identity = None,
) -> None:
    """Compare snapshots and live stores row by row.

    Rows are matched by key and compared by value, type and bit; between engines by meaning. Exit code 4:
    something differs.
    """
    call = options.current()
    request = differ.DiffRequest(tuple(tables or ()), tuple(exclude or ()), limit)
    with ends.side(call, left, identity) as one, ends.side(call, right, identity) as two:
        call.show(differ.diff(one, two, request, SystemClock()))


@app.command("import", dry_run=True)
@options.examples(
    "recon backup import ./backups sqlite:///data/models.db --plan",
    "recon backup import ./backups local --tables models --where id=7 --mode upsert",
)
def import_(
    snap: Snap,
    target: Store,
    tables: Tables = None,
    where: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only rows with this key; may be repeated.")
    ] = None,
    mode: Annotated[
        Mode,
        typer.Option(help="What to do about rows that are there: only new ones, overwrite, become equal, fill in."),
    ] = Mode.INSERT,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would happen; write nothing.")] = False,
    max_drop: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Refuse (5) to delete or overwrite more of a table than this.")
    ] = None,
    trust_sql: Trust = False,
    identity: Identity = None,
) -> None:
    """Put a snapshot, or a part of it, into a database.

    One transaction, or nothing; afterwards it is read back and compared.
    """
    call = options.current()
    with ends.snapshot(call, snap, identity) as opened, ends.store(call, target) as (store, place):
        request = restoring.RestoreRequest(
            tuple(tables or ()),
            choose.conditions(where or ()),
            mode,
            trust_sql,
            plan or call.dry_run,
            share(max_drop, "--max-drop") if max_drop else None,
            call.progress,
            (opened.label, target),
            call.warn,
            place,
            backups.general(call.settings).workers,
        )
        call.show(restoring.restore(opened.snapshot, store, state_dir(call), request, SystemClock()))


@app.command(dry_run=True)
@options.examples("recon backup prune ./backups --keep-daily 7 --keep-weekly 4 --dry-run")
def prune(
    where: Dest,
    keep_last: Keep = None,
    keep_daily: Keep = None,
    keep_weekly: Keep = None,
    keep_monthly: Keep = None,
    keep_yearly: Keep = None,
) -> None:
    """Remove the snapshots that no rule keeps.

    The newest good one always stays. Try it with `--dry-run`.
    """
    call = options.current()
    asked = dict(zip(backups.KEEP, (keep_last, keep_daily, keep_weekly, keep_monthly, keep_yearly), strict=True))
    target = ends.named(call, where)
    keep = {rule: number for rule, number in asked.items() if number} or (target.keep if target else {})
    with ends.destination(call, where) as kept:
        call.show(listing.pruned(kept, running.policy(keep), SystemClock(), dry=call.dry_run))


@app.command(dry_run=True)
@options.examples("recon backup run -q")
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", autocompletion=options.complete("backups"), help="Names of [backups]; all without any."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Save also what lost too many rows.")] = False,
) -> None:
    """Make every backup of recon.toml: export, verify, prune.

    One that fails stops no other. For cron: silent with `-q`, one line with `--json`.
    """
    call = options.current()
    known = call.settings.names("backups")
    if not known:
        raise ConfigError("no backup is configured", hint="write [backups.NAME] with `from` and `to` into recon.toml")
    targets = [backups.resolve_backup(call.settings, name, call.warn) for name in names or known]
    if call.dry_run:
        call.show(running.planned(targets))
    request = running.RunRequest(backups.general(call.settings).workers, force, call.settings.ping_url, call.progress)
    report = running.run(
        targets, lambda target: ends.target_destination(call, target), state_dir(call), request, SystemClock()
    )
    call.show(running.on_one_line(report) if call.json else report, json_lines=call.json)
