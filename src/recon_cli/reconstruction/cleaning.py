"""Take floaters out of a splat: by the distance to neighbours, then by the size of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.reconstruction import warming
from recon_cli.reconstruction.splats import files
from recon_cli.reconstruction.splats import ply as ply_files


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """A Gaussian goes when its mean distance to `neighbours` others is over the mean by `deviations` deviations.

    Of the rest, clusters (DBSCAN, radius `reach` times the mean distance of the rest, `min_points` to be dense) with
    less than `min_share` of it go. One that is so wide that its neighbours lie within `spare_wide` of its deviations
    stays in any case: it is no speck but fills a part of the picture in which there are few (0: none is spared).
    """

    neighbours: int = 20
    deviations: float = 2.0
    reach: float = 3.0
    min_points: int = 10
    min_share: float = 0.01
    spare_wide: float = 3.0


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How many Gaussians there were, how many are left, why the others went. What is no number went by neighbours."""

    before: int
    after: int
    removed_by_neighbours: int
    removed_by_clusters: int


def clean(ply: Path, out: Path, options: CleanOptions) -> Cleaned:
    """Write what is left of `ply` to `out`, in the same order.

    Raises:
        DataError: `ply` is no splat.
        ReconError: the file system refuses.
        ToolMissingError: numba is not installed.
    """
    gaussians = files.read(ply)
    warming.ensure()
    finite = np.flatnonzero(gaussians.finite())
    reach = options.spare_wide * np.exp(gaussians.log_scales[finite].max(axis=1, initial=-np.inf))
    near, spared, mean = by_neighbours(gaussians.xyz[finite], reach, options)
    inliers = finite[near | spared]
    wide = spared[near | spared]
    kept = inliers[by_clusters(gaussians.xyz[inliers], mean, options) | wide]
    ply_files.write(gaussians.take(kept), out)
    return Cleaned(len(gaussians), len(kept), len(gaussians) - len(inliers), len(inliers) - len(kept))


def by_neighbours(
    points: npt.NDArray[Any], reach: npt.NDArray[Any], options: CleanOptions
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], float]:
    """Which points have their neighbours near enough, which reach them themselves, the mean distance of the former."""
    from recon_cli.reconstruction.kernels import neighbours  # noqa: PLC0415  compiles

    distances = neighbours.nearest(points, options.neighbours)
    if not distances.shape[1]:
        return np.ones(len(points), np.bool_), np.ones(len(points), np.bool_), 0.0
    means = distances.mean(axis=1)
    kept: npt.NDArray[np.bool_] = means <= means.mean() + options.deviations * means.std()
    return kept, means <= reach, float(means[kept].mean())


def by_clusters(points: npt.NDArray[Any], mean: float, options: CleanOptions) -> npt.NDArray[np.bool_]:
    """Which points are in a cluster that is large enough; all of them where none is."""
    from recon_cli.reconstruction.kernels import clusters  # noqa: PLC0415  compiles

    if len(points) <= options.min_points or mean <= 0:
        return np.ones(len(points), np.bool_)
    labels = clusters.find(points, options.reach * mean, options.min_points)
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    large = np.append(sizes >= options.min_share * len(points), False)
    return large[labels] if large.any() else np.ones(len(points), np.bool_)
