"""The page: renderer, splat and training poses in one HTML file."""

from __future__ import annotations

from pathlib import Path


def write(splat_or_ply: Path, scene_folder: Path, out_html: Path, title: str) -> None:
    """Write a page that opens at a training pose and needs nothing but itself.

    Raises:
        DataError: the splat or the scene cannot be read.
    """
    raise NotImplementedError
