"""A splat in the formats that viewers take, whole and in smaller versions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Shares of the Gaussians that the smaller versions keep, those that are seen most first."""

    medium_share: float = 0.5
    light_share: float = 0.2


@dataclass(frozen=True, slots=True)
class Exported:
    """One file: its path, what it holds, its size."""

    path: Path
    gaussians: int
    size_bytes: int


def export(ply: Path, out_folder: Path, options: ExportOptions) -> tuple[Exported, ...]:
    """Write `scene.ply`, `scene.splat`, `scene.spz`, `scene-medium.*` and `scene-light.*` into `out_folder`.

    Raises:
        DataError: `ply` is no splat.
    """
    raise NotImplementedError


def count(path: Path) -> int:
    """How many Gaussians a `.ply`, `.splat` or `.spz` holds, from its header or size alone.

    Raises:
        DataError: it is none of those.
    """
    raise NotImplementedError
