"""The trainer of the CPU: scene in, `point_cloud.ply` out, checkpoints on the way."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recon_cli.core.errors import StageError, ToolMissingError
from recon_cli.reconstruction import warming
from recon_cli.reconstruction.training import presets
from recon_cli.reconstruction.training.base import PLY, Progress, TrainOptions, TrainOutcome

if TYPE_CHECKING:
    from recon_cli.reconstruction.scene import Scene
    from recon_cli.reconstruction.training.cpu.fit import Fit

NEEDED = ("numba", "numpy", "PIL")
HINT = "run `pip install 'recon-cli[reconstruct]'`"
SCORES = 10
"""How often the first held-out views are scored on the way."""
SCORED_VIEWS = 2
CHECKPOINT_EVERY_S = 20.0


class CpuTrainer:
    """numba kernels with gradients by hand: equal scenes, options and versions give equal bytes, on any threads."""

    name = "cpu"

    def available(self) -> str | None:
        """None, or which package is missing."""
        missing = [name for name in NEEDED if find_spec(name) is None]
        return f"{missing[0]} is not installed" if missing else None

    def train(
        self,
        scene_folder: Path,
        out: Path,
        options: TrainOptions,
        on_progress: Callable[[Progress], None],
        resume: bool,  # noqa: FBT001  the interface's
    ) -> TrainOutcome:
        """Train; see `base.Trainer`."""
        reason = self.available()
        if reason:
            raise ToolMissingError("cannot train on the CPU", cause=reason, hint=HINT)
        warming.ensure()
        preset = presets.resolve(presets.CPU, options)
        try:
            return _train(scene_folder, out, preset, options, on_progress, resume=resume)
        except MemoryError as exc:
            hint = f"ask for less: `--max-gaussians {preset.max_gaussians // 2}`, or smaller pictures"
            raise StageError("not enough memory to train", cause=str(exc) or "out of memory", hint=hint) from exc


TRAINER = CpuTrainer()


def _train(
    scene_folder: Path,
    out: Path,
    preset: presets.Preset,
    options: TrainOptions,
    on_progress: Callable[[Progress], None],
    *,
    resume: bool,
) -> TrainOutcome:
    from recon_cli.reconstruction import scene  # noqa: PLC0415  compiles
    from recon_cli.reconstruction.kernels import jit  # noqa: PLC0415  same
    from recon_cli.reconstruction.splats import ply  # noqa: PLC0415  same
    from recon_cli.reconstruction.training.cpu import fit, plan, state  # noqa: PLC0415  same

    began = time.monotonic()
    jit.use_threads(options.threads)
    loaded = scene.load(scene_folder, max_side_px=preset.max_side_px)
    out.mkdir(parents=True, exist_ok=True)
    mark = _mark(loaded, preset, options)
    found = state.load(out, mark) if resume else None
    first = min(len(loaded.points), preset.max_gaussians)
    course = plan.Plan(preset.iterations, first, preset.max_gaussians, preset.degree, loaded.extent())
    now = found or state.begin(loaded, preset.max_gaussians, preset.degree, options.seed)
    running = fit.Fit(loaded, course, now, seed=options.seed, use_all_views=options.use_all_views)
    (out / PLY).unlink(missing_ok=True)
    fit.run(running, _Steps(out, mark, on_progress))
    state.save(now, out, mark)
    gaussians = now.gaussians()
    gaussians = gaussians.take(gaussians.finite())
    if not len(gaussians):
        raise StageError("the training ended without a Gaussian", hint="look at the photos and the sparse model")
    ply.write(gaussians, out / PLY)
    return TrainOutcome(len(gaussians), *now.score, time.monotonic() - began, now.iteration, out / PLY)


class _Steps:
    """What happens after a step besides training: progress, and a checkpoint every so many seconds."""

    def __init__(self, out: Path, mark: str, on_progress: Callable[[Progress], None]) -> None:
        self.out, self.mark, self.on_progress = out, mark, on_progress
        from recon_cli.reconstruction.training.cpu.state import save  # noqa: PLC0415  compiles

        self.save = save
        self.saved_at = time.monotonic()
        self.psnr_db: float | None = None

    def __call__(self, fit: Fit) -> None:
        state, total = fit.state, fit.plan.total
        if state.iteration % max(1, total // SCORES) == 0 and fit.scene.held and state.iteration <= fit.score_at:
            self.psnr_db = fit.score(SCORED_VIEWS)[0]
        if time.monotonic() - self.saved_at > CHECKPOINT_EVERY_S:
            self.save(state, self.out, self.mark)
            self.saved_at = time.monotonic()
        self.on_progress(Progress(state.iteration, total, self.psnr_db, state.count))


def _mark(loaded: Scene, preset: presets.Preset, options: TrainOptions) -> str:
    """What a checkpoint belongs to: this scene and these options."""
    views = [(view.name, view.pixels.shape, view.translation.tolist(), view.focal) for view in loaded.views]
    words = (views, loaded.points.shape, preset.__class__.__name__, str(preset), options.seed, options.use_all_views)
    digest = hashlib.sha256(json.dumps(words).encode())
    for view in loaded.views:
        digest.update(view.pixels.tobytes())
    digest.update(loaded.points.tobytes())
    return digest.hexdigest()


def warm() -> None:
    """Compile what a training and a cleaning need, or find it compiled; half a minute the first time on a machine.

    A few steps on twelve points seen by two cameras; the runner calls it while cameras are being solved.
    """
    import numpy as np  # noqa: PLC0415  an extra

    from recon_cli.reconstruction import cleaning, scene  # noqa: PLC0415  compiles
    from recon_cli.reconstruction.training.cpu import fit, plan, state  # noqa: PLC0415  same

    random = np.random.default_rng(0)
    points = random.normal(size=(12, 3))
    pixels = random.integers(0, 255, (64, 64, 3)).astype(np.uint8)
    views = tuple(
        scene.View(str(k), np.eye(3), np.array([0.1 * k, 0, 5.0]), (60.0, 60.0), (32.0, 32.0), pixels) for k in range(2)
    )
    tiny = scene.Scene(views, (1,), points, random.integers(0, 255, (12, 3)).astype(np.uint8))
    course = plan.Plan(2, 12, 12, 1, 5.0)
    fit.run(fit.Fit(tiny, course, state.begin(tiny, 12, 1, 0), seed=0, use_all_views=False), lambda _fit: None)
    cloud, options = points.astype(np.float32), cleaning.CleanOptions(min_points=3)
    cleaning.by_neighbours(cloud, cloud[:, 0], options)
    cleaning.by_clusters(cloud, 1.0, options)
