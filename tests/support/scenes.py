"""A scene that is exactly known: textured bodies on a floor in a round room, seen by cameras on a ring.

The pictures are those of the demo. The sparse cloud is taken from the surfaces, so
that there is nothing to solve: what is measured on it is the training alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from recon_cli.demo.place import cast, distances, picture, standing
from recon_cli.reconstruction import model


@dataclass(frozen=True)
class Size:
    width: int = 400
    height: int = 224
    views: int = 50
    points: int = 6000
    seed: int = 0


def make(folder: Path, size: Size = Size()) -> Path:
    """Write `images/` and `sparse/0` into `folder`."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    focal = 0.85 * size.width
    lens = (focal, focal, size.width / 2, size.height / 2)
    camera = model.Camera(1, "PINHOLE", size.width, size.height, lens)
    images = {}
    for number in range(size.views):
        rotation, translation = pose(number, size.views)
        pixels = picture(rotation, translation, lens, (size.height, size.width))
        name = f"view_{number:03}.png"
        Image.fromarray(pixels).save(folder / "images" / name, compress_level=1)
        nothing = (np.empty((0, 2)), np.empty(0, np.int64))
        images[number + 1] = model.Image(number + 1, quaternion(rotation), tuple(translation), 1, name, *nothing)
    model.write(model.Model({1: camera}, images, cloud(size)), folder / "sparse" / "0")
    return folder


def pose(number: int, of: int) -> tuple[np.ndarray, np.ndarray]:
    """World to camera, on a ring at two heights, looking at the middle."""
    return standing(2 * np.pi * number / of, -0.9 - 0.7 * (number % 3) / 2)


def quaternion(r: np.ndarray) -> tuple[float, float, float, float]:
    """The quaternion (w, x, y, z) of a rotation."""
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    _, vectors = np.linalg.eigh(k / 3)
    x, y, z, w = vectors[:, -1]
    return (w, x, y, z)


def cloud(size: Size) -> model.Points:
    """Points on the surfaces, a hair off, with their colours."""
    random = np.random.default_rng(size.seed)
    rotation, translation = zip(*(pose(number, size.views) for number in range(size.views)), strict=True)
    places, colours = [], []
    each = -(-size.points // size.views)
    for r, t in zip(rotation, translation, strict=True):
        rays = (
            np.stack(
                [random.uniform(-0.5, 0.5, 4 * each), random.uniform(-0.28, 0.28, 4 * each), np.full(4 * each, 0.85)], 1
            )
            @ r
        )
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        origin = -r.T @ t
        with np.errstate(divide="ignore", invalid="ignore"):
            far = np.min(distances(origin, rays), axis=0)
        hit = np.flatnonzero(np.isfinite(far))[:each]
        places.append(origin + rays[hit] * far[hit, None])
        colours.append(cast(origin, rays[hit]))
    xyz = np.concatenate(places) + random.normal(scale=0.003, size=(sum(map(len, places)), 3))
    rgb = np.rint(np.clip(np.concatenate(colours), 0, 1) * 255).astype(np.uint8)
    count = len(xyz)
    return model.Points(
        np.arange(1, count + 1, dtype=np.uint64),
        xyz,
        rgb,
        np.full(count, 0.5),
        np.zeros(count, np.int64),
        np.empty((0, 2), np.uint32),
    )
