"""DBSCAN on a grid, exact, compiled.

Cells are so small that all points of one are within the radius of each other; so a cell with enough points is dense
as a whole, and neighbours are only looked for in the 5×5×5 cells around (Gunawan 2013).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.reconstruction.kernels.jit import kernel

Array = npt.NDArray[Any]
FAR = 1 << 20
"""Cells on each side at most: what lies outside is put into the outermost."""


def find(points: Array, radius: float, min_points: int) -> Array:
    """A label from 0 on for each of `points` (n, 3), -1 for noise. A point counts as a neighbour of itself."""
    points = np.ascontiguousarray(points, dtype=np.float64)
    side = radius / math.sqrt(3) * (1 - 1e-9)
    places = np.clip(np.floor((points - np.median(points, axis=0)) / side), -FAR, FAR).astype(np.int64) + FAR
    keys = (places[:, 0] << 42) | (places[:, 1] << 21) | places[:, 2]
    order = np.argsort(keys, kind="stable")
    cells, starts = np.unique(keys[order], return_index=True)
    bounds = np.append(starts, len(points))
    labels = np.full(len(points), -1, np.int64)
    _label(points, order, cells, bounds, radius * radius, min_points, labels)
    return labels


@kernel
def _around(cells, cell, out):
    """Indexes of the cells there are within two steps of `cell`, itself first; gives their number."""
    out[0] = cell
    number = 1
    for x in range(-2, 3):
        for y in range(-2, 3):
            first = cells[cell] + (x << 42) + (y << 21) - 2
            at = np.searchsorted(cells, first)
            while at < len(cells) and cells[at] <= first + 4:
                if at != cell:
                    out[number] = at
                    number += 1
                at += 1
    return number


@kernel
def _close(points, one, other, limit):
    far = 0.0
    for k in range(3):
        gap = points[one, k] - points[other, k]
        far += gap * gap
    return far <= limit


@kernel
def _root(parents, one):
    while parents[one] != one:
        parents[one] = parents[parents[one]]
        one = parents[one]
    return one


@kernel
def _cores(points, order, cells, bounds, limit, least):
    """Which points have at least `least` others, or themselves, within reach."""
    core = np.zeros(len(points), np.bool_)
    near = np.empty(125, np.int64)
    for cell in range(len(cells)):
        inside = bounds[cell + 1] - bounds[cell]
        number = 0
        if inside < least:
            number = _around(cells, cell, near)
        for at in range(bounds[cell], bounds[cell + 1]):
            found = inside
            for k in range(1, number):
                for other in range(bounds[near[k]], bounds[near[k] + 1]):
                    if found >= least:
                        break
                    found += _close(points, order[at], order[other], limit)
            core[order[at]] = found >= least
    return core


@kernel
def _touch(points, order, core, one, other, limit):
    """Whether a core point of one run of `order` is within reach of one of the other."""
    for first in range(one[0], one[1]):
        if core[order[first]]:
            for second in range(other[0], other[1]):
                if core[order[second]] and _close(points, order[first], order[second], limit):
                    return True
    return False


@kernel
def _label(points, order, cells, bounds, limit, least, labels):
    core = _cores(points, order, cells, bounds, limit, least)
    parents = np.arange(len(cells))
    near = np.empty(125, np.int64)
    for cell in range(len(cells)):
        number = _around(cells, cell, near)
        for k in range(1, number):
            other = near[k]
            if other < cell and _root(parents, cell) != _root(parents, other):
                here, there = (bounds[cell], bounds[cell + 1]), (bounds[other], bounds[other + 1])
                if _touch(points, order, core, here, there, limit):
                    parents[_root(parents, cell)] = _root(parents, other)
    names = np.full(len(cells), -1, np.int64)
    known = 0
    for cell in range(len(cells)):
        for at in range(bounds[cell], bounds[cell + 1]):
            if core[order[at]]:
                root = _root(parents, cell)
                if names[root] < 0:
                    names[root] = known
                    known += 1
                labels[order[at]] = names[root]
    for cell in range(len(cells)):
        number = _around(cells, cell, near)
        for at in range(bounds[cell], bounds[cell + 1]):
            one = order[at]
            for k in range(number):
                for other in range(bounds[near[k]], bounds[near[k] + 1]):
                    if labels[one] < 0 and core[order[other]] and _close(points, one, order[other], limit):
                        labels[one] = labels[order[other]]
