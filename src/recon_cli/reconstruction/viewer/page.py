"""The page: renderer, splat and training poses in one HTML file."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

import numpy as np

from recon_cli.core.errors import DataError
from recon_cli.ops.atomic import write_file
from recon_cli.reconstruction import model as sparse
from recon_cli.reconstruction.scene import extent_of
from recon_cli.reconstruction.splats import export, files, spz
from recon_cli.reconstruction.splats.gaussians import Gaussians

HERE = Path(__file__).parent
NEAR = 0.01
"""As in training: what is nearer than this part of the scene's extent is not drawn."""


def write(splat_or_ply: Path, scene_folder: Path, out_html: Path, title: str) -> None:
    """Write a page that opens at a training pose and needs nothing but itself.

    The splat lies in it as `.spz`. The poses are those of the model in `scene_folder`, in the order of names; names of
    photos are not in it. `#view=N` opens at another pose, `#bare` leaves the words out.

    Raises:
        DataError: the splat or the scene cannot be read.
        ReconError: the file system refuses.
    """
    gaussians = export.seen_most(files.read(splat_or_ply), 1.0)
    if not len(gaussians):
        raise DataError(f"there is nothing to show in {splat_or_ply}", cause="it holds no Gaussian that is a number")
    parts = {
        "title": html.escape(title),
        "views": json.dumps(_views(sparse.read(scene_folder), gaussians)).replace("<", "\\u003c"),
        "splat": base64.b64encode(spz.packed(gaussians)).decode(),
        "script": (HERE / "page.js").read_text("utf-8"),
    }
    page = (HERE / "page.html").read_text("utf-8")
    pieces = page.split("{{")
    chunks = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        chunks += [parts[name], rest]
    write_file(out_html, (chunk.encode() for chunk in chunks))


def _views(model: sparse.Model, gaussians: Gaussians) -> dict[str, Any]:
    """Poses as the page's script takes them, and how far away the middle of things is from the first."""
    images = sorted(model.images.values(), key=lambda image: image.name)
    if not images:
        raise DataError("the scene has no cameras", hint="solve the cameras again")
    first = images[0]
    middle = np.median(gaussians.xyz, axis=0)
    ahead = float(first.matrix()[2] @ (middle - first.centre()))
    extent = extent_of(np.array([image.centre() for image in images]))
    return {
        "near": NEAR * extent,
        "distance": ahead if ahead > NEAR * extent else extent,
        "views": [_view(image, model.cameras) for image in images],
    }


def _view(image: sparse.Image, cameras: dict[int, sparse.Camera]) -> dict[str, Any]:
    camera = cameras.get(image.camera)
    if camera is None:
        raise DataError(f"{image.name} has no camera", cause=f"camera {image.camera} is not in the model")
    fx, fy, cx, cy = camera.pinhole
    return {
        "turn": [round(value, 9) for value in image.matrix().ravel().tolist()],
        "place": image.centre().tolist(),
        "focal": [fx, fy],
        "middle": [cx, cy],
        "size": [camera.width, camera.height],
    }
