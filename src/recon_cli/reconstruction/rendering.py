"""A splat as a camera sees it, drawn by the trainer's own kernels on the CPU."""

from __future__ import annotations

import numpy as np

from recon_cli.reconstruction.scene import Pixels, View
from recon_cli.reconstruction.splats.gaussians import Gaussians
from recon_cli.reconstruction.training.cpu import draw as drawing
from recon_cli.reconstruction.training.cpu.fit import BLACK


def picture(splat: Gaussians, view: View, *, near: float) -> Pixels:
    """The picture (height, width, 3) of `splat` from where `view` was taken, as large as its photo, on black.

    What is nearer to the camera than `near` (in the scene's unit) is not drawn.
    """
    height, width, _ = view.pixels.shape
    columns = (splat.xyz, splat.log_scales, splat.rotations, splat.logits[:, None])
    rows = np.concatenate([*columns, splat.harmonics.reshape(len(splat), -1)], axis=1, dtype=np.float32)
    camera = drawing.camera_row(view, (height, width))
    drawn = drawing.draw(rows, camera, (height, width), splat.degree, near=near, background=BLACK).image
    pixels: Pixels = np.rint(np.clip(drawn, 0, 1) * 255).astype(np.uint8)
    return pixels.transpose(1, 2, 0)
