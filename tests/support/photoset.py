"""A small place that never was, photographed: a textured corner with a box in it, rendered by rays.

The pictures have texture and perspective enough that cameras are solved in seconds, and are the same on every machine.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT, FOCAL_PX = 320, 240, 300.0
FOCAL_35MM = round(FOCAL_PX / WIDTH * 36)
Floats = npt.NDArray[np.float64]


def take(folder: Path, count: int = 12, *, names: str = "view {:02d}.jpg") -> Path:
    """Write `count` photos from an arc of sixty degrees, with the EXIF of one camera."""
    folder.mkdir(parents=True, exist_ok=True)
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Recon", "Pinhole"
    tags.get_ifd(0x8769)[0xA405] = FOCAL_35MM
    for number in range(count):
        photo(number, count).save(folder / names.format(number), quality=95, subsampling=0, exif=tags.tobytes())
    return folder


@cache
def photo(number: int, count: int) -> Image.Image:
    """One photo."""
    angle = math.radians(-30 + 60 * number / max(1, count - 1))
    centre = np.array([4.2 * math.sin(angle), -1.4 - 0.3 * math.cos(3 * angle), -4.2 * math.cos(angle)])
    return Image.fromarray(_render(centre, np.array([0.0, -0.2, 0.0])))


def _render(centre: Floats, target: Floats) -> npt.NDArray[np.uint8]:
    ahead = target - centre
    ahead /= np.linalg.norm(ahead)
    right = np.cross(np.array([0.0, 1.0, 0.0]), ahead)
    right /= np.linalg.norm(right)
    down = np.cross(ahead, right)
    across, along = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    rays = ahead + (across / FOCAL_PX)[..., None] * right + (along / FOCAL_PX)[..., None] * down
    nearest = np.full(across.shape, np.inf)
    colours = np.full((*across.shape, 3), 230.0)
    for number, (corner, first, second) in enumerate(FACES):
        _face(number, np.array(corner), np.array(first), np.array(second), centre, rays, nearest, colours)
    return colours.astype(np.uint8)


FACES = (
    ((-3.0, 0.8, -3.0), (6.0, 0.0, 0.0), (0.0, 0.0, 6.0)),  # the floor: y points down
    ((-3.0, 0.8, 2.0), (6.0, 0.0, 0.0), (0.0, -4.0, 0.0)),  # the wall behind
    ((-0.9, 0.8, -0.9), (1.8, 0.0, 0.0), (0.0, -1.5, 0.0)),  # the box: front, sides, lid
    ((-0.9, 0.8, 0.9), (0.0, 0.0, -1.8), (0.0, -1.5, 0.0)),
    ((0.9, 0.8, -0.9), (0.0, 0.0, 1.8), (0.0, -1.5, 0.0)),
    ((-0.9, -0.7, -0.9), (1.8, 0.0, 0.0), (0.0, 0.0, 1.8)),
)


def _face(
    number: int,
    corner: Floats,
    first: Floats,
    second: Floats,
    centre: Floats,
    rays: Floats,
    nearest: Floats,
    colours: Floats,
) -> None:
    """Paint what of a parallelogram is nearer than what is painted already."""
    normal = np.cross(first, second)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = ((corner - centre) @ normal) / (rays @ normal)
        hit = centre + rays * distance[..., None] - corner
    across, along = hit @ first / (first @ first), hit @ second / (second @ second)
    seen = (distance > 0) & (distance < nearest) & (across >= 0) & (across < 1) & (along >= 0) & (along < 1)
    texture = _texture(number)
    side = texture.shape[0]
    size = np.array([np.linalg.norm(first), np.linalg.norm(second)]) * 90
    x, y = across[seen] * size[0] % (side - 1), along[seen] * size[1] % (side - 1)
    left, top = x.astype(int), y.astype(int)
    dx, dy = (x - left)[:, None], (y - top)[:, None]
    upper = texture[top, left] * (1 - dx) + texture[top, left + 1] * dx
    lower = texture[top + 1, left] * (1 - dx) + texture[top + 1, left + 1] * dx
    colours[seen] = upper * (1 - dy) + lower * dy
    nearest[seen] = distance[seen]


@cache
def _texture(number: int) -> Floats:
    """Patches of several sizes over each other, so that features are found near and far."""
    random = np.random.default_rng(number)
    side, total = 576, np.zeros((576, 576, 3))
    for patch, weight in ((64, 0.35), (24, 0.3), (9, 0.35)):
        grid = random.uniform(0, 255, (side // patch + 1, side // patch + 1, 3))
        total += weight * grid.repeat(patch, 0).repeat(patch, 1)[:side, :side]
    return total
