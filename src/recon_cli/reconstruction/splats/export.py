"""A splat in the formats that viewers take, whole and in smaller versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recon_cli.reconstruction.splats import files
from recon_cli.reconstruction.splats.gaussians import Gaussians


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Of the smaller versions: the share of the Gaussians, those that are seen most, and the degree of harmonics."""

    medium_share: float = 0.5
    medium_degree: int = 1
    light_share: float = 0.2
    light_degree: int = 0


@dataclass(frozen=True, slots=True)
class Exported:
    """One file: its path, what it holds, its size."""

    path: Path
    gaussians: int
    size_bytes: int


def export(ply: Path, out_folder: Path, options: ExportOptions) -> tuple[Exported, ...]:
    """Write `scene.*`, `scene-medium.*` and `scene-light.*` into `out_folder`, as `.ply`, `.splat` and `.spz`.

    What is not a number is left out; the Gaussians that are seen most come first.

    Raises:
        DataError: `ply` is no splat.
        ReconError: the file system refuses.
    """
    out_folder.mkdir(parents=True, exist_ok=True)
    whole = seen_most(files.read(ply), 1.0)
    versions = {
        "scene": whole,
        "scene-medium": lighter(whole, options.medium_share, options.medium_degree),
        "scene-light": lighter(whole, options.light_share, options.light_degree),
    }
    written = []
    for name, gaussians in versions.items():
        for form in files.FORMATS:
            path = out_folder / f"{name}.{form}"
            written.append(Exported(path, len(gaussians), files.write(gaussians, path)))
    return tuple(written)


def seen_most(gaussians: Gaussians, share: float) -> Gaussians:
    """The share of the Gaussians that cover most, first the largest: opacity times the area of the two longer axes."""
    good = gaussians.take(gaussians.finite())
    longer = np.sort(good.log_scales, axis=1)[:, 1:].sum(axis=1)
    order = np.argsort(-(longer + np.log(good.opacities() + 1e-9)), kind="stable")
    return good.take(order[: max(1, round(share * len(order)))])


def lighter(gaussians: Gaussians, share: float, degree: int) -> Gaussians:
    """Fewer, with fewer harmonics."""
    fewer = seen_most(gaussians, share)
    return fewer.with_degree(min(degree, fewer.degree))


def count(path: Path) -> int:
    """How many Gaussians a `.ply`, `.splat` or `.spz` holds, from its header or size alone.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is none of those.
    """
    return files.head(path).count
