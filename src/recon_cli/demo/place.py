"""A place that never was, and photos of it: textured bodies on the floor of a round room, cast ray by ray.

What the tour reconstructs, and the same on every machine: `recon demo` needs no photos of anybody. The pictures have
edges and perspective enough that their cameras are solved in seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[Any]
WIDTH, HEIGHT, FOCAL_PX = 360, 240, 306.0
ARC_DEG, MIDDLE_DEG = 90.0, 60.0
"""The photos' cameras stand on so much of a ring, around this direction."""
SPHERES = np.array([[0.0, -0.55, 0.0, 0.55], [1.1, -0.3, 0.4, 0.3], [-0.8, -0.25, 0.9, 0.25], [0.3, -0.2, -1.0, 0.2]])
BOXES = np.array([[-1.3, -0.8, -0.6, -0.7, 0.0, 0.0], [0.6, -0.45, -0.9, 1.2, 0.0, -0.4]])
TINTS = np.array(
    [
        [0.9, 0.35, 0.25], [0.25, 0.6, 0.9], [0.95, 0.8, 0.3], [0.4, 0.8, 0.4], [0.7, 0.45, 0.75], [0.9, 0.6, 0.4],
        [0.6, 0.55, 0.5], [0.55, 0.7, 0.85],
    ]
)  # fmt: skip
TOUCHING = 1e-6
ROOM = 4.5
"""Radius of the round room: there is a surface wherever one looks."""


def take(folder: Path, count: int) -> Path:
    """Write `count` photos from an arc around the bodies, with the EXIF of one camera; count is 2 or more."""
    folder.mkdir(parents=True, exist_ok=True)
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Recon", "Pinhole"
    tags.get_ifd(0x8769)[0xA405] = round(FOCAL_PX / WIDTH * 36)
    lens = (FOCAL_PX, FOCAL_PX, WIDTH / 2, HEIGHT / 2)
    for number in range(count):
        angle = np.radians(MIDDLE_DEG + ARC_DEG * (number / (count - 1) - 0.5))
        pixels = picture(*standing(float(angle), -0.9 - 0.35 * (number % 3)), lens, (HEIGHT, WIDTH))
        Image.fromarray(pixels).save(folder / f"view {number:02}.jpg", quality=93, subsampling=0, exif=tags.tobytes())
    return folder


def standing(angle: float, height: float) -> tuple[Array, Array]:
    """World to camera (rotation, translation) of a camera on the ring that looks at the middle; y points down."""
    place = np.array([2.9 * np.cos(angle), height, 2.9 * np.sin(angle)])
    ahead = np.array([0.0, -0.25, 0.0]) - place
    ahead /= np.linalg.norm(ahead)
    right = np.cross(np.array([0.0, 1.0, 0.0]), ahead)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return rotation, -rotation @ place


def picture(rotation: Array, translation: Array, lens: tuple[float, ...], size: tuple[int, int]) -> Array:
    """What a camera of `lens` (fx, fy, cx, cy) sees, as bytes (height, width, 3); two by two rays a pixel."""
    height, width = size
    fx, fy, cx, cy = lens
    ys, xs = np.mgrid[0 : 2 * height, 0 : 2 * width] / 2 + 0.25
    rays = np.stack([(xs - cx) / fx, (ys - cy) / fy, np.ones_like(xs)], axis=-1).reshape(-1, 3) @ rotation
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    colours = cast(-rotation.T @ translation, rays).reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    pixels: Array = np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
    return pixels


def cast(origin: Array, rays: Array) -> Array:
    """The colour at the end of each ray."""
    far = np.full(len(rays), np.inf)
    body = np.full(len(rays), -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for number, distance in enumerate(distances(origin, rays)):
            nearer = distance < far
            far[nearer], body[nearer] = distance[nearer], number
    return shade(origin + rays * far[:, None], body, rays)


def distances(origin: Array, rays: Array) -> list[Array]:
    """How far it is along each ray to each body, in the order of the tints; infinite where there is none."""
    room = [_to_floor(origin, rays), _to_wall(origin, rays)]
    return [*_to_spheres(origin, rays), *_to_boxes(origin, rays), *room]


def _to_wall(origin: Array, rays: Array) -> Array:
    along = rays @ origin
    distance: Array = -along + np.sqrt(along**2 - (origin @ origin - ROOM**2))
    return distance


def _to_spheres(origin: Array, rays: Array) -> list[Array]:
    found = []
    for *middle, radius in SPHERES:
        way = origin - np.array(middle)
        along = rays @ way
        root = np.sqrt(along**2 - (way @ way - radius**2))
        distance = -along - root
        found.append(np.where(distance > TOUCHING, distance, np.inf))
    return found


def _to_boxes(origin: Array, rays: Array) -> list[Array]:
    found = []
    for box in BOXES:
        one, two = (box[:3] - origin) / rays, (box[3:] - origin) / rays
        enter, leave = np.minimum(one, two).max(axis=1), np.maximum(one, two).min(axis=1)
        found.append(np.where((enter < leave) & (enter > TOUCHING), enter, np.inf))
    return found


def _to_floor(origin: Array, rays: Array) -> Array:
    distance = -origin[1] / rays[:, 1]
    return np.where(distance > 0, distance, np.inf)


def shade(places: Array, body: Array, rays: Array) -> Array:
    """Texture by place, light by normal, and a soft highlight on spheres, which depends on the direction."""
    normals = normal(places, body)
    base = texture(places, body)
    sun = np.array([0.4, -0.8, 0.45]) / np.linalg.norm([0.4, -0.8, 0.45])
    light = 0.55 + 0.45 * np.clip(normals @ sun, 0, 1)
    mirror = rays - 2 * np.sum(rays * normals, axis=1, keepdims=True) * normals
    shine = np.where(body < len(SPHERES), np.clip(mirror @ sun, 0, 1) ** 12, 0) * 0.35
    lit: Array = base * light[:, None] + shine[:, None]
    return lit


def normal(places: Array, body: Array) -> Array:
    """The direction (n, 3) away from the surface, of unit length."""
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


def texture(places: Array, body: Array) -> Array:
    """Checks, stripes and a few waves: edges and fine parts, without noise."""
    x, y, z = places.T
    checks = np.floor(x * 5 + 0.13) + np.floor(y * 5 + 0.01) + np.floor(z * 5 + 0.21)
    waves = 0.5 + 0.25 * np.sin(23 * x + 5 * np.sin(7 * z)) + 0.25 * np.sin(19 * z + 17 * y)
    dark = np.where(checks % 2 == 0, 1.0, 0.45)
    tinted: Array = TINTS[body] * (0.55 * dark + 0.45 * waves)[:, None]
    return tinted
