"""run: one job from the first stage that is not done to its end, in its turn, with its row kept true."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from recon_cli.core.canonical import Json
from recon_cli.core.errors import GuardError, NotFoundError, ReconError
from recon_cli.core.ports import Progress
from recon_cli.core.report import Report
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct import desk as desks
from recon_cli.jobs.reconstruct import result
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.reconstruct.record import Recorder
from recon_cli.ops import atomic
from recon_cli.ops.signals import Stopped
from recon_cli.reconstruction import request as wishes
from recon_cli.reconstruction import turn
from recon_cli.reconstruction.jobtable import Cell, Failure, now
from recon_cli.reconstruction.process import CancelledError, FailedError
from recon_cli.reconstruction.runner import Line
from recon_cli.reconstruction.stages import first_unfinished
from recon_cli.reconstruction.work import Work
from recon_cli.systems.folders import SIDECAR

_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who watches a run: progress on the terminal, words in between (stages, waiting), and those nobody may miss.

    `looked` is called several times a second; where signals do not arrive, such as in a thread, it raises `Stopped`.
    """

    progress: Progress
    told: Callable[[str], None]
    warned: Callable[[str], None]
    looked: Callable[[], None] = field(default=lambda: None)


def run(desk: Desk, work: Work, watcher: Watcher, recorder: Recorder | None = None) -> Report:
    """Run a job to its end. Interrupted by a signal, it waits for the next run. A worker brings its own `recorder`.

    Raises:
        LockedError: another process runs it.
        NotFoundError: it is not in the table.
        DataError: it was not made here, so it cannot go on.
        ReconError: a stage failed; the row says which and why.
        CancelledError: somebody cancelled it.
    """
    if recorder is None:
        desk.refuse_workers(work.id)
    request = wishes.read(work.folder)
    with turn.hold(work.folder):
        again = _begin(desk, work)
        recorder = recorder or Recorder(desk, work.id, watcher.looked)
        try:
            outcomes = _line(desk, work, request, recorder, watcher, again=again)
            _leave_report(work, request, outcomes)
            _done(desk, work, recorder, outcomes)
        except CancelledError:
            _close(desk, work, recorder, None)
            raise
        except FailedError as exc:
            _failed(desk, work, recorder, exc)
            raise _with_job(exc, work) from exc
        except ReconError as exc:
            recorder.end(
                State.FAILED, {"error_message": exc.message}, Failure("run", type(exc).__name__, exc.message, "")
            )
            raise
        except Stopped:
            with suppress(ReconError):
                desk.table.move(work.id, State.PENDING)
            watcher.warned(f"job {work.id} waits: `recon reconstruct --resume {work.id}` goes on where it stopped")
            raise
        desks.remember(desk, work.id)
        return result.report(desk, work, request)


def _done(desk: Desk, work: Work, recorder: Recorder, outcomes: Mapping[str, Mapping[str, Json]]) -> None:
    """Say that it is done, unless somebody cancelled it after the last stage had looked."""
    try:
        recorder.end(State.DONE, {**result.cells(work, outcomes), "completed_at": now(), "progress": 100})
    except GuardError:
        if desk.table.get(work.id).state is State.CANCELLED:
            raise CancelledError("cancelled when its last stage was done") from None
        raise


def _leave_report(work: Work, request: wishes.Request, outcomes: Mapping[str, Mapping[str, Json]]) -> None:
    """`report.json` among the results: what was asked, and what every stage gave and took."""
    stages: dict[str, Json] = {name: dict(outcome) for name, outcome in outcomes.items()}
    document: dict[str, Json] = {
        "schema": "recon.job-report/1",
        "job": work.id,
        "request": request.document(),
        "stages": stages,
    }
    body = json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "surrogateescape")
    atomic.write_file(work.result / "report.json", body)


def _begin(desk: Desk, work: Work) -> bool:
    """Let the job wait for its turn; whether it ran before."""
    row = desk.table.get(work.id)
    again = work.log.exists()
    cells: dict[str, Cell] = {"error_message": None, "error_stage": None, "completed_at": None}
    if row.state is State.DONE:
        raise GuardError(
            f"job {work.id} is done already",
            hint=f"its result is in {work.result}; `recon job show {work.id}` tells more",
        )
    if row.state is State.RUNNING:
        desk.table.move(work.id, State.PENDING)  # we hold it, so nobody runs it
    desk.table.move(work.id, State.PENDING, cells)
    (work.folder / SIDECAR).unlink(missing_ok=True)
    return again


def _line(
    desk: Desk, work: Work, request: wishes.Request, recorder: Recorder, watcher: Watcher, *, again: bool
) -> Mapping[str, Mapping[str, Json]]:
    def wait(before: int) -> None:
        if recorder.cancelled():
            raise CancelledError("cancelled while waiting for its turn")
        watcher.progress.update(before, None, "jobs before this one" if before else "waiting for a running job to end")
        time.sleep(_LOOK_S)

    with turn.taken(desk.root, desk.most, lambda: desk.ahead(work.id), wait):
        row = desk.table.get(work.id)
        cells: dict[str, Cell] = {"started_at": row.cells.get("started_at") or now()}
        if again:
            cells["retry_count"] = int(row.number("retry_count") or 0) + 1
            watcher.told(f"going on with job {work.id} at stage {first_unfinished(work) + 1}")
        _move_to_running(desk, work, cells)
        return Line(work, request, recorder, watcher.progress, told=watcher.told).run()


def _move_to_running(desk: Desk, work: Work, cells: Mapping[str, Cell]) -> None:
    try:
        desk.table.move(work.id, State.RUNNING, cells)
    except GuardError:
        if desk.table.get(work.id).state is State.CANCELLED:
            raise CancelledError("cancelled while waiting for its turn") from None
        raise


def _failed(desk: Desk, work: Work, recorder: Recorder, exc: FailedError) -> None:
    trace = exc.trace.strip()
    message = " · ".join(filter(None, (exc.message, exc.cause)))
    cells: dict[str, Cell] = {"error_message": message, "error_stage": exc.stage, "completed_at": now()}
    failure = Failure(exc.stage, exc.kind, message, trace)
    recorder.end(State.FAILED, {**result.cells(work, result.outcomes(work)), **cells}, failure)
    with suppress(NotFoundError):
        desks.remember(desk, work.id)


def _close(desk: Desk, work: Work, recorder: Recorder, failure: Failure | None) -> None:
    """A cancelled job keeps what it has; its row says when it ended."""
    with suppress(GuardError, NotFoundError):
        if desk.table.get(work.id).state is not State.CANCELLED:
            recorder.end(State.CANCELLED, {}, failure)
        desk.table.note(work.id, {"completed_at": now()})
        desks.remember(desk, work.id)


def _with_job(exc: FailedError, work: Work) -> ReconError:
    """The stage's error, with the way to look and to go on."""
    error = exc.error
    ways = f"`recon job log {work.id}` shows the log, `recon job retry {work.id}` goes on"
    error.hint = f"{error.hint.replace(' JOB`', f' {work.id}`')}; {ways}" if error.hint else ways
    error.message = f"job {work.id}: {error.message}"
    return error
