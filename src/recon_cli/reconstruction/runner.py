"""The line: stage after stage from the first that is not done, each in a child, each proven before it counts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from recon_cli.core.canonical import Json
from recon_cli.core.errors import StageError
from recon_cli.core.ports import Progress
from recon_cli.reconstruction import process, survival, warming
from recon_cli.reconstruction.process import FailedError
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.stages import STAGES, Stage, first_unfinished
from recon_cli.reconstruction.work import Work

_TOOK = "took"
"""Under this name a mark keeps what its stage took; everything else in it is the stage's own."""


class Record(Protocol):
    """Who remembers how far a job is. Every call but `finished` is cheap, and none of those may fail the job."""

    def stage(self, stage: Stage, share: float) -> None:
        """The job is in this stage, done to this share (0..1)."""

    def finished(self, stage: Stage) -> None:
        """The stage is done, proven and marked. What is raised here fails the job."""

    def cancelled(self) -> bool:
        """Whether somebody asked for an end."""


@dataclass(frozen=True, slots=True)
class Line:
    """A job to be run: its folder, its wishes, who remembers, who watches. `stages` may be fewer for tests."""

    work: Work
    request: Request
    record: Record
    progress: Progress
    stages: Sequence[Stage] = STAGES
    told: Callable[[str], None] = field(default=lambda _text: None)

    def run(self) -> Mapping[str, Mapping[str, Json]]:
        """Run what is not done; gives every stage's outcome. A stage that fails takes the marks of later ones away.

        Raises:
            FailedError, CancelledError: a stage did not end well.
        """
        self.work.log.parent.mkdir(parents=True, exist_ok=True)
        self.work.append(f"=== Job {self.work.id} started ===")
        warm: subprocess.Popen[bytes] | None = None
        try:
            for number in range(first_unfinished(self.work), len(self.stages)):
                stage = self.stages[number]
                for later in STAGES[number:]:
                    self.work.forget(later.name)
                if stage.name == "features":
                    warm = warming.start(self.request, self.work.stage_log("warming"))
                if stage.name == "train":
                    # Also where it was not begun above: what was just compiled rounds otherwise than what is kept.
                    warm = warm or warming.start(self.request, self.work.stage_log("warming"))
                    warming.finish(warm, self.record.cancelled)
                self._stage(stage)
        finally:
            warming.stop(warm)
        self.work.append(f"=== Job {self.work.id} completed ===")
        return {stage.name: self.work.outcome(stage.name) or {} for stage in self.stages}

    def _stage(self, stage: Stage) -> None:
        self.work.append(f">> [{stage.name}] {stage.title}")
        self.record.stage(stage, 0.0)
        self.told(stage.title)
        watching = _Watching(stage, self.work.id, self.record, self.progress)
        try:
            ended = process.run(stage, self.work, _limits(stage, self.request), watching, self.record.cancelled)
            self._finish(stage, ended)
        except process.CancelledError as exc:
            self.work.append(f">> [INFO] {exc.message}")
            raise
        except FailedError as exc:
            self.work.append(f">> [ERROR] {exc.kind}: {_one_line(exc)}")
            raise

    def _finish(self, stage: Stage, ended: process.Ended) -> None:
        took: Json = {
            "seconds": round(ended.seconds, 3),
            "cpu_seconds": round(ended.cpu_seconds, 3),
            "peak_mb": round(ended.peak_mb, 1),
            **({"gpu_peak_mb": ended.gpu_peak_mb} if ended.gpu_peak_mb else {}),
        }
        self.work.finish(stage.name, {**ended.outcome, _TOOK: took})
        reason = stage.check(self.work)
        if reason is not None:
            self.work.forget(stage.name)
            error = StageError(
                f"{stage.title} left no usable result", cause=reason, hint=f"see {self.work.stage_log(stage.name)}"
            )
            raise FailedError(error, stage.name, "CheckFailed", process.tail(self.work.stage_log(stage.name)))
        self.record.stage(stage, 1.0)
        self.record.finished(stage)


@dataclass(slots=True)
class _Watching:
    """Progress of one stage, told to the terminal and to the record."""

    stage: Stage
    job: str
    record: Record
    shown: Progress

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        self.shown.update(done, total, f"job {self.job}: {self.stage.title} {note}".strip())
        if total:
            self.record.stage(self.stage, done / total)


def took(outcome: Mapping[str, Json], name: str) -> float:
    """What a finished stage took: `seconds`, `cpu_seconds`, `peak_mb`."""
    known = outcome.get(_TOOK)
    value = known.get(name) if isinstance(known, dict) else None
    return float(value) if isinstance(value, int | float) else 0.0


def _limits(stage: Stage, request: Request) -> process.Limits:
    memory = request.memory_mb * 1_000_000 if request.memory_mb else survival.memory_of_machine()
    return process.Limits(request.time_limit_s or stage.time_limit_s, memory)


def _one_line(exc: FailedError) -> str:
    return " · ".join(filter(None, (exc.message, exc.cause))).replace("\n", " ")
