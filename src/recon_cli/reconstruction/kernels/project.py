"""From Gaussians in space to flat ones on the picture, and the way back.

The covariance is carried by the local linear form of the projection (EWA splatting), widened by BLUR pixels² so that
nothing falls between pixels. A row of parameters is: position 3, log scale 3, rotation 4 (w first, any length), logit
of opacity 1, and 3 colours for each harmonic.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from recon_cli.reconstruction.kernels import harmonics
from recon_cli.reconstruction.kernels.bins import BLOCK
from recon_cli.reconstruction.kernels.jit import kernel, parallel
from recon_cli.reconstruction.kernels.raster import SLOT

BLUR = 0.3
SHAPE = 11
"""Parameters before the colours."""
BETAS = (0.9, 0.999)
EPSILON = 1e-15
MARGIN = 1.3
"""The linear form is taken at most this far outside of the picture, in half pictures."""
FAINTEST = 1 / 255
HUGE = 1e12
"""A Gaussian whose gradient is larger, or no number, stays as it is in this step."""


@kernel
def _turn(w, x, y, z, out):
    """The rotation of a unit quaternion."""
    out[0, 0] = 1 - 2 * (y * y + z * z)
    out[0, 1] = 2 * (x * y - w * z)
    out[0, 2] = 2 * (x * z + w * y)
    out[1, 0] = 2 * (x * y + w * z)
    out[1, 1] = 1 - 2 * (x * x + z * z)
    out[1, 2] = 2 * (y * z - w * x)
    out[2, 0] = 2 * (x * z - w * y)
    out[2, 1] = 2 * (y * z + w * x)
    out[2, 2] = 1 - 2 * (x * x + y * y)


@kernel
def _flatten(params, camera, size, axes, lens, flat_axes):
    """Fill `axes` (rotation times scale), `lens` (2×3: projection times view) and `flat_axes` (2×3, their product).

    Gives the place in the camera's frame, and whether the linear form was held back at the margin, in x and y.
    """
    px, py, pz = params[0], params[1], params[2]
    x = camera[0] * px + camera[1] * py + camera[2] * pz + camera[9]
    y = camera[3] * px + camera[4] * py + camera[5] * pz + camera[10]
    z = camera[6] * px + camera[7] * py + camera[8] * pz + camera[11]
    w, i, j, k = params[6], params[7], params[8], params[9]
    norm = math.sqrt(w * w + i * i + j * j + k * k)
    _turn(w / norm, i / norm, j / norm, k / norm, axes)
    for column in range(3):
        scale = math.exp(params[3 + column])
        for row in range(3):
            axes[row, column] *= scale
    fx, fy = camera[12], camera[13]
    limit_x = MARGIN * 0.5 * size[1] / fx
    limit_y = MARGIN * 0.5 * size[0] / fy
    tx = min(max(x / z, -limit_x), limit_x)
    ty = min(max(y / z, -limit_y), limit_y)
    for column in range(3):
        lens[0, column] = fx / z * (camera[column] - tx * camera[6 + column])
        lens[1, column] = fy / z * (camera[3 + column] - ty * camera[6 + column])
    for row in range(2):
        for column in range(3):
            total = 0.0
            for inner in range(3):
                total += lens[row, inner] * axes[inner, column]
            flat_axes[row, column] = total
    return x, y, z, abs(x / z) > limit_x, abs(y / z) > limit_y


@kernel
def _covariance(flat_axes):
    xx, xy, yy = BLUR, 0.0, BLUR
    for k in range(3):
        xx += flat_axes[0, k] * flat_axes[0, k]
        xy += flat_axes[0, k] * flat_axes[1, k]
        yy += flat_axes[1, k] * flat_axes[1, k]
    return xx, xy, yy


@kernel
def _look(params, camera):
    """The direction from the camera to a Gaussian, and the distance."""
    dx, dy, dz = params[0] - camera[16], params[1] - camera[17], params[2] - camera[18]
    far = math.sqrt(dx * dx + dy * dy + dz * dz)
    return dx / far, dy / far, dz / far, far


@parallel
def project(params, camera, size, degree, near, flat, depth):
    """Fill `flat` (see `raster`) and `depth`; what is not to be seen gets a `cut` of -1.

    `camera`: rotation 9, translation 3, fx, fy, cx, cy, place 3.
    """
    count = (degree + 1) ** 2
    for block in prange((len(params) + BLOCK - 1) // BLOCK):
        axes = np.empty((3, 3))
        lens = np.empty((2, 3))
        flat_axes = np.empty((2, 3))
        values = np.empty(16)
        for number in range(block * BLOCK, min(block * BLOCK + BLOCK, len(params))):
            one = params[number]
            out = flat[number]
            out[6] = -1
            z = camera[6] * one[0] + camera[7] * one[1] + camera[8] * one[2] + camera[11]
            depth[number] = z
            opacity = 1 / (1 + math.exp(-one[10]))
            if not (z > near and opacity > FAINTEST):
                continue
            x, y, z, _, _ = _flatten(one, camera, size, axes, lens, flat_axes)
            xx, xy, yy = _covariance(flat_axes)
            det = xx * yy - xy * xy
            u = camera[12] * x / z + camera[14]
            v = camera[13] * y / z + camera[15]
            cut = math.log(255 * opacity)
            wide, tall = math.sqrt(2 * cut * xx), math.sqrt(2 * cut * yy)
            if not (det > 0 and u + wide > 0 and v + tall > 0 and u - wide < size[1] and v - tall < size[0]):
                continue
            dx, dy, dz, _ = _look(one, camera)
            harmonics.basis(degree, dx, dy, dz, values)
            out[0], out[1], out[2], out[3], out[4] = u, v, yy / det, -xy / det, xx / det
            out[5], out[6] = opacity, cut
            for channel in range(3):
                total = 0.5
                for k in range(count):
                    total += values[k] * one[SHAPE + 3 * k + channel]
                out[7 + channel] = max(total, 0.0)


@kernel
def unproject(one, camera, size, degree, flat, pull, room, out):
    """Gradients of one Gaussian's parameters into `out`, from those of its flat form, `pull` (SLOT numbers).

    `room` is scratch: (8, 16) numbers.
    """
    axes, lens, flat_axes, values, wanted = room[0:3, :3], room[3:5, :3], room[5:7, :3], room[7], room[8]
    x, y, z, held_x, held_y = _flatten(one, camera, size, axes, lens, flat_axes)
    a, b, c = flat[2], flat[3], flat[4]
    # of the covariance: -K·G·K, where K is the inverse and G its gradient as a symmetric matrix
    ga, gb, gc = pull[2], 0.5 * pull[3], pull[4]
    gxx = -(a * a * ga + 2 * a * b * gb + b * b * gc)
    gxy = -(a * b * ga + (a * c + b * b) * gb + b * c * gc)
    gyy = -(b * b * ga + 2 * b * c * gb + c * c * gc)
    fx, fy = camera[12], camera[13]
    px, py, pz = fx / z * pull[0], fy / z * pull[1], 0.0
    pz = -(px * x + py * y) / z
    # of the flat axes: 2·G·N; of the lens: that times the axes
    turned = room[9:12, :3]
    lens_x = room[12, :3]
    lens_y = room[13, :3]
    for k in range(3):
        lens_x[k], lens_y[k] = 0.0, 0.0
    for column in range(3):
        gx = 2 * (gxx * flat_axes[0, column] + gxy * flat_axes[1, column])
        gy = 2 * (gxy * flat_axes[0, column] + gyy * flat_axes[1, column])
        for row in range(3):
            turned[row, column] = lens[0, row] * gx + lens[1, row] * gy
            lens_x[row] += gx * axes[row, column]
            lens_y[row] += gy * axes[row, column]
    # lens row 0 = fx/z·(r0 - tx·r2), row 1 = fy/z·(r1 - ty·r2)
    j0, j1, j2, j3 = 0.0, 0.0, 0.0, 0.0
    for k in range(3):
        j0 += lens_x[k] * camera[k]
        j1 += lens_x[k] * camera[6 + k]
        j2 += lens_y[k] * camera[3 + k]
        j3 += lens_y[k] * camera[6 + k]
    limit_x = MARGIN * 0.5 * size[1] / fx
    limit_y = MARGIN * 0.5 * size[0] / fy
    tx = min(max(x / z, -limit_x), limit_x)
    ty = min(max(y / z, -limit_y), limit_y)
    pz -= (fx * (j0 - tx * j1) + fy * (j2 - ty * j3)) / (z * z)
    if not held_x:
        px -= fx / (z * z) * j1
        pz += fx * x / (z * z * z) * j1
    if not held_y:
        py -= fy / (z * z) * j3
        pz += fy * y / (z * z * z) * j3
    for k in range(3):
        out[k] = camera[k] * px + camera[3 + k] * py + camera[6 + k] * pz
    # the axes are the turn, each column times its scale
    w, i, j, k = one[6], one[7], one[8], one[9]
    norm = math.sqrt(w * w + i * i + j * j + k * k)
    w, i, j, k = w / norm, i / norm, j / norm, k / norm
    for column in range(3):
        total = 0.0
        scale = math.exp(one[3 + column])
        for row in range(3):
            total += axes[row, column] * turned[row, column]
            turned[row, column] *= scale
        out[3 + column] = total
    t = turned
    gw = 2 * (i * (t[2, 1] - t[1, 2]) + j * (t[0, 2] - t[2, 0]) + k * (t[1, 0] - t[0, 1]))
    gi = 2 * (w * (t[2, 1] - t[1, 2]) + j * (t[0, 1] + t[1, 0]) + k * (t[0, 2] + t[2, 0])) - 4 * i * (t[1, 1] + t[2, 2])
    gj = 2 * (w * (t[0, 2] - t[2, 0]) + i * (t[0, 1] + t[1, 0]) + k * (t[1, 2] + t[2, 1])) - 4 * j * (t[0, 0] + t[2, 2])
    gk = 2 * (w * (t[1, 0] - t[0, 1]) + i * (t[0, 2] + t[2, 0]) + j * (t[1, 2] + t[2, 1])) - 4 * k * (t[0, 0] + t[1, 1])
    along = gw * w + gi * i + gj * j + gk * k
    out[6], out[7] = (gw - along * w) / norm, (gi - along * i) / norm
    out[8], out[9] = (gj - along * j) / norm, (gk - along * k) / norm
    out[10] = pull[5]
    # colours, and the direction they are seen from
    dx, dy, dz, far = _look(one, camera)
    harmonics.basis(degree, dx, dy, dz, values)
    for harmonic in range((degree + 1) ** 2):
        total = 0.0
        for channel in range(3):
            seen = pull[6 + channel] if flat[7 + channel] > 0 else 0.0
            out[SHAPE + 3 * harmonic + channel] = values[harmonic] * seen
            total += seen * one[SHAPE + 3 * harmonic + channel]
        wanted[harmonic] = total
    if degree > 0:
        gx, gy, gz = harmonics.slope(degree, dx, dy, dz, wanted)
        along = gx * dx + gy * dy + gz * dz
        out[0] += (gx - along * dx) / far
        out[1] += (gy - along * dy) / far
        out[2] += (gz - along * dz) / far


@parallel
def gradients(params, camera, size, degree, flat, offsets, slots, out):
    """Gradients of all parameters, from the slots of every Gaussian (`offsets`)."""
    for block in prange((len(params) + BLOCK - 1) // BLOCK):
        room = np.empty((14, 16))
        pull = np.empty(SLOT)
        for number in range(block * BLOCK, min(block * BLOCK + BLOCK, len(params))):
            if offsets[number] == offsets[number + 1]:
                out[number] = 0
                continue
            _gather(slots, offsets[number], offsets[number + 1], pull)
            unproject(params[number], camera, size, degree, flat[number], pull, room, out[number])


@kernel
def _gather(slots, start, end, pull):
    """The sum of a Gaussian's slots, always in the same order."""
    for k in range(SLOT):
        pull[k] = 0.0
    for slot in range(start, end):
        for k in range(SLOT):
            pull[k] += slots[slot, k]


