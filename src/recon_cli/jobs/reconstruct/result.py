"""What a finished job is worth: its row's numbers, and the report an operator reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.images.photo import Photo, Verdict
from recon_cli.reconstruction.jobtable import Cell
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.runner import took
from recon_cli.reconstruction.stages import STAGES
from recon_cli.reconstruction.work import Work

_MEGABYTE = 1024 * 1024
"""As the reconstruction server counts `file_size_mb`."""
Outcomes = Mapping[str, Mapping[str, Json]]


def outcomes(work: Work) -> dict[str, Mapping[str, Json]]:
    """What every finished stage left behind."""
    found = {stage.name: work.outcome(stage.name) for stage in STAGES}
    return {name: outcome for name, outcome in found.items() if outcome is not None}


def cells(work: Work, found: Outcomes) -> dict[str, Cell]:
    """The columns of `jobs` that the stages fill."""
    mapping, train, clean = (found.get(name, {}) for name in ("mapping", "train", "clean"))
    known: dict[str, Cell] = {
        "image_count": _int(found.get("validate", {}).get("photos")),
        "colmap_registered_images": _int(mapping.get("registered")),
        "colmap_points": _int(mapping.get("points")),
        "iterations": _int(train.get("iterations")),
        "gaussian_count": _int(train.get("gaussians")),
        "filtered_count": _int(clean.get("after")),
        "removed_count": _int(clean.get("removed")),
        "file_size_mb": _size_mb(work, clean),
        "processing_time_seconds": round(sum(took(one, "seconds") for one in found.values()), 3),
    }
    return {name: value for name, value in known.items() if value is not None}


def report(desk: Desk, work: Work, request: Request) -> Report:
    """A finished job."""
    found = outcomes(work)
    photos = _photos(work)
    problems = tuple(_problems(photos, found))
    rejected = any(one.verdict is Verdict.REJECTED for one in photos)
    body: dict[str, Json] = {
        "job": work.id,
        "status": desk.table.get(work.id).cells.get("status"),  # type: ignore[dict-item]  # a word
        "folder": str(work.folder),
        "photos": str(request.photos),
        "preset": request.preset,
        "stages": {name: dict(outcome) for name, outcome in found.items()},
        "files": [*files(work, found)],
    }
    viewer = next((path for path in files(work, found) if path.endswith(".html")), "")
    hints = (f"open {viewer} in a browser",) if viewer else ()
    code = ExitCode.PARTIAL if rejected else ExitCode.DONE
    return Report("recon.reconstruct/1", summary(work, found), body, (stages(found),), problems, code, hints=hints)


def summary(work: Work, found: Outcomes) -> str:
    """One line: cameras, Gaussians, score, time."""
    mapping, train, clean = (found.get(name, {}) for name in ("mapping", "train", "clean"))
    parts = [f"{mapping.get('registered')} of {mapping.get('photos')} photos registered ({mapping.get('rung')})"]
    count = clean.get("after") or train.get("gaussians")
    if isinstance(count, int):
        parts.append(words.count(count, "Gaussian"))
    score = train.get("psnr_db")
    if isinstance(score, float):
        parts.append(f"{score:.2f} dB on held-out views")
    seconds = sum(took(one, "seconds") for one in found.values())
    return f"job {work.id}: {', '.join(parts)} in {words.seconds(seconds)}"


def stages(found: Outcomes) -> Table:
    """What every stage gave and took."""
    rows = [
        (
            name,
            round(took(one, "seconds"), 1),
            round(took(one, "cpu_seconds"), 1),
            round(took(one, "peak_mb")),
            told(name, one),
        )
        for name, one in found.items()
    ]
    return Table(("stage", "seconds", "CPU-s", "MB", "result"), rows)


def told(stage: str, outcome: Mapping[str, Json]) -> str:
    """What a stage gave, in a few words."""
    say = outcome.get
    lines = {
        "validate": lambda: f"{say('photos')} photos of {words.count(_int(say('cameras')) or 0, 'camera')}",
        "features": lambda: f"by {say('solver')}",
        "matching": lambda: f"{say('matched_pairs')} of {say('pairs')} pairs",
        "mapping": lambda: (
            f"{say('registered')} of {say('photos')} photos, {say('points')} points, {say('error_px')} px, "
            f"rung `{say('rung')}`"
        ),
        "undistort": lambda: f"{say('photos')} photos",
        "train": lambda: f"{say('gaussians')} Gaussians in {say('iterations')} iterations by {say('trainer')}",
        "clean": lambda: f"{say('removed')} of {say('before')} removed",
        "export": lambda: ", ".join(_names(outcome)),
        "viewer": lambda: ", ".join(_names(outcome)),
    }
    return lines[stage]() if stage in lines else ""


def files(work: Work, found: Outcomes) -> list[str]:
    """The paths of what a user takes away."""
    names = [name for stage in ("export", "viewer") for name in _listed(found.get(stage, {}))]
    return [str(work.folder / name) for name in names]


def _names(outcome: Mapping[str, Json]) -> list[str]:
    return [Path(name).name for name in _listed(outcome)]


def _listed(outcome: Mapping[str, Json]) -> list[str]:
    found = outcome.get("files")
    return list(found) if isinstance(found, dict) else []


def _photos(work: Work) -> tuple[Photo, ...]:
    try:
        return photo.read(work.folder)
    except ReconError:
        return ()


def _problems(photos: tuple[Photo, ...], found: Outcomes) -> Iterator[Problem]:
    for one in photos:
        if one.verdict in {Verdict.REJECTED, Verdict.DUPLICATE}:
            yield Problem(one.source, one.verdict.value, one.reason)
        for warning in one.warnings:
            yield Problem(one.source, "warning", warning)
    for name, outcome in found.items():
        for warning in _texts(outcome.get("warnings")):
            yield Problem(name, "warning", warning)


def _texts(value: Json) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _int(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _size_mb(work: Work, clean: Mapping[str, Json]) -> float | None:
    named = clean.get("ply")
    path = work.folder / named if isinstance(named, str) else None
    return path.stat().st_size / _MEGABYTE if path and path.is_file() else None
