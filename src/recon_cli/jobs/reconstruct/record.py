"""The recorder: how far a job is, in its row. Nothing here fails the job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from recon_cli.core.errors import NotFoundError, ReconError
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.reconstruction.jobtable import Cell, Failure
from recon_cli.reconstruction.stages import Stage, percent

_TELL_S, _ASK_S = 1.0, 0.5


@dataclass(slots=True)
class Recorder:
    """Writes a job's progress once a second at most, and asks twice a second whether it was cancelled."""

    desk: Desk
    job_id: str
    looked: Callable[[], None] = field(default=lambda: None)
    _told_at: float = 0.0
    _told: tuple[str, int] = ("", -1)
    _asked_at: float = 0.0
    _clock: Callable[[], float] = field(default=time.monotonic)

    def stage(self, stage: Stage, share: float) -> None:
        """The job is in this stage, done to this share (0..1)."""
        now, told = self._clock(), (stage.name, percent(stage, share))
        if told == self._told or (stage.name == self._told[0] and now - self._told_at < _TELL_S):
            return
        self._told, self._told_at = told, now
        with suppress(ReconError):
            self.desk.table.note(self.job_id, {"step": stage.name, "progress": told[1]})

    def finished(self, stage: Stage) -> None:
        """The stage is done. Here its files are where they belong already."""

    def cancelled(self) -> bool:
        """Whether somebody cancelled the job, or deleted its row; a table that does not answer says no."""
        self.looked()
        if self._clock() - self._asked_at < _ASK_S:
            return False
        self._asked_at = self._clock()
        try:
            return self.desk.table.get(self.job_id).state is State.CANCELLED
        except NotFoundError:
            return True
        except ReconError:
            return False

    def end(self, state: State, cells: Mapping[str, Cell], failure: Failure | None = None) -> None:
        """The job's last state. On a full disk the ballast is given up for it."""
        try:
            self.desk.table.move(self.job_id, state, cells, failure)
        except NotFoundError:
            return
        except ReconError:
            if not self.desk.ballast.drop():
                raise
            self.desk.table.move(self.job_id, state, cells, failure)