@parallel
def step(params, first, second, rates, times, camera, size, degree, flat, offsets, slots, strain):
    """One step of Adam for the Gaussians in view, straight from their slots.

    `times` counts each Gaussian's steps, for the bias of its moments. `strain` gathers, for those in view, the length
    of the gradient on the picture (in half pictures), and how often.
    """
    count = SHAPE + 3 * (degree + 1) ** 2
    for block in prange((len(params) + BLOCK - 1) // BLOCK):
        room = np.empty((14, 16))
        pull = np.empty(SLOT)
        grads = np.empty(SHAPE + 48)
        for number in range(block * BLOCK, min(block * BLOCK + BLOCK, len(params))):
            if offsets[number] == offsets[number + 1]:
                continue
            _gather(slots, offsets[number], offsets[number + 1], pull)
            one = params[number]
            unproject(one, camera, size, degree, flat[number], pull, room, grads)
            total = 0.0
            for k in range(count):
                total += abs(grads[k])
            if not total < HUGE:
                continue
            strain[number, 0] += math.hypot(pull[0] * size[1], pull[1] * size[0]) * 0.5
            strain[number, 1] += 1
            times[number] += 1
            bias_1 = 1 / (1 - BETAS[0] ** times[number])
            bias_2 = 1 / (1 - BETAS[1] ** times[number])
            for k in range(count):
                m = BETAS[0] * first[number, k] + (1 - BETAS[0]) * grads[k]
                s = BETAS[1] * second[number, k] + (1 - BETAS[1]) * grads[k] * grads[k]
                first[number, k], second[number, k] = m, s
                one[k] -= rates[k] * m * bias_1 / (math.sqrt(s * bias_2) + EPSILON)
