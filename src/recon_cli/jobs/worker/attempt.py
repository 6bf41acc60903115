"""One try at one job, in a process of its own: fetch, run what is not done, keep what is, bring home what ended.

`python -m recon_cli.jobs.worker.attempt`, started by a worker, which sends its `Order` and then beats. When the beats
stop this process ends at once, and the kernel ends its stage with it: a worker that may be taken for dead runs nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy import Connection

from recon_cli.core.errors import GuardError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.ports import Silent
from recon_cli.core.states import State
from recon_cli.files.registry import open_files
from recon_cli.jobs.reconstruct import desk as desks
from recon_cli.jobs.reconstruct import run as running
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.reconstruct.record import Recorder
from recon_cli.jobs.reconstruct.run import Watcher
from recon_cli.jobs.worker import depot as depots
from recon_cli.jobs.worker.depot import Depot
from recon_cli.jobs.worker.order import End, Order
from recon_cli.ops import signals
from recon_cli.ops.signals import Stopped
from recon_cli.reconstruction import request as wishes
from recon_cli.reconstruction import survival
from recon_cli.reconstruction.fleet import Lease, LostError
from recon_cli.reconstruction.jobtable import Cell, Failure, JobTable, Row, open_table
from recon_cli.reconstruction.process import CancelledError
from recon_cli.reconstruction.stages import Stage
from recon_cli.reconstruction.work import Work

T = TypeVar("T")
_LOOK_S, _AGAIN_S = 0.25, 1.0
_TRIES = 5
_LIVE = (State.PENDING, State.RUNNING)


class Away(Stopped):
    """The other side cannot be reached: the job goes back, as if somebody had stopped us."""

    def __init__(self, cause: ReconError) -> None:
        super().__init__(signal.SIGTERM)
        self.cause = cause


def main() -> int:
    """Read the order, and carry it out."""
    order = Order.read(sys.stdin.buffer.readline())
    survival.die_with_parent()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, order.silence_s), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to answer
    try:
        with signals.installed():
            return _carry_out(order)
    except Away as exc:
        _say(f"job {order.job_id} goes back: {exc.cause.message}: {exc.cause.cause}")
        return End.LATER
    except Stopped:
        return End.RETURNED
    except LostError as exc:
        _say(exc.message)
        return End.LOST
    except UnreachableError as exc:
        _say(f"job {order.job_id} goes back: {exc.message}: {exc.cause}")
        return End.LATER


def _carry_out(order: Order) -> End:
    lease = Lease(order.job_id, order.epoch)
    plain = _patiently(lambda: open_table(order.table.place()))
    table = _Patient.of(plain.fenced(lease))
    folder = depots.empty(Path(order.scratch) / f"{order.job_id}-{order.epoch}")
    work, files = Work(folder / order.job_id), open_files(order.files.place())
    depot = Depot(files, table.fleet, lease, work)
    try:
        return _run_or_bring_home(Desk(folder, table), work, depot, order)
    finally:
        files.close()
        table.close()


def _run_or_bring_home(desk: Desk, work: Work, depot: Depot, order: Order) -> End:
    try:
        state = desk.table.get(work.id).state
        _patiently(depot.fetch)
    except NotFoundError as exc:
        with suppress(GuardError, NotFoundError):
            desk.table.move(work.id, State.FAILED, *_unfound(exc))
        return End.ENDED
    if state in _LIVE and not _ran(desk, work, depot, order):
        return End.ENDED  # cancelled: the one who waits for it must not wait for files
    desks.remember(desk, work.id)
    _patiently(depot.home)
    return End.ENDED


def _unfound(exc: NotFoundError) -> tuple[Mapping[str, Cell], Failure]:
    told = f"its files are not there: {exc.message}"
    return {"error_message": told, "error_stage": "fetch"}, Failure("fetch", type(exc).__name__, told, "")


def _ran(desk: Desk, work: Work, depot: Depot, order: Order) -> bool:
    """Run the job, by programs of this machine alone; False where it was cancelled. How else it ended is in its row."""
    asked = wishes.read(work.folder)
    photos = work.folder / depots.PHOTOS / asked.photos.name
    asked = replace(asked, photos=photos, colmap=order.colmap, train_command=order.train_command)
    wishes.write(asked, work.folder)
    recorder = _Keeper(desk, work.id, depot=depot)
    try:
        running.run(desk, work, Watcher(Silent(), _say, _say), recorder)
    except CancelledError:
        _left(depot)
        return False
    except Stopped:
        _left(depot)
        raise
    except LostError:
        raise
    except ReconError as exc:
        if desk.table.get(work.id).state in _LIVE:
            raise Away(exc) from exc
        _say(f"{exc.message}: {exc.cause}" if exc.cause else exc.message)
    return True


def _left(depot: Depot) -> None:
    """Keep the logs of a run that ended early, as far as that is possible."""
    with suppress(ReconError):
        depot.keep(depots.END)


class _Keeper(Recorder):
    """A recorder that keeps every finished stage in the depot, and everything before the job's end is written."""

    def __init__(self, desk: Desk, job_id: str, *, depot: Depot) -> None:
        super().__init__(desk, job_id)
        self._depot = depot

    def finished(self, stage: Stage) -> None:
        """Keep what the stage left."""
        self._keep(stage.name)

    def cancelled(self) -> bool:
        """As `Recorder.cancelled`; a stop whose exception some library swallowed is raised here again."""
        if signals.stop_requested():
            raise Stopped(signal.SIGTERM)
        return super().cancelled()

    def end(self, state: State, cells: Mapping[str, Cell], failure: Failure | None = None) -> None:
        """Files first, then the row: a job that is done has a result."""
        self._keep(depots.END)
        super().end(state, cells, failure)

    def _keep(self, name: str) -> None:
        try:
            _patiently(lambda: self._depot.keep(name))
        except LostError:
            raise
        except ReconError as exc:
            if exc.retryable:
                raise Away(exc) from exc
            raise


