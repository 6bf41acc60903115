"""A solved scene as a trainer sees it: undistorted photos with their cameras, and the sparse cloud."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recon_cli.core.errors import DataError, NotFoundError, ToolMissingError
from recon_cli.reconstruction import model as sparse

MAX_PIXELS = 120_000_000
"""More than any camera's photo: a larger one is refused before it is decoded."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """One photo and its camera. `rotation` (3, 3) and `translation` take world to camera, z ahead, y down.

    `focal` and `middle` are (x, y) in pixels of `pixels` (height, width, 3); the middle of the first pixel is 0.5.
    """

    name: str
    rotation: npt.NDArray[np.float64]
    translation: npt.NDArray[np.float64]
    focal: tuple[float, float]
    middle: tuple[float, float]
    pixels: Pixels

    @property
    def centre(self) -> npt.NDArray[np.float64]:
        """Where the camera stood, in the world."""
        centre: npt.NDArray[np.float64] = -self.rotation.T @ self.translation
        return centre


@dataclass(frozen=True, slots=True)
class Scene:
    """Views by name, which of them are held out (indexes), and the sparse points with their colours (0 to 255)."""

    views: tuple[View, ...]
    held: tuple[int, ...]
    points: npt.NDArray[np.float64]
    colours: npt.NDArray[np.uint8]

    @property
    def shown(self) -> tuple[int, ...]:
        """The views that are not held out."""
        return tuple(number for number in range(len(self.views)) if number not in set(self.held))

    def extent(self) -> float:
        """How far the cameras stand from their mean, at most, and a tenth more: the unit of what moves."""
        return extent_of(np.array([view.centre for view in self.views]))


def extent_of(centres: npt.NDArray[np.float64]) -> float:
    """The extent of a scene with cameras at `centres` (n, 3); 1 where they stand in one place."""
    reach = float(np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()) * 1.1
    return reach if reach > 0 else 1.0


def load(folder: Path, *, max_side_px: int | None, hold_every: int = 8) -> Scene:
    """The scene in `folder` (`images/`, `sparse/`), photos scaled down so that no side is over `max_side_px`.

    Every `hold_every`-th view in the order of names is held out (0: none), as the field's papers do.

    Raises:
        NotFoundError: a photo or the model is missing.
        DataError: the model is broken, not undistorted, or has no views or points.
    """
    solved = sparse.read(folder)
    images = sorted(solved.images.values(), key=lambda image: image.name)
    if not images or not len(solved.points.xyz):
        raise DataError(f"the scene in {folder} has no cameras or no points", hint="solve the cameras again")
    views = tuple(_view(folder / "images", image, solved.cameras, max_side_px) for image in images)
    held = tuple(range(0, len(views), hold_every)) if hold_every and len(views) >= hold_every else ()
    good = np.isfinite(solved.points.xyz).all(axis=1)
    return Scene(views, held, solved.points.xyz[good], solved.points.rgb[good])


def _view(folder: Path, image: sparse.Image, cameras: dict[int, sparse.Camera], max_side_px: int | None) -> View:
    camera = cameras.get(image.camera)
    if camera is None:
        raise DataError(f"{image.name} has no camera", cause=f"camera {image.camera} is not in the model")
    fx, fy, cx, cy = camera.pinhole
    pixels = photo(folder / image.name, max_side_px)
    height, width = pixels.shape[:2]
    across, down = width / camera.width, height / camera.height
    if not math.isclose(across, down, rel_tol=0.02):
        raise DataError(f"{image.name} is {width}×{height}", cause=f"its camera is {camera.width}×{camera.height}")
    return View(
        image.name,
        image.matrix(),
        np.asarray(image.translation),
        (fx * across, fy * down),
        (cx * across, cy * down),
        pixels,
    )


def photo(path: Path, max_side_px: int | None) -> Pixels:
    """A photo as (height, width, 3), by area averaging where it is scaled down.

    Raises:
        NotFoundError: it is not there.
        DataError: it cannot be decoded, or is too large.
        ToolMissingError: Pillow is not installed.
    """
    try:
        from PIL import Image  # noqa: PLC0415  an extra
    except ImportError as exc:
        raise ToolMissingError(
            "cannot read photos without Pillow", hint="run `pip install 'recon-cli[reconstruct]'`"
        ) from exc
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise DataError(
                    f"{path} has {opened.width}×{opened.height} pixels", hint=f"at most {MAX_PIXELS} are read"
                )
            image = opened.convert("RGB")
    except FileNotFoundError as exc:
        raise NotFoundError(f"no photo {path}", hint="the model names it") from exc
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise DataError(f"cannot read the photo {path}", cause=str(exc)) from exc
    side = max(image.size)
    if max_side_px and side > max_side_px:
        width, height = (max(1, round(length * max_side_px / side)) for length in image.size)
        image = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)


def shrunk(pixels: Pixels, factor: int) -> Pixels:
    """Pixels `factor` times smaller on each side, by area averaging."""
    from PIL import Image  # noqa: PLC0415  an extra

    if factor == 1:
        return pixels
    size = (max(1, round(pixels.shape[1] / factor)), max(1, round(pixels.shape[0] / factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), dtype=np.uint8)
