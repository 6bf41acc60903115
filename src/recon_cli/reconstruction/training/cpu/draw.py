"""One view drawn and walked back: what `project`, `bins` and `raster` are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.reconstruction.kernels import bins, project, raster
from recon_cli.reconstruction.scene import View

Array = npt.NDArray[Any]


def camera_row(view: View, size: tuple[int, int]) -> Array:
    """A view's camera as the kernels take it, for a picture of another `size` (height, width) of the same part."""
    down, across = size[0] / view.pixels.shape[0], size[1] / view.pixels.shape[1]
    lens = np.array([view.focal[0] * across, view.focal[1] * down, view.middle[0] * across, view.middle[1] * down])
    return np.concatenate([view.rotation.ravel(), view.translation, lens, view.centre])


@dataclass(slots=True)
class Drawn:
    """A drawing (3, height, width), and what the way back needs of it."""

    image: Array
    rest: Array
    flat: Array
    offsets: Array
    owners: Array
    rows: Array
    slots: Array
    starts: Array
    ends: Array


def draw(params: Array, camera: Array, size: tuple[int, int], degree: int, *, near: float, background: Array) -> Drawn:
    """Draw Gaussians (rows of `project`'s parameters) as `camera` sees them, `size` (height, width) pixels."""
    kind = params.dtype
    flat = np.empty((len(params), raster.FLAT), kind)
    depth = np.empty(len(params), kind)
    project.project(params, camera, size, degree, near, flat, depth)
    counts = np.empty(len(params), np.int64)
    bins.count(flat, size, counts)
    offsets = np.zeros(len(params) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    total = int(offsets[-1])
    cells, reach = np.empty(total, np.int32), np.empty((total, 2), np.uint8)
    bins.spread(flat, size, offsets, cells, reach)
    height, width = size
    number = -(-height // raster.TILE) * -(-width // raster.TILE)
    starts, ends = np.zeros(number + 1, np.int64), np.empty(number, np.int64)
    owners, slots = np.empty(total, np.int32), np.empty(total, np.int32)
    rows = np.empty((total, 2), np.uint8)
    bins.arrange(np.argsort(depth, kind="stable"), offsets, cells, reach, starts, owners, rows, slots)
    image, rest = np.empty((3, height, width), kind), np.empty((height, width), kind)
    raster.forward(flat, owners, rows, starts, size, background, image, rest, ends)
    return Drawn(image, rest, flat, offsets, owners, rows, slots, starts, ends)


def walk_back(drawn: Drawn, wanted: Array) -> Array:
    """The gradients of every intersection (`raster.SLOT` each), from `wanted`, the gradient of the picture."""
    out = np.empty((len(drawn.slots), raster.SLOT), drawn.image.dtype)
    size = (drawn.image.shape[1], drawn.image.shape[2])
    raster.backward(
        drawn.flat, drawn.owners, drawn.rows, drawn.slots, drawn.starts, drawn.ends, size, drawn.image, wanted, out
    )
    return out
