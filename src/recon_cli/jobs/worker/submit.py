"""submit: a job for the workers, with its photos where all of them can read; and once more for one that ended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ConfigError, GuardError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.report import Report, Table
from recon_cli.core.states import State
from recon_cli.files.registry import open_files
from recon_cli.jobs.reconstruct import start
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.worker import depot, engine
from recon_cli.reconstruction import fleet
from recon_cli.reconstruction import request as wishes
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work


def check(desk: Desk) -> None:
    """Refuse where no worker would ever look.

    Raises:
        ConfigError: the job table is not in a Postgres that `recon worker init` has prepared.
    """
    if not desk.table.fleet.ready():
        hint = "set `[reconstruct] store` to a Postgres, then `recon worker init`"
        raise ConfigError("no workers take jobs from this job table", cause=f"it is {desk.table.url}", hint=hint)


def submit(
    desk: Desk, store: Place, files: Place, request: Request, begins: Callable[[str], None] = lambda _job: None
) -> Report:
    """Make a job that waits for a worker. Photos go first, then the row and its place in the queue, in one step.

    `begins` is told the job's id before anything of it is there; `abandon` takes away what a submission left that died.

    Raises:
        UnreachableError: the store of files or the table does not answer.
    """
    check(desk)
    pool = fleet.pool_for(request.trainer)

    def prepare(made: Work) -> None:
        photos = made.folder / depot.PHOTOS / request.photos.name
        wishes.write(replace(request, photos=photos), made.folder)
        with closing(open_files(files)) as place:
            depot.send(place, made.folder, request.photos)

    made = start.new(
        desk,
        request,
        prepare=prepare,
        also=lambda connection, job: fleet.enlist(connection, job, pool),
        begins=begins,
    )
    engine.put(store, made.id, pool)
    body: dict[str, Json] = {"job": made.id, "pool": pool, "folder": str(made.folder)}
    hint = f"`recon job show {made.id}` tells how far it is, `recon job list` who has it"
    return Report("recon.reconstruct.queued/1", f"job {made.id} waits for {_who(pool)}", body, hints=(hint,))


def abandon(desk: Desk, files: Place, job_id: str) -> None:
    """Take away what an interrupted submission left, here and in the depot; a job that came to its row stays.

    Raises:
        UnreachableError: the table or the store of files does not answer; nothing is decided then.
    """
    try:
        desk.table.get(job_id)
    except NotFoundError:
        depot.drop(files, [job_id])
        shutil.rmtree(desk.root / job_id, ignore_errors=True)


def again(desk: Desk, store: Place, jobs: Sequence[str], *, dry_run: bool) -> Report:
    """Give jobs of the workers, that failed or were cancelled, to them once more.

    Raises:
        GuardError: one is done, or somebody has it.
    """
    for job_id in jobs:
        row, run = desk.table.get(job_id), desk.table.fleet.run(job_id)
        if row.state is State.DONE:
            raise GuardError(f"job {job_id} is done already", hint=f"`recon job show {job_id}` tells more")
        if run is not None and run.worker:
            raise GuardError(f"worker {run.worker} has job {job_id}", hint=f"`recon job cancel {job_id}` first")
    for job_id in () if dry_run else jobs:
        run = desk.table.fleet.run(job_id)
        pool = run.pool if run else fleet.ANY
        desk.table.move(
            job_id,
            State.PENDING,
            {"error_message": None, "error_stage": None, "completed_at": None},
            also=lambda connection, job=job_id, pool=pool: fleet.enlist(connection, job, pool),  # type: ignore[misc]  # bound here
        )
        engine.put(store, job_id, pool)
    verb = "would wait" if dry_run else "waits" if len(jobs) == 1 else "wait"
    body: dict[str, Json] = {"would" if dry_run else "queued": list(jobs)}
    table = Table(("job",), [(one,) for one in jobs])
    return Report("recon.job.retry/1", f"{words.count(len(jobs), 'job')} {verb} for a worker", body, (table,))


def _who(pool: str) -> str:
    return "a GPU worker" if pool == fleet.GPU else "any worker"
