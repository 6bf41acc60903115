"""cancel, delete, and which jobs a retry means."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from recon_cli.core.canonical import Json
from recon_cli.core.errors import GuardError, LockedError, NotFoundError, ReconError
from recon_cli.core.report import Report
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct.desk import DELETED, Desk
from recon_cli.reconstruction import turn
from recon_cli.reconstruction.jobtable import now

_PATIENCE_S = 10.0
_LOOK_S = 0.05


def cancel(desk: Desk, job_id: str) -> Report:
    """Say in the table that a job is to end, and wait until the process that runs it has let go.

    Raises:
        GuardError: it has ended already.
        ReconError: its process does not let go.
    """
    began = time.monotonic()
    row = desk.table.get(job_id)
    if row.state is not State.CANCELLED:
        try:
            desk.table.move(job_id, State.CANCELLED, {"completed_at": now()})
        except GuardError as exc:
            raise GuardError(f"job {job_id} has ended: it is {row.cells.get('status')}", cause=exc.cause) from None
    while desk.held(job_id):
        if time.monotonic() - began > _PATIENCE_S:
            raise ReconError(f"job {job_id} does not stop", hint=_who(desk, job_id))
        time.sleep(_LOOK_S)
    took_s = time.monotonic() - began
    body: dict[str, Json] = {"job": job_id, "status": State.CANCELLED.value, "seconds": round(took_s, 3)}
    hint = f"`recon job retry {job_id}` goes on where it stopped"
    return Report("recon.job.cancel/1", f"job {job_id} cancelled in {took_s:.1f} s", body, hints=(hint,))


def _who(desk: Desk, job_id: str) -> str:
    run = desk.table.fleet.run(job_id)
    if run is not None and run.worker:
        return f"worker {run.worker} has it; where that worker is dead, nothing more happens"
    return f"find its process with `fuser {desk.work(job_id).folder / turn.HOLD}`"


def delete(desk: Desk, jobs: Sequence[str], *, dry_run: bool) -> Report:
    """Take jobs away, rows and folders; one that is being run is refused before any is touched.

    Raises:
        LockedError: somebody runs one of them.
        NotFoundError: one is neither in the table nor a folder.
    """
    for job_id in jobs:
        _check(desk, job_id)
    for job_id in () if dry_run else jobs:
        _delete(desk, job_id)
    verb = "would be deleted" if dry_run else "deleted"
    body: dict[str, Json] = {"deleted": [] if dry_run else list(jobs), "would": list(jobs) if dry_run else []}
    return Report("recon.job.delete/1", f"{', '.join(jobs)} {verb}", body)


def _check(desk: Desk, job_id: str) -> None:
    folder = desk.work(job_id).folder
    if _is_busy(desk, job_id):
        raise LockedError(f"job {job_id} is being run", hint=f"`recon job cancel {job_id}` first")
    if not folder.is_dir():
        desk.table.get(job_id)


def _is_busy(desk: Desk, job_id: str) -> bool:
    """Whether somebody runs it. Who ran one that has ended lets go of it in a moment: that is waited for."""
    began = time.monotonic()
    while desk.held(job_id):
        try:
            ended = desk.table.get(job_id).state in {State.DONE, State.FAILED, State.CANCELLED}
        except NotFoundError:
            ended = False
        if not ended or time.monotonic() - began > _PATIENCE_S:
            return True
        time.sleep(_LOOK_S)
    return False


def _delete(desk: Desk, job_id: str) -> None:
    """The folder goes out of sight first, in one step: a row without it, or it without a row, is seen by nobody."""
    folder = desk.work(job_id).folder
    away = desk.root / f"{DELETED}{job_id}"
    if folder.is_dir():
        shutil.rmtree(away, ignore_errors=True)
        folder.rename(away)
    desk.table.delete(job_id)
    shutil.rmtree(away, ignore_errors=True)


def again(desk: Desk, job_id: str) -> Report:
    """Let a job that failed or was cancelled wait for whoever runs waiting jobs.

    Raises:
        GuardError: it is done, or is being run.
        NotFoundError: it is not in the table, or its folder is gone.
    """
    to_retry(desk, [job_id])
    if _is_busy(desk, job_id):
        raise GuardError(f"job {job_id} is being run")
    desk.table.move(job_id, State.PENDING, {"error_message": None, "error_stage": None, "completed_at": None})
    return Report("recon.job.again/1", f"job {job_id} waits", {"job": job_id, "status": State.PENDING.value})


def to_retry(desk: Desk, jobs: Sequence[str]) -> list[str]:
    """The jobs to run again: those named, or all that wait here and that nobody runs.

    Raises:
        NotFoundError: one is not in the table, or its folder is gone.
    """
    if not jobs:
        workers = desk.table.fleet.runs()
        waiting = [row.id for row in desk.table.waiting() if row.id not in workers]
        return [one for one in waiting if (desk.root / one).is_dir() and not turn.is_held(desk.root / one)]
    for job_id in jobs:
        desk.table.get(job_id)
        if desk.table.fleet.run(job_id) is None and not desk.work(job_id).folder.is_dir():
            raise NotFoundError(
                f"the folder of job {job_id} is gone", hint=f"`recon job delete {job_id}` takes its row away"
            )
    return list(dict.fromkeys(jobs))
