"""Any program that trains: a template of words, started as a list, its output kept in a log.

`{scene}`, `{out}`, `{iterations}`, `{seed}`, `{gaussians}` and `{ply}` are put in. `inria:PATH/train.py` stands for the
argument set of Inria's trainer and its many descendants. A program that ends well and leaves no splat has failed.
"""

from __future__ import annotations

import math
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from recon_cli.core.errors import DataError, StageError, ToolMissingError, UsageError
from recon_cli.reconstruction import survival
from recon_cli.reconstruction.splats import files, ply
from recon_cli.reconstruction.training import presets
from recon_cli.reconstruction.training.base import PLY, Progress, TrainOptions, TrainOutcome

LOG = "command.log"
INRIA = "inria:"
_INRIA_WORDS = "-s {scene} -m {out} --iterations {iterations} --save_iterations {iterations}"
_HELD_OUT = "--eval"
_COUNT = re.compile(rb"(\d+)\s*/\s*(\d+)")
POLL_S = 0.5
TAIL_BYTES = 2000


class CommandTrainer:
    """An external trainer. Whether it resumes is its own matter: it is started anew, with the same words."""

    name = "command"

    def available(self) -> str | None:
        """Always there; whether the program is, only its template says."""
        return None

    def train(
        self,
        scene_folder: Path,
        out: Path,
        options: TrainOptions,
        on_progress: Callable[[Progress], None],
        resume: bool,  # noqa: ARG002, FBT001  the interface's
    ) -> TrainOutcome:
        """Run the program, then take its newest splat; see `base.Trainer`."""
        began = time.monotonic()
        preset = presets.resolve(presets.GPU, options)
        words = arguments(scene_folder, out, preset, options)
        out.mkdir(parents=True, exist_ok=True)
        for old in _splats(out):
            old.unlink()
        _run(words, out, preset.iterations, on_progress)
        found = _newest(out)
        gaussians = files.read(found)
        if found != out / PLY:
            ply.write(gaussians, out / PLY)
        number = len(gaussians)
        on_progress(Progress(preset.iterations, preset.iterations, None, number))
        return TrainOutcome(number, math.nan, math.nan, time.monotonic() - began, preset.iterations, out / PLY)


TRAINER = CommandTrainer()


def arguments(scene_folder: Path, out: Path, preset: presets.Preset, options: TrainOptions) -> list[str]:
    """The words of the command line.

    Raises:
        UsageError: there is no template, or it has a place that is not known.
        ToolMissingError: its program is not there.
    """
    template = options.command.strip()
    if not template:
        raise UsageError("no command to train with", hint="give a template, or `inria:PATH/train.py`")
    if template.startswith(INRIA):
        held = "" if options.use_all_views else f" {_HELD_OUT}"
        script = shlex.quote(template.removeprefix(INRIA))
        template = f"{shlex.quote(sys.executable)} {script} {_INRIA_WORDS}{held}"
    places = {
        "scene": str(scene_folder),
        "out": str(out),
        "iterations": str(preset.iterations),
        "seed": str(options.seed),
        "gaussians": str(preset.max_gaussians),
        "ply": str(out / PLY),
    }
    try:
        words = [word.format_map(places) for word in shlex.split(template)]
    except (KeyError, ValueError, IndexError) as exc:
        known = ", ".join(f"{{{name}}}" for name in places)
        raise UsageError(f"the template `{template}` cannot be filled in", cause=str(exc), hint=f"use {known}") from exc
    if shutil.which(words[0]) is None:
        raise ToolMissingError(f"no program `{words[0]}`", hint="look at the template, and at PATH")
    return words


def _run(words: list[str], out: Path, total: int, on_progress: Callable[[Progress], None]) -> None:
    with (out / LOG).open("wb") as log:
        child = subprocess.Popen(
            words,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            preexec_fn=survival.die_with_parent,  # noqa: PLW1509  a trainer has one thread while it starts a program
        )
        try:
            while child.poll() is None:
                on_progress(Progress(_done(out / LOG, total), total, None, 0))
                time.sleep(POLL_S)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if child.returncode:
        cause = f"exit status {child.returncode}: {_last_line(out / LOG)}"
        raise StageError(f"`{words[0]}` failed", cause=cause, hint=f"read {out / LOG}")


def _tail(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read()


def _done(log: Path, total: int) -> int:
    """The last `n/total` in the log: how progress bars say it."""
    counts = [int(done) for done, of in _COUNT.findall(_tail(log)) if int(of) == total]
    return min(total, counts[-1]) if counts else 0


def _last_line(log: Path) -> str:
    lines = _tail(log).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def _splats(out: Path) -> list[Path]:
    return [path for path in out.rglob("*") if path.suffix in (".ply", ".splat", ".spz") and path.is_file()]


def _newest(out: Path) -> Path:
    """The splat it left: the last written of those that are splats."""
    good = []
    for path in _splats(out):
        try:
            good.append((path.stat().st_mtime_ns, path.name == PLY, path) if files.head(path).count else None)
        except DataError:
            continue  # a cloud of points beside it: Inria's trainer copies its input
    found = max(filter(None, good), default=None)
    if found is None:
        raise StageError(
            "the program ended well and left no splat", cause=_last_line(out / LOG), hint=f"read {out / LOG}"
        )
    return found[2]
