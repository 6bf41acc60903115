"""The foreman: a thread that starts waiting jobs, each in a thread of its own, as many as the desk allows."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from recon_cli.core.errors import ReconError
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct import desk as desks
from recon_cli.jobs.reconstruct import run as running
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.reconstruct.run import Watcher
from recon_cli.ops.signals import Stopped
from recon_cli.reconstruction import turn, work
from recon_cli.reconstruction.jobtable import Cell, Failure, now

_LOOK_S, _SETTLE_S, _STRANGER_S, _END_S = 1.0, 10.0, 15.0, 20.0


@dataclass(slots=True)
class Foreman:
    """Runs the jobs of one desk for as long as the server lives.

    Jobs that this server took in start at once; others that nobody holds, after a while: who made them may be about
    to run them himself. A stop lets running jobs wait; whoever runs the desk next goes on with them.
    """

    desk: Desk
    told: Callable[[str], None]
    crash: Callable[[BaseException], str]
    progress: Progress = field(default_factory=Silent)
    running: dict[str, threading.Thread] = field(default_factory=dict)
    trouble: str = ""
    """Why the last look failed; empty where it did not."""
    _ours: set[str] = field(default_factory=set)
    _seen: dict[str, float] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _asked: dict[str, int] = field(default_factory=dict)
    """How often each was asked for: a run that was asked for again meanwhile refuses nothing any more."""
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _settled: float = 0.0

    def start(self) -> None:
        """Begin; what waits in the table now was waiting before the server was: it goes on at once."""
        with suppress(ReconError):
            self._ours.update(row.id for row in self.desk.table.waiting())
        self._thread = threading.Thread(target=self._work, name="foreman", daemon=True)
        self._thread.start()

    def took(self, job_id: str) -> None:
        """A job came in, or is to go on."""
        self._ours.add(job_id)
        self._asked[job_id] = self._asked.get(job_id, 0) + 1
        self._refused.discard(job_id)
        self._wake.set()

    def stop(self) -> None:
        """Let every job wait and end, within seconds."""
        self._stop.set()
        self._wake.set()
        deadline = time.monotonic() + _END_S
        for thread in (self._thread, *self.running.values()):
            if thread is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def alive(self) -> bool:
        """Whether it looks for jobs."""
        return self._thread is not None and self._thread.is_alive()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
                self.trouble = ""
            except ReconError as exc:
                self.trouble = exc.message
            except Exception as exc:  # noqa: BLE001  the foreman must outlive everything
                self.trouble = self.crash(exc)
            self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _look(self) -> None:
        if time.monotonic() - self._settled > _SETTLE_S:
            desks.settle(self.desk)
            self._settled = time.monotonic()
        self.running = {job_id: thread for job_id, thread in self.running.items() if thread.is_alive()}
        workers = self.desk.table.fleet.runs()
        for row in self.desk.table.waiting():
            if row.id in workers:
                continue
            if len(self.running) >= self.desk.most or self._stop.is_set():
                return
            if self._may(row.id):
                self._begin(row.id)

    def _may(self, job_id: str) -> bool:
        folder = self.desk.root / job_id
        known = job_id in self.running or job_id in self._refused
        if known or not work.is_id(job_id) or not folder.is_dir() or turn.is_held(folder):
            return False
        first = self._seen.setdefault(job_id, time.monotonic())
        return job_id in self._ours or time.monotonic() - first > _STRANGER_S

    def _begin(self, job_id: str) -> None:
        thread = threading.Thread(target=self._run, args=(job_id,), name=f"job {job_id}", daemon=True)
        self.running[job_id] = thread
        thread.start()

    def _run(self, job_id: str) -> None:
        asked = self._asked.get(job_id, 0)
        watcher = Watcher(self.progress, lambda _text: None, lambda _text: None, self._looked)
        try:
            self.told(running.run(self.desk, self.desk.work(job_id), watcher).summary)
        except Stopped:
            return
        except ReconError as exc:
            self._refuse(job_id, asked)
            self.told(exc.message)
        except Exception as exc:  # noqa: BLE001  the boundary of a job
            self._refuse(job_id, asked)
            self._failed(job_id, self.crash(exc))
        finally:
            self._wake.set()

    def _refuse(self, job_id: str, asked: int) -> None:
        if self._asked.get(job_id, 0) == asked:
            self._refused.add(job_id)

    def _failed(self, job_id: str, told: str) -> None:
        cells: dict[str, Cell] = {"error_message": told, "error_stage": "run", "completed_at": now()}
        with suppress(ReconError):
            self.desk.table.move(job_id, State.FAILED, cells, Failure("run", "Unexpected", told, ""))

    def _looked(self) -> None:
        if self._stop.is_set():
            raise Stopped(signal.SIGTERM)
