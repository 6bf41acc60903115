"""How sharp a photo is, as a number that compares photos of one set."""

from __future__ import annotations

from statistics import median

import numpy as np
from PIL import Image

_COMPARED_PX = 512
_BLURRED_SHARE = 0.2
"""A photo this far below the middle of its set is told of: blurred photos pull cameras and Gaussians apart."""


def sharpness(picture: Image.Image) -> float:
    """The variance of the Laplacian of the grey picture, scaled to 512 pixels so that sizes compare."""
    small = picture.convert("L")
    small.thumbnail((_COMPARED_PX, _COMPARED_PX))
    grey = np.asarray(small, np.float32)
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var()) if inner.size else 0.0


def blurred(values: list[float]) -> list[bool]:
    """Which of a set are much less sharp than the rest."""
    middle = median(values) if values else 0.0
    return [value < middle * _BLURRED_SHARE for value in values]
