"""Trees to list: many small directories, as a host of models has them."""

from __future__ import annotations

from pathlib import Path

NAMES = ("model.obj", "model.mtl", "texture.png", "texture_2.jpg")


def plant(root: Path, directories: int, files: tuple[str, ...] = NAMES) -> dict[str, int]:
    """Make `directories` below `root`, each with `files` of different sizes; the paths and sizes made."""
    made: dict[str, int] = {}
    for number in range(directories):
        folder = root / f"{number:032x}"
        folder.mkdir(parents=True)
        for place, name in enumerate(files):
            size = (number * 7 + place * 13) % 97
            (folder / name).write_bytes(b"x" * size)
            made[f"{folder.name}/{name}"] = size
    for path in (root, *root.iterdir()):
        path.chmod(0o755)
    return made
