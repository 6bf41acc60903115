"""The training itself: one view a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.reconstruction.kernels import project
from recon_cli.reconstruction.kernels.loss import Loss, psnr_db
from recon_cli.reconstruction.scene import Scene, View, shrunk
from recon_cli.reconstruction.training.cpu import draw as drawing
from recon_cli.reconstruction.training.cpu import growth
from recon_cli.reconstruction.training.cpu.plan import SMALLEST_PX, Plan
from recon_cli.reconstruction.training.cpu.state import State

Array = npt.NDArray[Any]
NEAR = 0.01
"""What is nearer to a camera than this part of the scene's extent is not drawn."""
BLACK = np.zeros(3, np.float32)
LATE = 0.8
"""With all views wanted, the held-out ones are scored after this part of the training, and trained on from then on."""


class Fit:
    """A scene, a plan and the state that it changes. The same state and seed give the same next state."""

    def __init__(self, scene: Scene, plan: Plan, state: State, *, seed: int, use_all_views: bool) -> None:
        self.scene, self.plan, self.state, self.seed = scene, plan, state, seed
        self.use_all_views = use_all_views and bool(scene.held)
        self.near = NEAR * plan.extent
        self._losses: dict[tuple[int, int], Loss] = {}
        self._pictures: dict[tuple[int, int], Array] = {}
        self._factor = 0

    @property
    def score_at(self) -> int:
        """After which step the held-out views are scored."""
        return round(LATE * self.plan.total) if self.use_all_views else self.plan.total

    def step(self) -> None:
        """One view drawn, compared, walked back, and everything in it moved."""
        state, plan = self.state, self.plan
        view = self._chosen(state.iteration)
        factor = plan.factor(state.iteration)
        photo = self._picture(view, factor)
        size = (photo.shape[1], photo.shape[2])
        camera = drawing.camera_row(self.scene.views[view], size)
        degree, count = plan.harmonics(state.iteration), state.count
        drawn = drawing.draw(state.params[:count], camera, size, degree, near=self.near, background=BLACK)
        wanted = self._loss(size).gradient(drawn.image, photo.astype(np.float32) / np.float32(255))
        slots = drawing.walk_back(drawn, wanted)
        rates = plan.rates(state.iteration)
        moved = (state.params[:count], state.first[:count], state.second[:count])
        rest = (drawn.flat, drawn.offsets, slots, state.strain[:count])
        project.step(*moved, rates, state.times[:count], camera, size, degree, *rest)
        state.iteration += 1
        target = plan.target(state.iteration)
        if target is not None:
            growth.grow(state, target, plan.extent)

    def render(self, view: View) -> Array:
        """A view as it looks now, (3, height, width)."""
        size = (view.pixels.shape[0], view.pixels.shape[1])
        camera = drawing.camera_row(view, size)
        degree = self.plan.harmonics(self.state.iteration)
        rows = self.state.params[: self.state.count]
        return drawing.draw(rows, camera, size, degree, near=self.near, background=BLACK).image

    def score(self, most: int | None = None) -> tuple[float, float]:
        """Mean PSNR (dB) and SSIM of the held-out views, or of the first `most`; NaN where there are none."""
        held = self.scene.held[:most]
        if not held:
            return math.nan, math.nan
        rows = [self._scored(self.scene.views[number]) for number in held]
        psnr, ssim = (sum(values) / len(rows) for values in zip(*rows, strict=True))
        return psnr, ssim

    def _scored(self, view: View) -> tuple[float, float]:
        drawn = np.clip(self.render(view), 0, 1)
        photo = np.ascontiguousarray(view.pixels.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)
        return psnr_db(drawn, photo), self._loss((photo.shape[1], photo.shape[2])).ssim(drawn, photo)

    def _chosen(self, iteration: int) -> int:
        late = self.use_all_views and iteration >= self.score_at
        views = tuple(range(len(self.scene.views))) if late else self.scene.shown
        turn, place = divmod(iteration, len(views))
        return views[_shuffled(self.seed, turn, len(views))[place]]

    def _picture(self, view: int, factor: int) -> Array:
        """A photo (3, height, width), `factor` times smaller; those of one factor are kept."""
        if factor != self._factor:
            self._pictures.clear()
            self._factor = factor
        if (view, factor) not in self._pictures:
            pixels = self.scene.views[view].pixels
            while factor > 1 and min(pixels.shape[:2]) / factor < SMALLEST_PX:
                factor //= 2
            self._pictures[view, self._factor] = np.ascontiguousarray(shrunk(pixels, factor).transpose(2, 0, 1))
        return self._pictures[view, self._factor]

    def _loss(self, size: tuple[int, int]) -> Loss:
        return self._losses.setdefault(size, Loss(*size)) if size not in self._losses else self._losses[size]


@lru_cache(maxsize=4)
def _shuffled(seed: int, turn: int, number: int) -> tuple[int, ...]:
    """The order of the views in one turn."""
    return tuple(np.random.default_rng([seed, 2, turn]).permutation(number).tolist())


def run(fit: Fit, on_step: Callable[[Fit], None]) -> None:
    """Take all steps that are left; `on_step` is called after each."""
    while fit.state.iteration < fit.plan.total:
        fit.step()
        if fit.state.iteration == fit.score_at:
            fit.state.score = fit.score()
        on_step(fit)
