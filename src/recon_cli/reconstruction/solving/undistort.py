"""The fifth stage: photos and cameras without distortion, as trainers want them."""

from __future__ import annotations

from collections.abc import Mapping

from recon_cli.core.canonical import Json
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.solving import cores, registry
from recon_cli.reconstruction.work import Work, fresh, publish


def run(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Undistort what is registered."""
    solver = registry.choose(request.sfm, request.colmap)
    part = fresh(work.folder / "work.part")
    side = -1 if request.original_resolution else request.care.keep_px
    progress.update(0, 1)
    solver.undistort(work.images, work.sparse, part, side, cores.number(request.threads))
    publish(part, work.scene)
    return {"photos": sum(1 for _ in (work.scene / "images").iterdir())}
