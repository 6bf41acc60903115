"""`recon job`: reconstruction jobs, looked at and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

import typer

from recon_cli.cli import desk as desks
from recon_cli.cli import options
from recon_cli.cli.scanning import state_dir
from recon_cli.core.errors import UsageError
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct import changes, listing, log, rebuild, retry
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.worker import depot
from recon_cli.ops.clock import SystemClock
from recon_cli.ui import escape

app = options.App(help="List, follow, cancel, retry, delete and rebuild reconstruction jobs.")

Job: TypeAlias = Annotated[str, typer.Argument(metavar="JOB", help="A job's id.")]
Jobs: TypeAlias = Annotated[list[str], typer.Argument(metavar="JOB…", help="Ids of jobs.")]


@app.command("list", dry_run=True)
@options.examples("recon job list --status failed")
def list_(
    status: Annotated[str | None, typer.Option(metavar="STATE", help="Only those: pending, running, done, …")] = None,
) -> None:
    """List every job, the newest first."""
    call = options.current()
    with desks.opened(call) as desk:
        call.show(listing.listed(desk, state=_state(status)))


@app.command(dry_run=True)
@options.examples("recon job show 1a2b3c4d")
def show(job: Job) -> None:
    """Show one job: its row, its errors, what each stage gave and took, the end of its log."""
    call = options.current()
    with desks.opened(call) as desk:
        call.show(listing.shown(desk, job))


@app.command("log", dry_run=True)
@options.examples("recon job log 1a2b3c4d -f")
def log_(
    job: Job,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job ends.")] = False,
    stage: Annotated[str | None, typer.Option(metavar="STAGE", help="Everything that one stage said.")] = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=1, metavar="N", help="How many of the last lines.")] = 200,
) -> None:
    """Show what a job said."""
    call = options.current()
    with desks.opened(call) as desk:
        path = log.path(desk, job, stage)
        if call.json and follow:
            raise UsageError("`--follow` has no end to make a document of", hint="leave one of `-f` and `--json` out")
        if call.json:
            call.show(log.report(path, job, lines))
        for line in log.follow(desk, job, path, lines) if follow else log.last(path, lines):
            call.screen.out.write(escape.line(line) + "\n")
            call.screen.out.flush()


@app.command()
@options.examples("recon job cancel 1a2b3c4d")
def cancel(job: Job) -> None:
    """End a job within seconds, wherever it is; what it finished is kept."""
    call = options.current()
    with desks.opened(call) as desk:
        call.show(changes.cancel(desk, job))


@app.command("retry", dry_run=True)
@options.examples("recon job retry 1a2b3c4d")
def retry_(
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB]…", help="Ids of jobs; without, all that were interrupted.")
    ] = None,
) -> None:
    """Go on with jobs that failed, were cancelled or interrupted, at the first stage that is not done."""
    call = options.current()
    with desks.opened(call) as desk:
        ids = changes.to_retry(desk, jobs or [])
        if theirs := [one for one in ids if desk.table.fleet.run(one) is not None]:
            _queue_again(call, desk, ids, theirs)
        call.show(retry.would(ids) if call.dry_run else retry.retried(desk, ids, desks.watcher(call)))


@app.command(dry_run=True)
@options.examples("recon job delete 1a2b3c4d")
def delete(jobs: Jobs) -> None:
    """Delete jobs: their rows, their errors and their folders with everything in them."""
    call = options.current()
    with desks.opened(call) as desk:
        theirs = [one for one in jobs if desk.table.fleet.run(one) is not None]
        report = changes.delete(desk, jobs, dry_run=call.dry_run)
        if theirs and not call.dry_run:
            depot.drop(desks.files_of_workers(call), theirs)
        call.show(report)


@app.command()
@options.examples("recon job fetch 1a2b3c4d --out results")
def fetch(
    job: Job,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to make a folder of the job's name.")] = Path(),
) -> None:
    """Copy the files of a job that workers ended out of the store where they leave them (`[worker] files`)."""
    call = options.current()
    with desks.opened(call, make=True) as desk:
        call.show(depot.fetched(desk, desks.files_of_workers(call), job, out))


@app.command("rebuild", dry_run=True)
@options.examples("recon job rebuild --dry-run")
def rebuild_() -> None:
    """Rebuild the job table from the job folders, of this program or of the reconstruction server."""
    call = options.current()
    root, store, state = desks.root(call), desks.store(call), state_dir(call)
    call.show(rebuild.rebuild(root, store, state, SystemClock(), dry_run=call.dry_run))


@app.command(dry_run=True)
@options.examples("recon job stats")
def stats() -> None:
    """Show how jobs ended, how long their stages took, and how much came out of them."""
    call = options.current()
    with desks.opened(call) as desk:
        call.show(listing.stats(desk))


def _queue_again(call: options.Invocation, desk: Desk, ids: list[str], theirs: list[str]) -> NoReturn:
    """Jobs of the workers go to them once more."""
    from recon_cli.jobs.worker import submit  # noqa: PLC0415  brings the engine in, an extra

    if len(theirs) < len(ids):
        hint = f"name {', '.join(theirs)} in a command of their own"
        raise UsageError("some of these jobs are run by workers, some here", hint=hint)
    call.show(submit.again(desk, desks.table_of_workers(call), theirs, dry_run=call.dry_run))


def _state(word: str | None) -> State | None:
    if word is None:
        return None
    known = [one.value.lower() for one in State]
    if word.lower() not in known:
        raise UsageError(f"no state `{word}`", hint=f"use one of {', '.join(known)}")
    return State(word.upper())
