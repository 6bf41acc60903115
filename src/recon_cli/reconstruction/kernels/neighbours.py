"""Nearest neighbours and clusters of points in space, compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import prange

from recon_cli.reconstruction.kernels.jit import kernel, parallel

LEAF = 16
"""Points of a leaf of the tree."""

Array = npt.NDArray[Any]


@kernel
def _build(points, order, axes, splits):
    """Sort `order` into a balanced tree: node k has children 2k+1 and 2k+2, split at the median of its longest side."""
    count = len(order)
    stack = [(0, 0, count)]
    while len(stack) > 0:
        node, start, end = stack.pop()
        if end - start <= LEAF or node >= len(axes):
            continue
        part = order[start:end]
        longest, axis = -1.0, 0
        for k in range(3):
            values = points[part, k]
            side = values.max() - values.min()
            if side > longest:
                longest, axis = side, k
        ranks = np.argsort(points[part, axis])
        order[start:end] = part[ranks]
        middle = (start + end) // 2
        axes[node] = axis
        splits[node] = points[order[middle], axis]
        stack.append((2 * node + 1, start, middle))
        stack.append((2 * node + 2, middle, end))


@kernel
def _nearest(points, order, axes, splits, query, skip, distances):
    """Fill `distances` with the smallest squared distances from `query`, sorted; `skip` is not counted."""
    most = len(distances)
    for k in range(most):
        distances[k] = np.inf
    stack = [(0, 0, len(order), 0.0)]
    while len(stack) > 0:
        node, start, end, least = stack.pop()
        if least >= distances[most - 1]:
            continue
        if end - start <= LEAF or node >= len(axes):
            for at in range(start, end):
                other = order[at]
                if other == skip:
                    continue
                far = 0.0
                for k in range(3):
                    gap = points[other, k] - query[k]
                    far += gap * gap
                if far < distances[most - 1]:
                    k = most - 1
                    while k > 0 and distances[k - 1] > far:
                        distances[k] = distances[k - 1]
                        k -= 1
                    distances[k] = far
            continue
        middle = (start + end) // 2
        gap = query[axes[node]] - splits[node]
        across = max(least, gap * gap)
        if gap < 0:
            stack.append((2 * node + 2, middle, end, across))
            stack.append((2 * node + 1, start, middle, least))
        else:
            stack.append((2 * node + 1, start, middle, across))
            stack.append((2 * node + 2, middle, end, least))


@parallel
def _all(points, order, axes, splits, number, out):
    for block in prange((len(order) + 63) // 64):
        distances = np.empty(number)
        for at in range(block * 64, min(block * 64 + 64, len(order))):
            one = order[at]
            _nearest(points, order, axes, splits, points[one], one, distances)
            for k in range(number):
                out[one, k] = math.sqrt(distances[k])


def nearest(points: Array, number: int) -> Array:
    """Distances (n, number) from each of `points` (n, 3) to its nearest others, nearest first.

    Where there are fewer others, there are fewer columns.
    """
    number = min(number, len(points) - 1)
    if number < 1:
        return np.empty((len(points), 0))
    order = np.arange(len(points))
    nodes = 2 ** max(0, math.ceil(math.log2(max(1, len(points) / LEAF)))) - 1
    axes, splits = np.zeros(nodes, np.int64), np.zeros(nodes)
    points = np.ascontiguousarray(points, dtype=np.float64)
    _build(points, order, axes, splits)
    out = np.empty((len(points), number))
    _all(points, order, axes, splits, number, out)
    return out
