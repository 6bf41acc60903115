"""How far a drawing is from its photo: 0.8·L1 + 0.2·(1 − SSIM), with the exact gradient; PSNR.

SSIM as published (Wang et al. 2004): Gaussian window of 11 pixels with a deviation of 1.5, C1 = 0.01², C2 = 0.03², here
with zeros outside of the picture, as the field's trainers have it. The blur is its own transpose.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import prange

from recon_cli.reconstruction.kernels.jit import kernel, parallel

REACH = 5
SHARE = 0.2
"""The part of SSIM in the loss."""
_C1 = np.float32(0.01**2)
_C2 = np.float32(0.03**2)
_TWO = np.float32(2)

Picture = npt.NDArray[Any]


def window(kind: Any) -> Picture:  # noqa: ANN401  a numpy type
    """Half of the blur's weights, the middle last, in the type of the pictures."""
    weights = np.exp(-((np.arange(2 * REACH + 1) - float(REACH)) ** 2) / (2 * 1.5**2))
    half: Picture = (weights / weights.sum())[: REACH + 1].astype(kind)
    return half


@kernel
def _mix(w, a, b, c, d, e, f, g, h, i, j, k):
    """Eleven numbers, weighed."""
    return w[5] * f + w[4] * (e + g) + w[3] * (d + h) + w[2] * (c + i) + w[1] * (b + j) + w[0] * (a + k)


@parallel
def blur(planes, w, between, out):
    """Blur each of `planes` (n, height, width); `between` is scratch of the same shape."""
    count, height, width = planes.shape
    for line in prange(count * height):
        plane, y = line // height, line % height
        p = np.zeros(width + 2 * REACH, planes.dtype)
        p[REACH : REACH + width] = planes[plane, y]
        row = between[plane, y]
        for x in range(width):
            row[x] = _mix(
                w,
                p[x],
                p[x + 1],
                p[x + 2],
                p[x + 3],
                p[x + 4],
                p[x + 5],
                p[x + 6],
                p[x + 7],
                p[x + 8],
                p[x + 9],
                p[x + 10],
            )
    for line in prange(count * height):
        plane, y = line // height, line % height
        row = out[plane, y]
        for x in range(width):
            row[x] = w[5] * between[plane, y, x]
        for reach in range(1, REACH + 1):
            weight = w[REACH - reach]
            if y >= reach:
                other = between[plane, y - reach]
                for x in range(width):
                    row[x] += weight * other[x]
            if y + reach < height:
                other = between[plane, y + reach]
                for x in range(width):
                    row[x] += weight * other[x]


@parallel
def products(drawn, photo, out):
    """What SSIM needs the blur of: for each channel x, y, x², y², x·y."""
    channels, height, _ = drawn.shape
    for line in prange(channels * height):
        channel, y = line // height, line % height
        a, b = drawn[channel, y], photo[channel, y]
        out[5 * channel, y] = a
        out[5 * channel + 1, y] = b
        out[5 * channel + 2, y] = a * a
        out[5 * channel + 3, y] = b * b
        out[5 * channel + 4, y] = a * b


@parallel
def slopes(means, out, scores):
    """SSIM's slopes by the blurred x, x² and x·y of each channel into `out`; the sums of SSIM's rows into `scores`."""
    channels, height = scores.shape
    width = means.shape[2]
    for line in prange(channels * height):
        channel, y = line // height, line % height
        mx, my, xx, yy, xy = (
            means[5 * channel, y], means[5 * channel + 1, y], means[5 * channel + 2, y], means[5 * channel + 3, y],
            means[5 * channel + 4, y],
        )  # fmt: skip
        by_x, by_xx, by_xy = out[3 * channel, y], out[3 * channel + 1, y], out[3 * channel + 2, y]
        total = 0.0
        for x in range(width):
            a1 = _TWO * mx[x] * my[x] + _C1
            a2 = _TWO * (xy[x] - mx[x] * my[x]) + _C2
            b1 = mx[x] * mx[x] + my[x] * my[x] + _C1
            b2 = xx[x] + yy[x] - mx[x] * mx[x] - my[x] * my[x] + _C2
            score = a1 * a2 / (b1 * b2)
            by_xx[x] = -score / b2
            by_xy[x] = _TWO * a1 / (b1 * b2)
            by_x[x] = _TWO * (my[x] * (a2 - a1) / (b1 * b2) - mx[x] * score / b1 + mx[x] * score / b2)
            total += score
        scores[channel, y] = total


@parallel
def descent(drawn, photo, slopes_blurred, out):
    """The gradient of the loss by every pixel of `drawn`."""
    channels, height, width = drawn.shape
    by_l1 = drawn[0, 0, 0] * 0 + (1 - SHARE) / (channels * height * width)
    by_ssim = -SHARE / (channels * height * width)
    for line in prange(channels * height):
        channel, y = line // height, line % height
        for x in range(width):
            a, b = drawn[channel, y, x], photo[channel, y, x]
            ssim = slopes_blurred[3 * channel, y, x]
            ssim += _TWO * a * slopes_blurred[3 * channel + 1, y, x] + b * slopes_blurred[3 * channel + 2, y, x]
            sign = 1 if a > b else (-1 if a < b else 0)
            out[channel, y, x] = by_l1 * sign + by_ssim * ssim


class Loss:
    """Loss and gradient for pictures of one size; holds the scratch."""

    def __init__(self, height: int, width: int, kind: Any = np.float32) -> None:  # noqa: ANN401  a numpy type
        self.weights = window(kind)
        self.moments, self.between, self.means = (np.empty((15, height, width), kind) for _ in range(3))
        self.slopes, self.blurred = (np.empty((9, height, width), kind) for _ in range(2))
        self.scores = np.empty((3, height))
        self.out = np.empty((3, height, width), kind)

    def ssim(self, drawn: Picture, photo: Picture) -> float:
        """Mean SSIM of two pictures (3, height, width), 0 to 1."""
        products(drawn, photo, self.moments)
        blur(self.moments, self.weights, self.between, self.means)
        slopes(self.means, self.slopes, self.scores)
        return float(self.scores.sum() / drawn.size)

    def gradient(self, drawn: Picture, photo: Picture) -> Picture:
        """The gradient by `drawn`; the array is used again by the next call."""
        self.ssim(drawn, photo)
        blur(self.slopes, self.weights, self.between[:9], self.blurred)
        descent(drawn, photo, self.blurred, self.out)
        return self.out

    def value(self, drawn: Picture, photo: Picture) -> float:
        """The loss itself."""
        return (1 - SHARE) * float(np.abs(drawn - photo).mean()) + SHARE * (1 - self.ssim(drawn, photo))


def psnr_db(drawn: Picture, photo: Picture) -> float:
    """Peak signal to noise of colours 0 to 1, in dB."""
    error = float(np.mean((np.clip(drawn, 0, 1).astype(np.float64) - photo) ** 2))
    return 10 * math.log10(1 / max(error, 1e-12))
