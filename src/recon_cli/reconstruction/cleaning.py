"""Take floaters out of a splat: by the distance to neighbours, then by the size of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """A Gaussian goes when its mean distance to `neighbours` others is over the mean by `deviations` deviations.

    Of the rest, clusters (DBSCAN, radius `reach` times that mean distance, `min_points` to be dense) with less than
    `min_share` of it go.
    """

    neighbours: int = 20
    deviations: float = 2.0
    reach: float = 3.0
    min_points: int = 10
    min_share: float = 0.01


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many Gaussians there were, how many are left, and why the others went."""

    before: int
    after: int
    removed_by_neighbours: int
    removed_by_clusters: int


def clean(ply: Path, out: Path, options: CleanOptions) -> Cleaned:
    """Write what is left of `ply` to `out`.

    Raises:
        DataError: `ply` is no splat.
    """
    raise NotImplementedError
