"""tried: what a dry run says. Photos are judged as they would be, in a folder that is thrown away."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, ExitCode
from recon_cli.core.ports import Progress
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.reconstruction import request as wishes
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.stages import STAGES, first_unfinished


def judged(request: Request, progress: Progress) -> Report:
    """The verdict on every file."""
    from recon_cli.reconstruction.images import photo, validate  # noqa: PLC0415  brings numpy and Pillow in

    too_few: DataError | None = None
    with TemporaryDirectory(prefix="recon-") as folder:
        try:
            validate.validate(request.photos, Path(folder), request.limits, progress)
        except DataError as exc:
            if not (Path(folder) / photo.LISTED).exists():
                raise
            too_few = exc
        photos = photo.read(Path(folder))
    counts = Counter(one.verdict.value for one in photos)
    rows = [(one.source, one.verdict.value, one.reason or "; ".join(one.warnings), one.camera) for one in photos]
    body: dict[str, Json] = {"photos": [_document(asdict(one)) for one in photos], "counts": dict(counts)}
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    problems = [Problem(str(request.photos), too_few.message, too_few.hint or "")] if too_few else []
    code = ExitCode.DATA if too_few else ExitCode.PARTIAL if counts["rejected"] else ExitCode.DONE
    table = Table(("file", "verdict", "why", "camera"), rows)
    return Report("recon.reconstruct.photos/1", told or "no files", body, (table,), tuple(problems), code)


def resumed(desk: Desk, job_id: str) -> Report:
    """Where a job would go on."""
    desk.table.get(job_id)
    work = desk.work(job_id)
    wishes.read(work.folder)
    left = [stage.name for stage in STAGES[first_unfinished(work) :]]
    body: dict[str, Json] = {"job": job_id, "stages": [*left]}
    summary = f"job {job_id} would go on at {left[0]}" if left else f"job {job_id} has nothing left to do"
    return Report("recon.reconstruct.resume/1", summary, body, (Table(("stage",), [(one,) for one in left]),))


def _document(photo: dict[str, object]) -> dict[str, Json]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in photo.items()}  # type: ignore[misc]  # cells of a photo are JSON
