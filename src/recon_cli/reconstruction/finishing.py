"""The last stages: Gaussians trained, cleaned, written in every format, and shown in a page."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import StageError, ToolMissingError
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.training import base, registry
from recon_cli.reconstruction.work import Work, fresh, publish

CLOUD, CLEANED, SPLAT = "point_cloud.ply", "point_cloud_filtered.ply", "scene.splat"
VIEWER = "viewer.html"


def train(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Train at the last checkpoint, and put the cloud where the server's layout has it.

    Raises:
        ToolMissingError: the trainer asked for cannot run here; the cause says why.
    """
    trainer = registry.choose(request.trainer)
    reason = trainer.available()
    if reason:
        raise ToolMissingError(
            f"the trainer `{trainer.name}` cannot run here", cause=reason, hint="take `--trainer cpu`, or mend it"
        )
    options = base.TrainOptions(
        preset=request.preset,
        iterations=request.iterations,
        max_gaussians=request.max_gaussians,
        seed=request.seed,
        use_all_views=request.use_all_views,
        threads=request.threads or 0,
        command=request.train_command,
    )

    def told(at: base.Progress) -> None:
        score = f", {at.psnr_db:.1f} dB" if at.psnr_db is not None and math.isfinite(at.psnr_db) else ""
        progress.update(at.done, at.total, f"{at.gaussians} Gaussians{score}")

    got = trainer.train(work.scene, work.training, options, told, resume=True)
    if not got.gaussians:
        raise StageError("the training ended without a Gaussian", hint="look at the photos and the sparse model")
    cloud = work.cloud(got.iterations) / CLOUD
    for old in work.output.glob("iteration_*"):
        if old != cloud.parent:
            shutil.rmtree(old)
    publish(got.ply, cloud)
    return {
        "trainer": trainer.name,
        "iterations": got.iterations,
        "gaussians": got.gaussians,
        "psnr_db": _number(got.psnr_db),
        "ssim": _number(got.ssim),
        "ply": str(cloud.relative_to(work.folder)),
    }


def clean(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Take floaters out, unless the request says otherwise; the checkpoints have served."""
    trained = work.outcome("train") or {}
    cloud = work.folder / str(trained["ply"])
    count = trained["gaussians"]
    shutil.rmtree(work.training, ignore_errors=True)
    if not request.filtered:
        (cloud.parent / CLEANED).unlink(missing_ok=True)
        return {"before": count, "after": None, "removed": None, "ply": trained["ply"]}
    from recon_cli.reconstruction import cleaning  # noqa: PLC0415  compiles

    progress.update(0, 1)
    part = cloud.parent / f"{CLEANED}.part.ply"
    done = cleaning.clean(cloud, part, cleaning.CleanOptions())
    publish(part, cloud.parent / CLEANED)
    return {
        "before": done.before,
        "after": done.after,
        "removed": done.before - done.after,
        "removed_by_neighbours": done.removed_by_neighbours,
        "removed_by_clusters": done.removed_by_clusters,
        "ply": str((cloud.parent / CLEANED).relative_to(work.folder)),
    }


def export(work: Work, _request: Request, progress: Progress) -> Mapping[str, Json]:
    """Every format, whole and lighter; the server's own `scene.splat` beside its cloud."""
    from recon_cli.reconstruction.splats import export as exporting  # noqa: PLC0415  numpy

    cloud = _cleaned(work)
    progress.update(0, 1)
    fresh(work.result)
    written = exporting.export(cloud, work.result, exporting.ExportOptions())
    beside = cloud.parent / SPLAT
    beside.unlink(missing_ok=True)
    _link(work.result / SPLAT, beside)
    shutil.copyfile(work.folder / photo.LISTED, work.result / photo.LISTED)
    paths = [one.path for one in written]
    return {"files": _sizes(work, paths), "counts": {one.path.name: one.gaussians for one in written}}


def viewer(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """One page that needs nothing but itself."""
    from recon_cli.reconstruction.viewer import page  # noqa: PLC0415  numpy

    progress.update(0, 1)
    page.write(_cleaned(work), work.scene, work.result / VIEWER, request.photos.name)
    return {"files": _sizes(work, [work.result / VIEWER])}


def _cleaned(work: Work) -> Path:
    return work.folder / str((work.outcome("clean") or {})["ply"])


def _sizes(work: Work, paths: list[Path]) -> dict[str, Json]:
    return {str(path.relative_to(work.folder)): path.stat().st_size for path in paths}


def _link(source: Path, target: Path) -> None:
    """The same file under a second name; a copy where the file system has no such thing."""
    with suppress(OSError):
        os.link(source, target)
        return
    shutil.copyfile(source, target)


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
