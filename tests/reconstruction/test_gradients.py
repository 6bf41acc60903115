from __future__ import annotations

import numpy as np
import pytest

from recon_cli.reconstruction.kernels import project
from recon_cli.reconstruction.kernels.loss import Loss
from recon_cli.reconstruction.kernels.raster import falling
from recon_cli.reconstruction.scene import View
from recon_cli.reconstruction.training.cpu.draw import camera_row, draw, walk_back

pytestmark = pytest.mark.slow

SIZE = (40, 52)
STEP = 1e-5
BACKGROUND = np.array([0.1, 0.2, 0.3])


def gaussians(number: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = np.zeros((number, project.SHAPE + 48))
    rows[:, :3] = random.normal(size=(number, 3)) * 1.2
    rows[:, 3:6] = random.normal(size=(number, 3)) * 0.5 - 1.8
    rows[:, 6:10] = random.normal(size=(number, 4))
    rows[:, 10] = random.normal(size=number)
    rows[:, 11:14] = random.normal(size=(number, 3)) * 0.7
    rows[:, 14:] = random.normal(size=(number, 45)) * 0.1
    return rows


def camera() -> np.ndarray:
    turn, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)) * 0.1 + np.eye(3))
    turn *= np.sign(np.diag(turn))
    view = View("a", turn, np.array([0.1, 0.05, 3.0]), (40.0, 41.0), (27.0, 19.0), np.zeros((*SIZE, 3), np.uint8))
    return camera_row(view, SIZE)


def picture(rows: np.ndarray, degree: int) -> np.ndarray:
    return draw(rows, camera(), SIZE, degree, near=0.01, background=BACKGROUND).image


def gradient(rows: np.ndarray, degree: int, photo: np.ndarray) -> np.ndarray:
    drawn = draw(rows, camera(), SIZE, degree, near=0.01, background=BACKGROUND)
    slots = walk_back(drawn, Loss(*SIZE, np.float64).gradient(drawn.image, photo))
    out = np.zeros_like(rows)
    project.gradients(rows, camera(), SIZE, degree, drawn.flat, drawn.offsets, slots, out)
    return out


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_every_gradient_is_that_of_finite_differences(degree: int) -> None:
    rows = gaussians(60, seed=degree)
    photo = np.random.default_rng(5).random((3, *SIZE))
    found = gradient(rows, degree, photo)
    loss = Loss(*SIZE, np.float64)
    random = np.random.default_rng(6)
    columns = [*range(14), *random.integers(14, project.SHAPE + 3 * (degree + 1) ** 2, 6 if degree else 0)]
    gaps = []
    for column in columns:
        for one in random.integers(0, len(rows), 4):
            ahead, back = rows.copy(), rows.copy()
            ahead[one, column] += STEP
            back[one, column] -= STEP
            slope = (loss.value(picture(ahead, degree), photo) - loss.value(picture(back, degree), photo)) / (2 * STEP)
            scale = max(abs(slope), abs(found[one, column]), 1e-6)
            gaps.append(abs(slope - found[one, column]) / scale)
    assert np.median(gaps) < 1e-6
    assert max(gaps) < 5e-4  # where a pixel crosses the edge of a Gaussian, the loss itself has a step


def test_harmonics_that_are_not_learnt_have_no_gradient() -> None:
    found = gradient(gaussians(30, seed=1), 1, np.zeros((3, *SIZE)))
    assert np.abs(found[:, project.SHAPE + 3 : project.SHAPE + 12]).max() > 0
    assert not found[:, project.SHAPE + 12 :].any()


def test_the_fast_exponential_is_within_its_bound() -> None:
    x = np.linspace(0, 8, 10_001)
    assert np.max(np.abs(falling(x) / np.exp(-x) - 1)) < 3e-5


def test_ssim_of_a_picture_with_itself_is_one_and_falls_with_noise() -> None:
    random = np.random.default_rng(2)
    photo = random.random((3, *SIZE))
    loss = Loss(*SIZE, np.float64)
    assert loss.ssim(photo, photo) == pytest.approx(1, abs=1e-9)
    little, much = (np.clip(photo + random.normal(size=photo.shape) * way, 0, 1) for way in (0.05, 0.3))
    assert 1 > loss.ssim(little, photo) > loss.ssim(much, photo)


def test_a_drawing_is_the_sum_over_all_gaussians_taken_pixel_by_pixel() -> None:
    rows = gaussians(40, seed=9)
    drawn = draw(rows, camera(), SIZE, 3, near=0.01, background=BACKGROUND)
    order = np.argsort(depths(rows), kind="stable")
    expected = np.zeros((3, *SIZE))
    light = np.ones(SIZE)
    ys, xs = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] + 0.5
    for u, v, a, b, c, opacity, cut, *colour in drawn.flat[order]:
        if cut <= 0:
            continue
        dx, dy = xs - u, ys - v
        x = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
        alpha = np.where(x <= cut, np.minimum(0.99, opacity * np.exp(-x)), 0)
        expected += alpha * light * np.array(colour)[:, None, None]
        light *= 1 - alpha
    expected += light * BACKGROUND[:, None, None]
    assert np.abs(drawn.image - expected).max() < 2e-4  # a tile stops at 1e-4 of light


def depths(rows: np.ndarray) -> np.ndarray:
    row = camera()
    return rows[:, :3] @ row[6:9] + row[11]
