"""log: what a job said, as far as it is, or as it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.core.report import Report
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.reconstruction import process
from recon_cli.reconstruction.stages import BY_NAME

_LOOK_S = 0.25
_LAST_LINES = 10_000


def path(desk: Desk, job_id: str, stage: str | None) -> Path:
    """The log of a job, or of one of its stages.

    Raises:
        UsageError: no stage has that name.
        NotFoundError: there is no such job, or it has not said anything yet.
    """
    if stage is not None and stage not in BY_NAME:
        raise UsageError(f"no stage `{stage}`", hint=f"stages are {', '.join(BY_NAME)}")
    work = desk.work(job_id)
    found = work.stage_log(stage) if stage else work.log
    if not found.is_file():
        desk.table.get(job_id)
        raise NotFoundError(f"job {job_id} has no log{f' of {stage}' if stage else ''} yet")
    return found


def report(log: Path, job_id: str, lines: int) -> Report:
    """The last lines as a document."""
    found = last(log, lines)
    body: dict[str, Json] = {"job": job_id, "path": str(log), "lines": [*found]}
    return Report("recon.job.log/1", f"{len(found)} lines of {log}", body)


def follow(desk: Desk, job_id: str, log: Path, lines: int) -> Iterator[str]:
    """The last lines, then every new one until nobody runs the job any more."""
    yield from last(log, lines)
    with log.open("rb") as file:
        file.seek(0, 2)
        rest = b""
        while True:
            alive = _alive(desk, job_id)
            raw = file.read()
            *whole, rest = (rest + raw).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
            if not raw and not alive:
                return
            if not raw:
                time.sleep(_LOOK_S)


def _alive(desk: Desk, job_id: str) -> bool:
    """Whether somebody runs it; a job that just began may not be held yet."""
    return desk.held(job_id) and desk.table.get(job_id).state in {State.PENDING, State.RUNNING}


def last(log: Path, lines: int) -> list[str]:
    """The last lines of a log."""
    if lines <= 10:  # noqa: PLR2004  `process.tail` reads the last 4 kB
        return process.tail(log, lines).splitlines()
    with log.open("rb") as file:
        text = file.read().decode("utf-8", "replace")
    return text.splitlines()[-min(lines, _LAST_LINES) :]
