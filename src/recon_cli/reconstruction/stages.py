"""The stages of a reconstruction, as data: what runs, what it may take, and how its outputs are proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TypeAlias

from recon_cli.core.canonical import Json
from recon_cli.core.ports import Progress
from recon_cli.reconstruction import checks
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work

Outcome: TypeAlias = Mapping[str, Json]
Run: TypeAlias = Callable[[Work, Request, Progress], Outcome]
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    `entry` names the function that a child process runs, `module:name`; `weight` is its usual share of the whole, in
    percent; `check` gives the reason why its outputs are not what they should be. A stage must write its outputs in
    one step (`work.publish`) or be able to go on with what is there: it can be killed at any moment.
    """

    name: str
    title: str
    entry: str
    weight: int
    time_limit_s: float
    check: Callable[[Work], str | None]
    uses_gpu: bool = False


def load(entry: str) -> Run:
    """Import a stage's function, and with it the libraries it needs."""
    module, _, name = entry.partition(":")
    run: Run = getattr(import_module(module), name)
    return run


_HERE = "recon_cli.reconstruction"
STAGES: tuple[Stage, ...] = (
    Stage("validate", "judging the photos", f"{_HERE}.images.stage:run", 3, 2 * _HOUR_S, checks.photos),
    Stage("features", "finding features", f"{_HERE}.solving.features:run", 12, 6 * _HOUR_S, checks.features),
    Stage("matching", "matching photos", f"{_HERE}.solving.matching:run", 15, 24 * _HOUR_S, checks.matches),
    Stage("mapping", "solving cameras", f"{_HERE}.solving.mapping:run", 8, 12 * _HOUR_S, checks.model),
    Stage("undistort", "undistorting photos", f"{_HERE}.solving.undistort:run", 4, 2 * _HOUR_S, checks.scene),
    Stage("train", "training Gaussians", f"{_HERE}.finishing:train", 50, 48 * _HOUR_S, checks.cloud, uses_gpu=True),
    Stage("clean", "removing floaters", f"{_HERE}.finishing:clean", 2, 2 * _HOUR_S, checks.cleaned),
    Stage("export", "writing splats", f"{_HERE}.finishing:export", 3, 2 * _HOUR_S, checks.exported),
    Stage("viewer", "making the viewer", f"{_HERE}.finishing:viewer", 3, 1 * _HOUR_S, checks.viewer),
)
BY_NAME: Mapping[str, Stage] = {stage.name: stage for stage in STAGES}


def percent(stage: Stage, share: float) -> int:
    """How far a job is when `stage` is done to this share (0..1)."""
    before = sum(one.weight for one in STAGES[: STAGES.index(stage)])
    return min(99, round(before + stage.weight * min(max(share, 0.0), 1.0)))


def first_unfinished(work: Work) -> int:
    """The number of the first stage that is not done, or whose outputs are not what they were.

    A mark is believed as long as the stage's outputs are there and whole: what was deleted or cut since is done again.
    """
    for number, stage in enumerate(STAGES):
        if work.outcome(stage.name) is None or stage.check(work) is not None:
            return number
    return len(STAGES)
