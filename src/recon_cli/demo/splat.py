"""Pictures of what was reconstructed: a photo that training never saw, and the same view of the splat."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from recon_cli.reconstruction import rendering, scene
from recon_cli.reconstruction.splats import files

NEAR = 0.01


def compare(job: Path, pictures: Path) -> None:
    """Write `photo.png` and `splat.png`, the same held-out view of a finished job."""
    solved = scene.load(job / "work", max_side_px=None)
    held = solved.held or (0,)
    view = solved.views[held[len(held) // 2]]
    drawn = rendering.picture(files.read(job / "result" / "scene.ply"), view, near=NEAR * solved.extent())
    pictures.mkdir(exist_ok=True)
    for name, pixels in (("photo", view.pixels), ("splat", drawn)):
        Image.fromarray(pixels).save(pictures / f"{name}.png", optimize=True)
