"""The second stage: features of every photo, photos of one camera together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recon_cli.core.canonical import Json
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.images.photo import Photo, Verdict
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.solving import cores, registry
from recon_cli.reconstruction.solving.base import Finding, Group
from recon_cli.reconstruction.work import Work, fresh, publish

_AT_ONCE = 8
"""Photos between two words of progress; all threads are at work within them."""


def run(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Find features, and leave COLMAP's database in its place when all are found."""
    solver = registry.choose(request.sfm, request.colmap)
    fresh(work.features.parent)
    part = work.features.with_suffix(".part")
    taken = [one for one in photo.read(work.folder) if one.verdict is Verdict.TAKEN]
    care = request.care
    how = Finding(care.feature_side_px, care.features, care.fine, cores.number(request.threads))
    masks = work.masks if any(one.masked for one in taken) else None
    solver.enter(part, work.images, masks, groups(taken))
    names = [one.name for one in taken]
    for done in range(0, len(names), _AT_ONCE):
        progress.update(done, len(names))
        solver.features(part, work.images, masks, names[done : done + _AT_ONCE], how)
    publish(part, work.features)
    return {"solver": solver.name, "cameras": len(groups(taken))}


def groups(photos: Sequence[Photo]) -> list[Group]:
    """Photos by camera, in the order in which cameras first appear."""
    by_camera: dict[str, list[str]] = {}
    for one in photos:
        by_camera.setdefault(one.camera, []).append(one.name)
    return [Group(camera, tuple(names)) for camera, names in by_camera.items()]
