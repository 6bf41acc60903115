"""Which Gaussian touches which tile, in order of depth.

The bounds are exact: a Gaussian is listed in a tile when the ellipse inside which it is over 1/255 has a part there,
and only the rows of the tile are walked that this part has.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from recon_cli.reconstruction.kernels.jit import kernel, parallel
from recon_cli.reconstruction.kernels.raster import TILE

BLOCK = 256
"""Gaussians of one parallel step: fixed, so that no result depends on the number of threads."""


@kernel
def band(low, high, a, b, c, cut):
    """The reach in x of the ellipse a·x² + 2b·x·y + c·y² ≤ 2·cut where low ≤ y ≤ high; none if the first is larger."""
    det = a * c - b * b
    if cut <= 0 or det <= 0:
        return 1.0, -1.0
    tall = math.sqrt(2 * cut * a / det)
    low = max(low, -tall)
    high = min(high, tall)
    if low > high:
        return 1.0, -1.0
    wide = math.sqrt(2 * cut * c / det)
    corner = -b / c * wide  # the y at which x is largest; at −corner it is smallest
    y = min(max(corner, low), high)
    right = (-b * y + math.sqrt(max(0.0, y * y * (b * b - a * c) + 2 * cut * a))) / a
    y = min(max(-corner, low), high)
    left = (-b * y - math.sqrt(max(0.0, y * y * (b * b - a * c) + 2 * cut * a))) / a
    return left, right


@kernel
def bounds(one, size):
    """First and last row of tiles, exclusive, of a flat Gaussian."""
    low, high = band(-1e30, 1e30, one[4], one[3], one[2], one[6])  # with x and y exchanged: the reach in y
    if low > high:
        return 0, 0
    down = (size[0] + TILE - 1) // TILE
    first = math.floor((one[1] + low) / TILE)
    last = math.floor((one[1] + high) / TILE) + 1
    return int(min(max(first, 0), down)), int(min(max(last, 0), down))


@kernel
def tiles(one, row, size):
    """First and last tile, exclusive, that a flat Gaussian touches in a row of tiles."""
    top = row * TILE - one[1]
    low, high = band(top, top + TILE, one[2], one[3], one[4], one[6])
    if low > high:
        return 0, 0
    across = (size[1] + TILE - 1) // TILE
    first = math.floor((one[0] + low) / TILE)
    last = math.floor((one[0] + high) / TILE) + 1
    return int(min(max(first, 0), across)), int(min(max(last, 0), across))


@parallel
def count(flat, size, counts):
    """How many tiles each Gaussian touches."""
    for block in prange((len(flat) + BLOCK - 1) // BLOCK):
        for number in range(block * BLOCK, min(block * BLOCK + BLOCK, len(flat))):
            total = 0
            if flat[number, 6] > 0:
                first, last = bounds(flat[number], size)
                for row in range(first, last):
                    low, high = tiles(flat[number], row, size)
                    total += max(0, high - low)
            counts[number] = total


@parallel
def spread(flat, size, offsets, cells, reach):
    """The tile of every slot, and the rows of it (first, last exclusive); slots of one Gaussian lie side by side."""
    across = (size[1] + TILE - 1) // TILE
    for block in prange((len(flat) + BLOCK - 1) // BLOCK):
        for number in range(block * BLOCK, min(block * BLOCK + BLOCK, len(flat))):
            one = flat[number]
            slot = offsets[number]
            if offsets[number + 1] == slot:
                continue
            first, last = bounds(one, size)
            for row in range(first, last):
                start, end = tiles(one, row, size)
                for column in range(start, end):
                    side = column * TILE - one[0]
                    low, high = band(side, side + TILE, one[4], one[3], one[2], one[6])
                    cells[slot] = row * across + column
                    top = one[1] - row * TILE
                    reach[slot, 0] = np.uint8(min(max(math.floor(top + low - 0.5), 0), TILE))
                    reach[slot, 1] = np.uint8(min(max(math.ceil(top + high + 0.5), 0), TILE))
                    if low > high or reach[slot, 1] < reach[slot, 0]:
                        reach[slot, 1] = reach[slot, 0]
                    slot += 1


@kernel
def arrange(order, offsets, cells, reach, starts, owners, rows, slots):
    """Lists of the tiles, front to back: counting sort by tile of the slots taken in `order` of depth."""
    for cell in cells:
        starts[cell + 1] += 1
    for tile in range(len(starts) - 1):
        starts[tile + 1] += starts[tile]
    cursor = starts.copy()
    for number in order:
        for slot in range(offsets[number], offsets[number + 1]):
            at = cursor[cells[slot]]
            cursor[cells[slot]] = at + 1
            owners[at] = number
            rows[at, 0] = reach[slot, 0]
            rows[at, 1] = reach[slot, 1]
            slots[at] = slot
