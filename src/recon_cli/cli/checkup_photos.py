"""The checks of `recon doctor` for `recon reconstruct`: who solves cameras, who trains, where jobs lie."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec

from recon_cli.cli.checks import Check, Status, failed
from recon_cli.config.layers import Layer
from recon_cli.config.settings import Settings
from recon_cli.core.errors import ExitCode, ReconError

_LITTLE_SPACE_BYTES = 2 << 30
"""A job of some dozen photos with its copies, matches and checkpoints."""
_INSTALL = "run `pip install 'recon-cli[reconstruct]'`"


def photos(settings: Settings) -> Iterator[Check]:
    """What is here for photos; where nothing is and nothing is set, one line that says so."""
    ours = [one for key, one in settings.values.items() if key.startswith("reconstruct.")]
    wanted = any(one.source.layer is not Layer.DEFAULT for one in ours)
    if find_spec("numpy") is None or find_spec("PIL") is None:
        told = "numpy and pillow are not installed"
        if wanted:
            yield Check("photos", Status.FAIL, told, _INSTALL, ExitCode.TOOL_MISSING)
        else:
            yield Check("photos", Status.OK, f"{told}, and nothing here needs them", _INSTALL)
        return
    yield _solver(settings, needed=wanted)
    yield from _trainer()
    yield _films()
    if wanted:
        yield _root(settings)


def _solver(settings: Settings, *, needed: bool) -> Check:
    from recon_cli.reconstruction.solving.registry import choose  # noqa: PLC0415  brings pycolmap in

    try:
        return Check("photos cameras", Status.OK, f"solved by {choose('auto', settings.reconstruct.colmap).name}")
    except ReconError as exc:
        if needed:
            return failed("photos cameras", exc)
        return Check("photos cameras", Status.OK, f"{exc.message}, and nothing here needs it", exc.hint or "")


def _trainer() -> Iterator[Check]:
    from recon_cli.reconstruction.training.gsplat import HINT, GsplatTrainer  # noqa: PLC0415  asks for torch

    reason = GsplatTrainer().available()
    if reason is None:
        yield Check("photos training", Status.OK, "on the GPU, by gsplat")
    elif find_spec("numba") is not None:
        yield Check("photos training", Status.OK, f"on the CPU: {reason}", HINT)
    else:
        yield Check("photos training", Status.WARN, f"numba is not installed, and {reason}", _INSTALL)


def _films() -> Check:
    if shutil.which("ffmpeg") and shutil.which("ffprobe"):
        return Check("photos videos", Status.OK, "frames are taken by ffmpeg")
    return Check("photos videos", Status.OK, "no ffmpeg: videos among photos are rejected", "install `ffmpeg`")


def _root(settings: Settings) -> Check:
    root = settings.reconstruct.root.expanduser().absolute()
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        mend = "let this user write there, or set `[reconstruct] root`"
        return Check("photos jobs", Status.FAIL, f"cannot write to {there}", mend, ExitCode.FAILED)
    free = shutil.disk_usage(there).free
    if free < _LITTLE_SPACE_BYTES:
        return Check("photos jobs", Status.WARN, f"{free >> 20} MiB left at {there}", "make room there")
    return Check("photos jobs", Status.OK, f"{root} ({free >> 30} GiB free)")
