"""What a camera solver does, whichever program does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Group:
    """Photos of one camera, by their working names; the solver gives them one set of intrinsics."""

    camera: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """How features are found: sides in pixels, `most` of one photo; `fine` looks at twice the size, too."""

    side_px: int
    most: int
    fine: bool
    threads: int


@dataclass(frozen=True, slots=True)
class Model:
    """One sparse model that a mapper made, by its numbers. `error_px` is the mean reprojection error."""

    folder: Path
    registered: int
    points: int
    error_px: float
    track_length: float


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder of mappers: which mapper, and what it is told other than the usual.

    `options` are names and values as COLMAP's own command line has them, without the leading `Mapper.`.
    """

    name: str
    mapper: str
    options: Mapping[str, float]


RELAXED = {
    "init_max_forward_motion": 1.0,
    "init_min_tri_angle": 2.0,
    "init_min_num_inliers": 50,
    "abs_pose_min_num_inliers": 15,
    "abs_pose_min_inlier_ratio": 0.15,
    "filter_min_tri_angle": 0.5,
}
"""Photos taken while moving forward see few points from far apart: usual limits leave them nothing to begin with."""
LADDER = (
    Rung("default", "incremental", {}),
    Rung("relaxed", "incremental", RELAXED),
    Rung("global", "global", {}),
    Rung("relaxed-more", "incremental", {**RELAXED, "init_min_num_inliers": 30, "init_min_tri_angle": 1.0}),
)
MIN_MODEL_SIZE = 3


class Solver(Protocol):
    """Cameras from photos. Everything is written below the paths given; a failed call may leave anything there.

    Calls raise a StageError when the solver fails, in its own words.
    """

    name: str

    def enter(self, database: Path, images: Path, masks: Path | None, groups: Sequence[Group]) -> None:
        """Make the database, and enter every photo with its camera, in order: ids do not depend on threads."""

    def features(self, database: Path, images: Path, masks: Path | None, names: Sequence[str], how: Finding) -> None:
        """Find the features of some of the photos entered."""

    def match(self, database: Path, pairs: Path, seed: int) -> None:
        """Match the pairs that a file lists, one a line, and verify them, with one thread: so it can be repeated."""

    def map(self, database: Path, images: Path, out: Path, rung: Rung, threads: int, seed: int) -> Sequence[Model]:
        """Make sparse models below `out`; none when no pair of photos is good enough to begin with."""

    def undistort(self, images: Path, model: Path, out: Path, side_px: int, threads: int) -> None:
        """Write `images/` and `sparse/` without distortion into `out`."""


def pairs(names: Sequence[str], window: int) -> Iterator[tuple[str, str]]:
    """Pairs worth matching: each photo with those after it in the window, and with ever rarer ones further away."""
    for number, first in enumerate(names):
        for other in range(number + 1, len(names)):
            gap = other - number
            if gap <= window or (gap & (gap - 1)) == 0:
                yield first, names[other]
