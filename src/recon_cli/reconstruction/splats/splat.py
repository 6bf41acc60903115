"""`.splat`: 32 bytes a Gaussian, no header; and the 44-byte dialect of an older server, which is read.

32 bytes: position 3 f32, deviations 3 f32, red, green, blue, opacity u8, rotation 4 u8 (128 + 128·component, w first).
44 bytes: the same with the rotation as 4 f32. There are no harmonics: what depends on the direction is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.ops.atomic import write_file
from recon_cli.reconstruction.splats.gaussians import MOST, SH_C0, Gaussians, no_splat

SHORT = np.dtype([("xyz", "<f4", 3), ("scales", "<f4", 3), ("rgba", "u1", 4), ("turn", "u1", 4)])
LONG = np.dtype([("xyz", "<f4", 3), ("scales", "<f4", 3), ("rgba", "u1", 4), ("turn", "<f4", 4)])
LOOK_AT = 4096
"""Rows that are looked at to tell the dialects apart."""
ROWS = 65536
SMALLEST = 1e-30


def dialect(path: Path) -> np.dtype[np.void]:
    """SHORT or LONG: by the size of the file, and where both fit, by which gives rotations of length 1.

    Raises:
        DataError: it is neither.
    """
    size = path.stat().st_size
    fitting = [kind for kind in (SHORT, LONG) if size % kind.itemsize == 0]
    if not size or not fitting:
        raise no_splat(path, f"{size} bytes are no whole number of Gaussians of 32 or 44 bytes")
    if size // SHORT.itemsize > MOST:
        raise no_splat(path, f"it would hold more than {MOST} Gaussians")
    scores = [_plausible(path, kind) for kind in fitting]
    best = max(scores)
    if best < 0.5:  # noqa: PLR2004  the half
        raise no_splat(path, "its numbers are no positions, sizes and rotations")
    return fitting[scores.index(best)]


def _plausible(path: Path, kind: np.dtype[np.void]) -> float:
    """The share of rows that can be Gaussians."""
    rows = np.fromfile(path, kind, LOOK_AT)
    with np.errstate(all="ignore"):
        turn = rows["turn"].astype(np.float64)
        length = np.linalg.norm((turn - 128) / 128 if kind is SHORT else turn, axis=1)
        sizes = np.abs(np.concatenate([rows["xyz"], rows["scales"]], axis=1).astype(np.float64))
        good = np.isfinite(sizes).all(axis=1) & (sizes < 1e9).all(axis=1) & (rows["scales"] >= 0).all(axis=1)  # noqa: PLR2004
    return float((good & (np.abs(length - 1) < 0.05)).mean())  # noqa: PLR2004  what 8 bits can be off, and some


def count(path: Path) -> int:
    """How many Gaussians it holds, by its size.

    Raises:
        DataError: see `dialect`.
    """
    return path.stat().st_size // dialect(path).itemsize


def read(path: Path) -> Gaussians:
    """Read a whole file, of either dialect.

    Raises:
        DataError: see `dialect`.
    """
    kind = dialect(path)
    rows = np.fromfile(path, kind)
    turns = rows["turn"].astype(np.float32)
    rgba = rows["rgba"].astype(np.float32) / 255
    opacity = np.clip(rgba[:, 3], 1 / 1020, 1 - 1 / 1020)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_scales = np.log(np.maximum(rows["scales"], SMALLEST))
    return Gaussians(
        xyz=np.ascontiguousarray(rows["xyz"]),
        log_scales=log_scales,
        rotations=((turns - 128) / 128 if kind is SHORT else turns).astype(np.float32),
        logits=np.log(opacity / (1 - opacity)),
        harmonics=((rgba[:, None, :3] - 0.5) / SH_C0).astype(np.float32),
    )


def write(gaussians: Gaussians, path: Path) -> int:
    """Write the 32-byte form whole, or nothing; gives its size in bytes.

    Raises:
        ReconError: the file system refuses.
    """
    return write_file(path, _chunks(gaussians))


def _bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    whole: npt.NDArray[np.uint8] = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return whole


def _chunks(gaussians: Gaussians) -> Iterator[bytes]:
    for start in range(0, len(gaussians), ROWS):
        part = gaussians.take(np.arange(start, min(start + ROWS, len(gaussians))))
        rows = np.empty(len(part), SHORT)
        rows["xyz"] = part.xyz
        with np.errstate(over="ignore"):
            rows["scales"] = np.exp(part.log_scales)
        rows["rgba"][:, :3] = _bytes(part.colours() * 255)
        rows["rgba"][:, 3] = _bytes(part.opacities() * 255)
        length = np.maximum(np.linalg.norm(part.rotations, axis=1, keepdims=True), SMALLEST)
        rows["turn"] = _bytes(part.rotations / length * 128 + 128)
        yield rows.tobytes()
