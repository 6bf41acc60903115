"""Draw flat Gaussians tile by tile, and the way back from pixels to their gradients.

A tile is 16×16 pixels. All that one tile needs per pixel lies in one buffer, a quantity every 256 numbers: with one
base and constant distances the compiler can prove that nothing overlaps, and vectorises over runs of whole rows.
The way back walks front to back again: with g the gradient of a pixel and `left` the part of g·colour that lies behind,
dL/dα = T·(c·g) − left/(1−α). Each intersection writes its own slot, so no sum depends on the order of threads.

A flat Gaussian is a row of FLAT numbers: u, v, the inverse covariance a, b, c, opacity, cut, red, green, blue.
`cut` is ln(255·opacity): where the exponent is over it, the Gaussian is under 1/255 and is not there.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from recon_cli.reconstruction.kernels.jit import kernel, parallel

FLAT = 10
SLOT = 9
"""Gradients of one intersection: u, v, a, b, c, logit of opacity, red, green, blue."""
TILE = 16
CELL = 256
CHECK = 8
"""After so many Gaussians a tile looks whether it is opaque."""
OPAQUE = 1e-4

_ONE = np.float32(1)
_HALF = np.float32(0.5)
_CAP = np.float32(0.99)
_FAR = np.float32(8)
_STEP = np.float32(1 / 64)
_SIXTH = np.float32(1 / 6)
_TWENTY_FOURTH = np.float32(1 / 24)


@kernel
def falling(x):
    """exp(−x) for 0 ≤ x ≤ 8: fourth Taylor polynomial of exp(−x/64), to the power of 64; relative error under 3e-5."""
    y = x * _STEP
    p = _ONE - y * (_ONE - y * (_HALF - y * (_SIXTH - y * _TWENTY_FOURTH)))
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    return p * p


@parallel
def forward(flat, owners, rows, starts, size, background, image, rest, ends):
    """Draw into `image` (3, height, width) and `rest` (height, width), what light is left at the end.

    `owners` and `rows` have the Gaussian and its first and last row in the tile, tile after tile (`starts`), front to
    back. `ends` gets how many a tile needed until it was opaque.
    """
    height, width = size
    across = (width + TILE - 1) // TILE
    for tile in prange(len(starts) - 1):
        left = (tile % across) * TILE
        top = (tile // across) * TILE
        work = np.zeros(CELL * 6, flat.dtype)
        for k in range(CELL):
            work[k] = _ONE
            work[CELL * 4 + k] = np.float32(left + k % TILE) + _HALF
            work[CELL * 5 + k] = np.float32(top + k // TILE) + _HALF
        end = starts[tile + 1]
        for at in range(starts[tile], starts[tile + 1]):
            one = flat[owners[at]]
            u, v, a, b, c, opacity, cut = one[0], one[1], one[2], one[3], one[4], one[5], one[6]
            red, green, blue = one[7], one[8], one[9]
            part = work[rows[at, 0] * TILE :]
            for k in range((rows[at, 1] - rows[at, 0]) * TILE):
                dx = part[CELL * 4 + k] - u
                dy = part[CELL * 5 + k] - v
                x = _HALF * (a * dx * dx + c * dy * dy) + b * dx * dy
                near = min(_FAR, x)
                alpha = opacity * falling(near)
                alpha = min(_CAP, alpha)
                alpha = alpha if x <= cut else np.float32(0)
                light = part[k]
                weight = alpha * light
                part[k] = light - weight
                part[CELL + k] += weight * red
                part[CELL * 2 + k] += weight * green
                part[CELL * 3 + k] += weight * blue
            if (at - starts[tile]) % CHECK == CHECK - 1:
                most = work[0]
                for k in range(CELL):
                    most = max(most, work[k])
                if most < OPAQUE:
                    end = at + 1
                    break
        ends[tile] = end
        for y in range(top, min(top + TILE, height)):
            for x in range(left, min(left + TILE, width)):
                k = (y - top) * TILE + x - left
                rest[y, x] = work[k]
                for channel in range(3):
                    image[channel, y, x] = work[CELL * (1 + channel) + k] + work[k] * background[channel]


@parallel
def backward(flat, owners, rows, slots, starts, ends, size, image, wanted, out):
    """Gradients of every intersection into `out` (one row of SLOT each), from `wanted`, the gradient of `image`."""
    height, width = size
    across = (width + TILE - 1) // TILE
    for tile in prange(len(starts) - 1):
        left = (tile % across) * TILE
        top = (tile // across) * TILE
        work = np.zeros(CELL * 7, flat.dtype)
        for k in range(CELL):
            work[k] = _ONE
            work[CELL * 5 + k] = np.float32(left + k % TILE) + _HALF
            work[CELL * 6 + k] = np.float32(top + k // TILE) + _HALF
        for y in range(top, min(top + TILE, height)):
            for x in range(left, min(left + TILE, width)):
                k = (y - top) * TILE + x - left
                for channel in range(3):
                    work[CELL * (2 + channel) + k] = wanted[channel, y, x]
                    work[CELL + k] += wanted[channel, y, x] * image[channel, y, x]
        for at in range(ends[tile], starts[tile + 1]):
            for k in range(SLOT):
                out[slots[at], k] = 0
        for at in range(starts[tile], ends[tile]):
            one = flat[owners[at]]
            u, v, a, b, c, opacity, cut = one[0], one[1], one[2], one[3], one[4], one[5], one[6]
            red, green, blue = one[7], one[8], one[9]
            zero = _HALF * (u - u)
            s, sx, sy, sxx, sxy, syy, sr, sg, sb = zero, zero, zero, zero, zero, zero, zero, zero, zero
            part = work[rows[at, 0] * TILE :]
            for k in range((rows[at, 1] - rows[at, 0]) * TILE):
                dx = part[CELL * 5 + k] - u
                dy = part[CELL * 6 + k] - v
                x = _HALF * (a * dx * dx + c * dy * dy) + b * dx * dy
                near = min(_FAR, x)
                full = opacity * falling(near)
                alpha = min(_CAP, full)
                alpha = alpha if x <= cut else np.float32(0)
                light = part[k]
                weight = alpha * light
                wr = part[CELL * 2 + k]
                wg = part[CELL * 3 + k]
                wb = part[CELL * 4 + k]
                pull = red * wr + green * wg + blue * wb
                behind = part[CELL + k] - weight * pull
                part[CELL + k] = behind
                part[k] = light - weight
                q = alpha * (light * pull - behind / (_ONE - alpha))
                q = q if full < _CAP else np.float32(0)
                s += q
                sx += q * dx
                sy += q * dy
                sxx += q * dx * dx
                sxy += q * dx * dy
                syy += q * dy * dy
                sr += weight * wr
                sg += weight * wg
                sb += weight * wb
            slot = out[slots[at]]
            slot[0] = a * sx + b * sy
            slot[1] = b * sx + c * sy
            slot[2] = -_HALF * sxx
            slot[3] = -sxy
            slot[4] = -_HALF * syy
            slot[5] = s * (_ONE - opacity)
            slot[6] = sr
            slot[7] = sg
            slot[8] = sb
