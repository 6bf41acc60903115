"""`recon sync`: files to a database, through the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from typing import Annotated

import typer

from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.cli.queue import open_queue
from recon_cli.cli.scanning import state_dir
from recon_cli.cli.sync_ends import (
    Drift,
    Name,
    Registry,
    Source,
    SystemName,
    TableName,
    Target,
    Zone,
    chosen,
    routes,
    watch_of,
)
from recon_cli.core.errors import ReconError, UsageError
from recon_cli.core.report import Report
from recon_cli.jobs.sync import init as making
from recon_cli.jobs.sync import run as job
from recon_cli.jobs.sync import several
from recon_cli.jobs.sync import verify as proof
from recon_cli.jobs.sync import watch as watching
from recon_cli.jobs.sync.ends import Ends, feed_of, opened
from recon_cli.jobs.sync.route import Route
from recon_cli.jobs.watched import Watch, watched
from recon_cli.ops import metrics
from recon_cli.ops.clock import SystemClock
from recon_cli.ops.metrics import Gauge
from recon_cli.ops.ping import Ping
from recon_cli.stores.sink.registry import open_sink

app = options.App(
    cls=options.RunGroup,
    help="Send files to a database through an outbox that loses nothing; `sync NAME` is short for `sync run NAME`.",
)


@app.command("run", dry_run=True)
@options.examples("recon sync sessions --once", "recon sync --system gfx --from /mnt/nas --to supabase --watch")
def run(
    name: Name = None,
    system: SystemName = None,
    source: Source = None,
    target: Target = None,
    table: TableName = None,
    registry: Registry = None,
    zone: Zone = None,
    once: Annotated[bool, typer.Option("--once", help="Take what is there, deliver what can be, and end.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until a signal comes.")] = False,
    on_drift: Drift = None,
    resend: Annotated[bool, typer.Option("--resend", help="Send every file again: the target lost rows.")] = False,
    rate: Annotated[float | None, typer.Option(min=0.001, metavar="N", help="Records a second at most.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to stay for a target that is away.")
    ] = 0.0,
) -> None:
    """Send every new or changed file; exit code 13 if the target is away and records wait, 3 if any was refused."""
    call = options.current()
    found = chosen(call, name, system, source, target, zone)
    asked = routes(found, table=table, registry=registry, on_drift=on_drift, rate=rate)
    if once is watch:
        raise UsageError("neither `--once` nor `--watch` is given", hint="say `--once` or `--watch`")
    if call.dry_run:
        would = [job.would(one, state_dir(call)) for one in asked]
        call.show(would[0] if len(would) == 1 else several.together(would))
    with ExitStack() as stack:
        queue = stack.enter_context(open_queue(call))
        ends = [
            stack.enter_context(opened(one, queue, state_dir(call), None if place else call.progress))
            for place, one in enumerate(asked)
        ]
        if watch:
            beat = _heart(watch_of(call, found))
            if len(ends) == 1:
                watching.watch(ends[0], call.say, beat)
            several.watch_all(ends, lambda one, stop: watching.watch(one, call.say, beat, stop))
        call.show(watched(watch_of(call, found), SystemClock(), lambda: _once(ends, resend=resend, wait_s=wait)))


def _once(ends: Sequence[Ends], *, resend: bool, wait_s: float) -> Report:
    if len(ends) == 1:
        return job.once(ends[0], resend=resend, wait_s=wait_s)
    return several.each(ends, lambda one: job.once(one, resend=resend, wait_s=wait_s))


def _heart(watch: Watch) -> Callable[[], None]:
    """What tells the watchers of a long run that it lives."""
    ping = Ping(watch.ping_url)

    def beat() -> None:
        ping.success()
        if watch.textfile:
            gauge = Gauge("recon_last_success_timestamp_seconds", SystemClock().now().timestamp(), {"job": watch.job})
            with suppress(ReconError):
                metrics.update(watch.textfile, [gauge])

    return beat


@app.command("init", dry_run=True)
@options.examples("recon sync init sessions", "recon sync init --system gfx --to supabase --sql")
def init(
    name: Name = None,
    system: SystemName = None,
    target: Target = None,
    table: TableName = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print what would make it fit, and change nothing.")] = False,
) -> None:
    """Create or migrate the target's tables and view; no row and no column is dropped."""
    call = options.current()
    found = chosen(call, name, system, ".", target)
    done = []
    for asked in routes(found, table=table):
        with closing(open_sink(asked.target)) as sink:
            done.append(making.init(feed_of(asked), sink, asked.target, apply=not (sql or call.dry_run)))
    call.show(done[0] if len(done) == 1 else several.together(done, "recon.sync-init-several/1"))


@app.command("verify", dry_run=True)
@options.examples("recon sync verify --system gfx --from /mnt/nas --to supabase")
def verify(
    name: Name = None,
    system: SystemName = None,
    source: Source = None,
    target: Target = None,
    table: TableName = None,
    registry: Registry = None,
    zone: Zone = None,
    content: Annotated[
        bool, typer.Option("--content", help="Compare the documents in the target with the files, too.")
    ] = False,
) -> None:
    """Prove that every file is in the target: read all files and all rows; exit code 0 if they agree, 4 if not."""
    call = options.current()
    found = chosen(call, name, system, source, target, zone)
    asked = routes(found, table=table, registry=registry)

    def proven() -> Report:
        done = [_verified(call, one, content=content) for one in asked]
        return done[0] if len(done) == 1 else several.together(done, "recon.sync-verify-several/1")

    call.show(watched(watch_of(call, found, "verify"), SystemClock(), proven))


def _verified(call: Invocation, asked: Route, *, content: bool) -> Report:
    with closing(open_sink(asked.target)) as sink:
        return proof.verify(asked, sink, call.progress, content=content)
