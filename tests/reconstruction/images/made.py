"""Photos of every kind people have, made by the tests."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

ORIENTATION, MAKE, MODEL, EXIF_IFD, GPS_IFD = 0x0112, 0x010F, 0x0110, 0x8769, 0x8825
FOCAL_MM, FOCAL_35MM = 0x920A, 0xA405


def picture(seed: int = 0, width: int = 160, height: int = 120) -> Image.Image:
    """A picture with corners of four colours, and detail that no two seeds share."""
    random = np.random.default_rng(seed)
    pixels = random.integers(60, 200, (height // 4 + 1, width // 4 + 1, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    pixels = np.ascontiguousarray(pixels[:height, :width])
    pixels[:40, :40], pixels[:40, -40:], pixels[-40:, :40] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return Image.fromarray(pixels)


def exif(orientation: int = 1, *, model: str = "X100", focal_35mm: int = 35, gps: bool = True) -> bytes:
    """EXIF of a phone that knows where it is."""
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKE], tags[MODEL] = orientation, "Fuji", model
    more = tags.get_ifd(EXIF_IFD)
    more[FOCAL_MM], more[FOCAL_35MM] = 23.0, focal_35mm
    if gps:
        place = tags.get_ifd(GPS_IFD)
        place.update({1: "N", 2: (37.0, 30.0, 0.0), 3: "W", 4: (126.0, 45.0, 36.0)})
    return tags.tobytes()


def jpeg(seed: int = 0, *, orientation: int = 1, mode: str = "RGB", **size: int) -> bytes:
    """A JPEG with EXIF."""
    return encoded(picture(seed, **size).convert(mode), "JPEG", quality=92, exif=exif(orientation))


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    """A picture as a file's bytes."""
    body = io.BytesIO()
    image.save(body, format_, **options)
    return body.getvalue()


def put(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def enough(folder: Path, *, seeds: range = range(100, 103)) -> Path:
    """Photos enough for a set to pass, beside those that are tried."""
    return put(folder, {f"good {seed}.jpg": jpeg(seed) for seed in seeds})
