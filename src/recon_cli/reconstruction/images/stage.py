"""The first stage: photos to working copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from recon_cli.core.canonical import Json
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.images.validate import validate
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work


def run(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Judge the photos that the request names."""
    result = validate(request.photos, work.folder, request.limits, progress)
    counts = Counter(one.verdict.value for one in result.photos)
    cameras = len({one.camera for one in result.taken})
    return {
        "photos": len(result.taken),
        "cameras": cameras,
        "verdicts": dict(counts),
        "warnings": list(result.warnings),
    }