def _patiently(act: Callable[[], T]) -> T:
    """Try again where the other side does not answer; the worker's beats bound how long that can go on."""
    for left in reversed(range(_TRIES)):
        try:
            return act()
        except UnreachableError:
            if not left:
                raise
            time.sleep(_AGAIN_S)
    raise AssertionError


class _Patient(JobTable):
    """A job table whose server may be restarted meanwhile."""

    @classmethod
    def of(cls, table: JobTable) -> _Patient:
        """The same table, patient."""
        other = cls.__new__(cls)
        other.__dict__.update(table.__dict__)
        return other

    def get(self, job_id: str) -> Row:
        """As `JobTable.get`."""
        return _patiently(lambda: super(_Patient, self).get(job_id))

    def move(
        self,
        job_id: str,
        to: State,
        cells: Mapping[str, Cell] | None = None,
        failure: Failure | None = None,
        also: Callable[[Connection], None] | None = None,
        only: Collection[State] = _LIVE,
    ) -> None:
        """As `JobTable.move`, but nothing that has ended lives again: it was cancelled meanwhile.

        An answer that was lost on its way is not taken for a refusal.
        """
        try:
            super().move(job_id, to, cells, failure, also, only)
        except UnreachableError:
            time.sleep(_AGAIN_S)
            try:
                _patiently(lambda: super(_Patient, self).move(job_id, to, cells, failure, also, only))
            except GuardError:
                if self.get(job_id).state is not to:
                    raise


def _listen(beats: BinaryIO, silence_s: float) -> None:
    """End this process when the beats stop, with the worker, or when nobody could tell any more."""
    heard = [_now_s()]

    def read() -> None:
        try:
            while beats.readline():
                heard[0] = _now_s()
        finally:
            os._exit(End.LOST)

    threading.Thread(target=read, daemon=True).start()
    try:
        while _now_s() - heard[0] < silence_s:
            time.sleep(_LOOK_S)
    finally:
        os._exit(End.LOST)


def _now_s() -> float:
    """Seconds that also pass while the machine sleeps, where it can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _say(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


if __name__ == "__main__":
    ended = main()
    sys.stderr.flush()
    os._exit(ended)  # two threads sit on standard input: an orderly end would wait for them
