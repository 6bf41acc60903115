"""`recon queue`: the outbox and its dead letters."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.config import syncs
from recon_cli.core.errors import UsageError
from recon_cli.jobs import queue as job
from recon_cli.ops import paths
from recon_cli.ops.clock import SystemClock
from recon_cli.outbox.item import Limits, Overflow
from recon_cli.outbox.opening import open_outbox
from recon_cli.outbox.queue import Outbox

app = options.App(help="Look into the outbox and its dead letters.")
dead = options.App(help="List, show, requeue, export or drop dead letters.")
app.add_typer(dead, name="dead")

Numbers: TypeAlias = Annotated[list[int] | None, typer.Argument(metavar="[ID]…", help="Numbers of dead letters.")]
Reason: TypeAlias = Annotated[
    str | None, typer.Option(metavar="REASON", help="Only those of this reason, such as `poison`.")
]
Every: TypeAlias = Annotated[bool, typer.Option("--all", help="All of them.")]
File: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="A file of JSON lines.")]


def queue_path(call: Invocation) -> Path:
    """Where the queue is: `[queue] path`, else in the state folder."""
    named = call.settings.queue.path
    return named.absolute() if named else paths.state_dir() / "queue.db"


def open_queue(call: Invocation) -> Outbox:
    """The queue, opened to be changed; made if there is none."""
    chosen = call.settings.queue
    limits = Limits(max_items=chosen.max_items, overflow=Overflow(chosen.overflow))
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return open_outbox(queue_path(call), SystemClock(), owner, limits)


@app.command(dry_run=True)
@options.examples("recon queue status", "recon queue status --json")
def status(
    textfile: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Leave the numbers for Prometheus (`.prom`).")
    ] = None,
) -> None:
    """Say how much waits, since when, what is dead and who is paused."""
    call = options.current()
    call.show(job.status(queue_path(call), SystemClock(), None if call.dry_run else textfile))


@app.command(dry_run=True)
@options.examples("recon queue peek -n 3")
def peek(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, metavar="N", help="How many.")] = 10,
) -> None:
    """Show the oldest items, without touching them."""
    call = options.current()
    call.show(job.peek(queue_path(call), SystemClock(), limit))


@app.command()
@options.examples("recon queue verify -q")
def verify(
    accept: Annotated[bool, typer.Option("--accept", help="Take the losses named so far as known.")] = False,
) -> None:
    """Prove that every item put is acknowledged, waiting, spilled or dead; exit code 14 if not, 3 after losses."""
    call = options.current()
    path = queue_path(call)
    if accept:
        job.require(path)
        with open_queue(call) as queue:
            job.accept_losses(queue)
    call.show(job.check(path))


@app.command(dry_run=True)
@options.examples("recon queue export waiting.jsonl")
def export(file: File) -> None:
    """Write everything that waits, is spilled or dead to a file of JSON lines, exactly."""
    call = options.current()
    path = queue_path(call)
    call.show(job.status(path, SystemClock()) if call.dry_run else job.export(path, file, dead_only=False))


@app.command("import")
@options.examples("recon queue import waiting.jsonl")
def import_(file: File) -> None:
    """Take in what `export` wrote; what is known already stays as it is."""
    call = options.current()
    with open_queue(call) as queue:
        call.show(job.import_lines(queue, file))


@app.command()
@options.examples("recon queue replay --to supabase --rate 50")
def replay(
    target: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Only what waits for this target.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, metavar="N", help="Items a second at most.")] = None,
) -> None:
    """Deliver now what waits, also what was put off or stands behind a pause; exit code 13 if a target is away."""
    from recon_cli.jobs.sync.replay import replay as drained  # noqa: PLC0415  targets bring their drivers along

    call = options.current()
    job.require(queue_path(call))
    with open_queue(call) as queue:
        kept_back = syncs.options_of(call.settings)
        call.show(drained(queue, lambda name: syncs.with_key(call.store(name)), target or "", rate, kept_back))


@app.command()
@options.examples("recon queue adopt /srv/gfx/pending.db --to supabase")
def adopt(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An older queue: `pending.db`, with its `-wal` beside it.")
    ],
    target: Annotated[str, typer.Option("--to", metavar="NAME", help="The target that its items go to.")],
    table: Annotated[str, typer.Option(metavar="NAME", help="The table that they go to.")] = "gfx_sessions",
    system: Annotated[str, typer.Option(metavar="NAME", help="Whose records they are.")] = "gfx",
) -> None:
    """Take over an older service's queue and dead letters; its file is left as it is."""
    call = options.current()
    with open_queue(call) as queue:
        call.show(job.adopt(queue, file, _label(call, target), table, {"system": system}))


def _label(call: Invocation, target: str) -> str:
    """What the outbox calls a target: a name of recon.toml as it is, also one that is yet to come; a URL in full."""
    try:
        return call.store(target).label
    except UsageError:
        return target


@dead.command("list", dry_run=True)
@options.examples("recon queue dead list", "recon queue dead list --reason poison")
def dead_list(reason: Reason = None) -> None:
    """List dead letters with the target's words."""
    call = options.current()
    call.show(job.dead_list(queue_path(call), reason))


@dead.command("show", dry_run=True)
@options.examples("recon queue dead show 7")
def dead_show(number: Annotated[int, typer.Argument(metavar="ID", help="The number of a dead letter.")]) -> None:
    """Show one dead letter whole, with its content."""
    call = options.current()
    call.show(job.dead_show(queue_path(call), number))


@dead.command("requeue", dry_run=True)
@options.examples("recon queue dead requeue 7 9", "recon queue dead requeue --reason poison")
def dead_requeue(numbers: Numbers = None, reason: Reason = None, every: Every = False) -> None:
    """Let dead letters wait again, with all attempts before them."""
    call = options.current()
    ids = job.chosen(queue_path(call), numbers or [], reason, every=every)
    if call.dry_run:
        call.show(job.would("requeued", ids))
    with open_queue(call) as queue:
        call.show(job.requeue(queue, ids))


@dead.command("export", dry_run=True)
@options.examples("recon queue dead export dead.jsonl")
def dead_export(file: File, reason: Reason = None) -> None:
    """Write dead letters to a file of JSON lines, exactly; `recon queue import` takes them back."""
    call = options.current()
    path = queue_path(call)
    call.show(job.dead_list(path, reason) if call.dry_run else job.export(path, file, dead_only=True, reason=reason))


@dead.command("drop", dry_run=True)
@options.examples("recon queue dead drop 7")
def dead_drop(numbers: Numbers = None, reason: Reason = None, every: Every = False) -> None:
    """Throw dead letters away; only their number is remembered."""
    call = options.current()
    ids = job.chosen(queue_path(call), numbers or [], reason, every=every)
    if call.dry_run:
        call.show(job.would("dropped", ids))
    with open_queue(call) as queue:
        call.show(job.drop(queue, ids))
