"""What a trainer promises, whatever it runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PLY = "point_cloud.ply"
"""The name of what a training leaves."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What is asked of a training; `None` leaves it to the preset.

    `threads` 0 takes all cores; the result does not depend on it. `command` is the template of an external trainer:
    words with `{scene}`, `{out}`, `{iterations}`, `{ply}` in them, or `inria:PATH/train.py`. `strategy` is how gsplat
    grows: `mcmc` or `default`.
    """

    preset: str = "standard"
    iterations: int | None = None
    max_gaussians: int | None = None
    max_side_px: int | None = None
    seed: int = 0
    use_all_views: bool = False
    threads: int = 0
    command: str = ""
    strategy: str = "mcmc"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is; `psnr_db` is that of the last score on held-out views, when there was one."""

    done: int
    total: int
    psnr_db: float | None
    gaussians: int


@dataclass(frozen=True, slots=True)
class TrainOutcome:
    """What a training gave. Scores are means over the held-out views, NaN where there are none or none is known."""

    gaussians: int
    psnr_db: float
    ssim: float
    seconds: float
    iterations: int
    ply: Path


class Trainer(Protocol):
    """A way to make Gaussians of a solved scene."""

    name: str

    def available(self) -> str | None:
        """None when it can run here, else the reason why not, in words for people."""

    def train(
        self,
        scene_folder: Path,
        out: Path,
        options: TrainOptions,
        on_progress: Callable[[Progress], None],
        resume: bool,  # noqa: FBT001  said by name at every call
    ) -> TrainOutcome:
        """Train on `scene_folder` (`images/` and `sparse/`, undistorted) and leave `point_cloud.ply` in `out`.

        Checkpoints lie in `out`, written whole or not at all. With `resume` it goes on at the last one, with the same
        final bytes as without the break; without one it begins anew.

        Raises:
            StageError: the training failed; there is no `point_cloud.ply`.
            DataError: the scene cannot be trained on.
            ToolMissingError: `available()` gives a reason.
            ReconError: the disk is full.
        """
