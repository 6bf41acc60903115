"""`recon reconstruct`: a folder of photos to a Gaussian splat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from recon_cli.cli import desk as desks
from recon_cli.cli import options
from recon_cli.cli.invocation import Invocation
from recon_cli.core.errors import UsageError
from recon_cli.jobs.reconstruct import publish, start, tried
from recon_cli.jobs.reconstruct import run as running
from recon_cli.reconstruction.request import PRESETS, Request

_TRAINERS = ("auto", "cpu", "gsplat", "command")
_SOLVERS = ("auto", "pycolmap", "colmap")


@options.examples("recon reconstruct ./photos --preset quick", "recon reconstruct --resume 1a2b3c4d")
def reconstruct(
    photos: Annotated[
        Path | None, typer.Argument(metavar="[PHOTOS]", help="The folder that holds the photos, or a video.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Copy the result there, too.")] = None,
    preset: Annotated[str | None, typer.Option(metavar="|".join(PRESETS), help="How much care to take.")] = None,
    trainer: Annotated[str | None, typer.Option(metavar="|".join(_TRAINERS), help="What trains the Gaussians.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, metavar="N", help="Iterations of the training.")] = None,
    max_gaussians: Annotated[int | None, typer.Option(min=1, metavar="N", help="No more Gaussians than this.")] = None,
    original_resolution: Annotated[
        bool, typer.Option("--original-resolution", help="Work on the photos in their full size.")
    ] = False,
    sfm: Annotated[str | None, typer.Option(metavar="|".join(_SOLVERS), help="What solves the cameras.")] = None,
    filter_: Annotated[
        bool | None, typer.Option("--filter/--no-filter", help="Remove floaters after the training; done by default.")
    ] = None,
    use_all_views: Annotated[
        bool, typer.Option("--use-all-views", help="Train on the views held out for the score as well, in the end.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Where random numbers begin.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="Leave the job to a `recon worker`, on any machine.")] = False,
    resume: Annotated[str | None, typer.Option(metavar="JOB", help="Go on with a job that was interrupted.")] = None,
) -> None:
    """Make a Gaussian splat, and a page that shows it, of a folder of photos (or of videos, with `ffmpeg`).

    Each stage is recorded; what is finished is never done twice.
    """
    call = options.current()
    asked = {
        "preset": _known("preset", preset, tuple(PRESETS)),
        "trainer": _known("trainer", trainer, _TRAINERS),
        "sfm": _known("sfm", sfm, _SOLVERS),
        "iterations": iterations,
        "max_gaussians": max_gaussians,
        "original_resolution": original_resolution or None,
        "filtered": filter_,
        "use_all_views": use_all_views or None,
        "seed": seed,
    }
    wanted = {name: value for name, value in asked.items() if value is not None}
    if queue and (resume is not None or out is not None):
        raise UsageError("`--queue` goes with new photos alone", hint="`recon job retry JOB` queues a job once more")
    if resume is not None:
        _refuse_beside_resume(photos, wanted)
        if call.dry_run:
            with desks.opened(call) as desk:
                call.show(tried.resumed(desk, resume))
        with desks.opened(call) as desk:
            report = running.run(desk, desk.work(resume), desks.watcher(call))
            call.show(publish.published(report, desk.work(resume), out))
    if photos is None:
        raise UsageError("no photos are named", hint="name the folder that holds them, or a job with `--resume`")
    request = request_for(call, photos, wanted)
    start.check(request)
    if call.dry_run:
        call.show(tried.judged(request, call.progress))
    if queue:
        _queue(call, request)
    with desks.opened(call, make=True) as desk:
        made = start.new(desk, request)
        call.note(f"job {made.id} in {made.folder}")
        report = running.run(desk, made, desks.watcher(call))
        call.show(publish.published(report, made, out))


def _queue(call: Invocation, request: Request) -> NoReturn:
    from recon_cli.jobs.worker import submit  # noqa: PLC0415  brings the engine in, an extra

    store, files = desks.table_of_workers(call), desks.files_of_workers(call)
    with desks.opened(call, make=True) as desk:
        call.show(submit.submit(desk, store, files, request))


def request_for(call: Invocation, photos: Path, wanted: Mapping[str, object]) -> Request:
    """The request that settings and `wanted` options make."""
    chosen = call.settings.reconstruct
    return Request(
        photos=photos.absolute(),
        threads=chosen.threads,
        min_side_px=chosen.min_side_px,
        max_pixels=int(chosen.max_megapixels * 1_000_000),
        max_bytes=int(chosen.max_photo_mb * 1_000_000) if chosen.max_photo_mb else None,
        video_frames=chosen.video_frames,
        train_command=chosen.train_command,
        colmap=chosen.colmap,
        memory_mb=chosen.memory_mb,
        time_limit_s=chosen.time_limit_s,
        **wanted,  # type: ignore[arg-type]  # each under the name and of the type of its field
    )


def _refuse_beside_resume(photos: Path | None, wanted: Mapping[str, object]) -> None:
    if photos is not None or wanted:
        raise UsageError(
            "a resumed job keeps its photos and its options", hint="give `--resume JOB` alone, or start a new job"
        )


def _known(option: str, word: str | None, known: tuple[str, ...]) -> str | None:
    if word is not None and word not in known:
        raise UsageError(f"no {option} `{word}`", hint=f"use one of {', '.join(known)}")
    return word
