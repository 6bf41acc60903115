"""What a training does when: pictures from coarse to fine, more Gaussians, more harmonics, smaller steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.reconstruction.kernels.project import SHAPE

COARSE = ((0.15, 4), (0.4, 2))
"""Until this part of the training, pictures are this much smaller."""
SMALLEST_PX = 48
"""But no side gets smaller than this."""
GROWTH = (0.05, 0.5)
"""From which part of the training on Gaussians are doubled, and until which."""
LAST_PRUNING = 0.9
GROWTHS = 40
"""About how often in the whole training."""
HARMONICS = (0.2, 0.4, 0.6)
"""From which part on each further degree is learnt."""

# Steps at the beginning and the end; positions in extents of the scene.
POSITION = (2.5e-3, 1.5e-5)
SCALE = (1.2e-1, 8e-3)
ROTATION = (3e-2, 2e-3)
OPACITY = (1.5e-1, 2.5e-2)
COLOUR = (3e-2, 2e-3)
HARMONIC = (1e-3, 1e-4)


@dataclass(frozen=True, slots=True)
class Plan:
    """The course of a training of `total` steps up to `most` Gaussians of `degree`."""

    total: int
    first: int
    most: int
    degree: int
    extent: float

    @property
    def interval(self) -> int:
        """Steps between two growths."""
        return max(10, self.total // GROWTHS)

    def factor(self, iteration: int) -> int:
        """How many times smaller the pictures are."""
        return next((factor for until, factor in COARSE if iteration < until * self.total), 1)

    def harmonics(self, iteration: int) -> int:
        """The degree that is learnt now."""
        return min(self.degree, sum(iteration >= since * self.total for since in HARMONICS))

    def target(self, iteration: int) -> int | None:
        """How many Gaussians there may be after this step; None where nothing is changed, 0 where only pruned."""
        if iteration % self.interval or not GROWTH[0] * self.total <= iteration <= LAST_PRUNING * self.total:
            return None
        done = iteration / self.total
        if done > GROWTH[1]:
            return 0
        way = (done - GROWTH[0]) / (GROWTH[1] - GROWTH[0])
        return int(self.first * (self.most / self.first) ** min(1.0, way * 1.2))

    def rates(self, iteration: int) -> npt.NDArray[Any]:
        """The step length of each column of the parameters."""
        way = iteration / self.total
        position, scale, rotation, opacity, colour, harmonic = (
            start * (end / start) ** way for start, end in (POSITION, SCALE, ROTATION, OPACITY, COLOUR, HARMONIC)
        )
        rates = np.full(SHAPE + 3 * (self.degree + 1) ** 2, harmonic)
        rates[:3], rates[3:6], rates[6:10], rates[10] = position * self.extent, scale, rotation, opacity
        rates[SHAPE : SHAPE + 3] = colour
        return rates
