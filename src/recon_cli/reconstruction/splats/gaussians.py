"""Gaussians as numbers, the same whatever file they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.core.errors import DataError

Floats = npt.NDArray[np.float32]
SH_C0 = 0.28209479177387814
"""The constant harmonic: a colour is 0.5 + SH_C0 · its first coefficient."""
DEGREES = {1: 0, 4: 1, 9: 2, 16: 3}
"""Degree of the harmonics by the number of coefficients of a channel."""
MOST = 200_000_000
"""More Gaussians than any file here may promise."""


@dataclass(frozen=True, slots=True)
class Gaussians:
    """`n` Gaussians: x right, y down, z ahead, as COLMAP and the field's PLY files have it.

    `xyz` (n, 3); `log_scales` (n, 3), natural logarithm of the deviations; `rotations` (n, 4), w first, any length;
    `logits` (n,) of the opacity; `harmonics` (n, 1|4|9|16, 3), coefficients of red, green and blue.
    """

    xyz: Floats
    log_scales: Floats
    rotations: Floats
    logits: Floats
    harmonics: Floats

    def __len__(self) -> int:
        return len(self.xyz)

    @property
    def degree(self) -> int:
        """Degree of the harmonics, 0 to 3."""
        return DEGREES[self.harmonics.shape[1]]

    def take(self, which: npt.NDArray[Any]) -> Gaussians:
        """Those of a mask or a list of indexes."""
        return Gaussians(
            self.xyz[which], self.log_scales[which], self.rotations[which], self.logits[which], self.harmonics[which]
        )

    def with_degree(self, degree: int) -> Gaussians:
        """With harmonics up to `degree` only."""
        kept = self.harmonics[:, : (degree + 1) ** 2]
        return Gaussians(self.xyz, self.log_scales, self.rotations, self.logits, kept)

    def opacities(self) -> Floats:
        """Opacities 0 to 1."""
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + np.exp(-self.logits)), dtype=np.float32)

    def colours(self) -> Floats:
        """The colours (n, 3) without what depends on the direction, 0.5 the middle, not cut off."""
        return np.asarray(0.5 + SH_C0 * self.harmonics[:, 0], dtype=np.float32)

    def finite(self) -> npt.NDArray[np.bool_]:
        """Which of them hold numbers only."""
        parts = (self.xyz, self.log_scales, self.rotations, self.logits[:, None], self.harmonics.reshape(len(self), -1))
        whole = np.ones(len(self), np.bool_)
        for part in parts:
            whole &= np.isfinite(part).all(axis=1)
        return whole


def no_splat(path: object, cause: str) -> DataError:
    """The error for a file that is not what it should be."""
    return DataError(
        f"{path} is not a splat that recon can read", cause=cause, hint="see what `recon splat info` says of it"
    )
