"""More Gaussians where the picture pulls at them, fewer where they show nothing; never more than there is room for.

Those with the largest mean gradient on the picture are doubled: wide ones are cut in two along their longest axis,
small ones are copied. The opacity of the two is such that together they cover as much as one did.
Nothing here is random.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.reconstruction.training.cpu.state import State

Array = npt.NDArray[Any]
FAINT = 0.01
"""Under this opacity a Gaussian is taken out."""
WIDEST = 0.5
"""Over this part of the scene's extent, too."""
WIDE = 0.004
"""From this part of the extent on a Gaussian is cut in two, else copied."""
LEAST_STRAIN = 2e-5
"""Under this mean gradient (in half pictures) nobody is doubled."""


def grow(state: State, target: int, extent: float) -> None:
    """Take out what shows nothing, then double the most strained until there are `target`."""
    prune(state, extent)
    room = min(target, state.capacity) - state.count
    if room > 0:
        seen = np.maximum(state.strain[: state.count, 1], 1)
        mean = state.strain[: state.count, 0] / seen
        order = np.argsort(-mean, kind="stable")[: min(room, state.count)]
        double(state, order[mean[order] > LEAST_STRAIN], extent)
    state.strain[:] = 0


def prune(state: State, extent: float) -> None:
    """Take out the faint, the far too wide and those that are no numbers."""
    rows = state.params[: state.count]
    good = (rows[:, 10] > math.log(FAINT / (1 - FAINT))) & (rows[:, 3:6].max(axis=1) < math.log(WIDEST * extent))
    keep = np.flatnonzero(good & np.isfinite(rows).all(axis=1))
    if not len(keep) or len(keep) == state.count:
        return
    for array in (state.params, state.first, state.second, state.times, state.strain):
        array[: len(keep)] = array[keep]
        array[len(keep) :] = 0
    state.count = len(keep)


def double(state: State, which: Array, extent: float) -> None:
    """Make two of each of `which`."""
    start, end = state.count, state.count + len(which)
    state.params[start:end] = state.params[which]
    rows = state.params[which]
    opacity = 1 / (1 + np.exp(-rows[:, 10].astype(np.float64)))
    half = np.clip(1 - np.sqrt(1 - opacity), 1e-4, 1 - 1e-4)
    longest = rows[:, 3:6].argmax(axis=1)
    each = np.arange(len(rows))
    length = np.exp(rows[each, 3 + longest].astype(np.float64))
    wide = length > WIDE * extent
    shift = np.where(wide[:, None], 0.5 * length[:, None] * _axis(rows[:, 6:10], longest), 0)
    narrow = np.zeros((len(rows), 3))
    narrow[wide] = -0.1
    narrow[each[wide], longest[wide]] = math.log(0.6)
    for place, side in ((which, 1), (np.arange(start, end), -1)):
        changed = rows.copy()
        changed[:, :3] += side * shift
        changed[:, 3:6] += narrow
        changed[:, 10] = np.log(half / (1 - half))
        state.params[place] = changed
        for array in (state.first, state.second, state.times):
            array[place] = 0
    state.count = end


def _axis(turns: Array, which: Array) -> Array:
    """The unit vector of one axis of each rotation (w first)."""
    w, x, y, z = (turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float64).T
    columns = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
            [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
            [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    axis: Array = columns.transpose(2, 0, 1)[np.arange(len(which)), which]
    return axis
