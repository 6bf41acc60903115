"""A scene that is exactly known: textured bodies on a floor in a round room, seen by cameras on a ring.

The pictures are cast ray by ray with numpy, two by two rays a pixel. The sparse cloud is taken from the surfaces, so
that there is nothing to solve: what is measured on it is the training alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from recon_cli.reconstruction import model


@dataclass(frozen=True)
class Size:
    width: int = 400
    height: int = 224
    views: int = 50
    points: int = 6000
    seed: int = 0


SPHERES = np.array([[0.0, -0.55, 0.0, 0.55], [1.1, -0.3, 0.4, 0.3], [-0.8, -0.25, 0.9, 0.25], [0.3, -0.2, -1.0, 0.2]])
BOXES = np.array([[-1.3, -0.8, -0.6, -0.7, 0.0, 0.0], [0.6, -0.45, -0.9, 1.2, 0.0, -0.4]])
TINTS = np.array(
    [
        [0.9, 0.35, 0.25], [0.25, 0.6, 0.9], [0.95, 0.8, 0.3], [0.4, 0.8, 0.4], [0.7, 0.45, 0.75], [0.9, 0.6, 0.4],
        [0.6, 0.55, 0.5], [0.55, 0.7, 0.85],
    ]
)  # fmt: skip
ROOM = 4.5
"""Radius of the round room: there is a surface wherever one looks."""


def make(folder: Path, size: Size = Size()) -> Path:
    """Write `images/` and `sparse/0` into `folder`."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    focal = 0.85 * size.width
    lens = (focal, focal, size.width / 2, size.height / 2)
    camera = model.Camera(1, "PINHOLE", size.width, size.height, lens)
    images = {}
    for number in range(size.views):
        rotation, translation = pose(number, size.views)
        pixels = picture(rotation, translation, lens, size)
        name = f"view_{number:03}.png"
        Image.fromarray(pixels).save(folder / "images" / name, compress_level=1)
        nothing = (np.empty((0, 2)), np.empty(0, np.int64))
        images[number + 1] = model.Image(number + 1, quaternion(rotation), tuple(translation), 1, name, *nothing)
    model.write(model.Model({1: camera}, images, cloud(size)), folder / "sparse" / "0")
    return folder


def pose(number: int, of: int) -> tuple[np.ndarray, np.ndarray]:
    """World to camera, on a ring at two heights, looking at the middle."""
    angle = 2 * np.pi * number / of
    height = -0.9 - 0.7 * (number % 3) / 2
    place = np.array([2.9 * np.cos(angle), height, 2.9 * np.sin(angle)])
    ahead = np.array([0.0, -0.25, 0.0]) - place
    ahead /= np.linalg.norm(ahead)
    right = np.cross(np.array([0.0, 1.0, 0.0]), ahead)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return rotation, -rotation @ place


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


def picture(rotation: np.ndarray, translation: np.ndarray, lens: tuple[float, ...], size: Size) -> np.ndarray:
    """What a camera sees, as bytes (height, width, 3)."""
    fx, fy, cx, cy = lens
    ys, xs = np.mgrid[0 : 2 * size.height, 0 : 2 * size.width] / 2 + 0.25
    rays = np.stack([(xs - cx) / fx, (ys - cy) / fy, np.ones_like(xs)], axis=-1).reshape(-1, 3) @ rotation
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    colours = cast(-rotation.T @ translation, rays).reshape(size.height, 2, size.width, 2, 3).mean(axis=(1, 3))
    return np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def cast(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """The colour at the end of each ray."""
    far = np.full(len(rays), np.inf)
    body = np.full(len(rays), -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for number, distance in enumerate(_distances(origin, rays)):
            nearer = distance < far
            far[nearer], body[nearer] = distance[nearer], number
    return shade(origin + rays * far[:, None], body, rays)


def _distances(origin: np.ndarray, rays: np.ndarray) -> list[np.ndarray]:
    """How far it is along each ray to each body, in the order of the tints; infinite where there is none."""
    room = [_to_floor(origin, rays), _to_wall(origin, rays)]
    return [*_to_spheres(origin, rays), *_to_boxes(origin, rays), *room]


def _to_wall(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    along = rays @ origin
    return -along + np.sqrt(along**2 - (origin @ origin - ROOM**2))


def _to_spheres(origin: np.ndarray, rays: np.ndarray) -> list[np.ndarray]:
    found = []
    for *middle, radius in SPHERES:
        way = origin - np.array(middle)
        along = rays @ way
        root = np.sqrt(along**2 - (way @ way - radius**2))
        distance = -along - root
        found.append(np.where(distance > 1e-6, distance, np.inf))
    return found


def _to_boxes(origin: np.ndarray, rays: np.ndarray) -> list[np.ndarray]:
    found = []
    for box in BOXES:
        one, two = (box[:3] - origin) / rays, (box[3:] - origin) / rays
        enter, leave = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
        found.append(np.where((enter < leave) & (enter > 1e-6), enter, np.inf))
    return found


def _to_floor(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    distance = -origin[1] / rays[:, 1]
    return np.where(distance > 0, distance, np.inf)


def shade(places: np.ndarray, body: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Texture by place, light by normal, and a soft highlight on spheres, which depends on the direction."""
    normals = normal(places, body)
    base = texture(places, body)
    sun = np.array([0.4, -0.8, 0.45]) / np.linalg.norm([0.4, -0.8, 0.45])
    light = 0.55 + 0.45 * np.clip(normals @ sun, 0, 1)
    mirror = rays - 2 * np.sum(rays * normals, axis=1, keepdims=True) * normals
    shine = np.where(body < len(SPHERES), np.clip(mirror @ sun, 0, 1) ** 12, 0) * 0.35
    return base * light[:, None] + shine[:, None]


def normal(places: np.ndarray, body: np.ndarray) -> np.ndarray:
    out = np.tile(np.array([0.0, -1.0, 0.0]), (len(places), 1))
    for number, (*middle, radius) in enumerate(SPHERES):
        on = body == number
        out[on] = (places[on] - np.array(middle)) / radius
    for number, box in enumerate(BOXES, len(SPHERES)):
        on = body == number
        centre, half = (box[:3] + box[3:]) / 2, (box[3:] - box[:3]) / 2
        scaled = (places[on] - centre) / half
        side = np.abs(scaled).argmax(axis=1)
        faces = np.zeros((on.sum(), 3))
        faces[np.arange(len(faces)), side] = np.sign(scaled[np.arange(len(faces)), side])
        out[on] = faces
    wall = body == len(SPHERES) + len(BOXES) + 1
    out[wall] = -places[wall] / ROOM
    return out


def texture(places: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Checks, stripes and a few waves: edges and fine parts, without noise."""
    x, y, z = places.T
    checks = np.floor(x * 5 + 0.13) + np.floor(y * 5 + 0.01) + np.floor(z * 5 + 0.21)
    waves = 0.5 + 0.25 * np.sin(23 * x + 5 * np.sin(7 * z)) + 0.25 * np.sin(19 * z + 17 * y)
    dark = np.where(checks % 2 == 0, 1.0, 0.45)
    return TINTS[body] * (0.55 * dark + 0.45 * waves)[:, None]


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
            far = np.min(_distances(origin, rays), axis=0)
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
