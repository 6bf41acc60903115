"""One contestant of `bench_train` as a process: `python -m tests.bench.trainers steps|whole …` prints one JSON line.

`steps ours|torch SCENE GAUSSIANS ITERATIONS` measures steps at full size with a fixed number of Gaussians; `whole SCENE
PRESET ITERATIONS GAUSSIANS SIDE` trains and scores on the way. CPU seconds are those of all threads, without compiling
and without scoring.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from recon_cli.reconstruction import scene
from recon_cli.reconstruction.kernels import jit
from recon_cli.reconstruction.training import presets
from recon_cli.reconstruction.training.base import TrainOptions
from recon_cli.reconstruction.training.cpu import fit, plan, state, trainer

THREADS = 1
"""Of both: what waits for another thread costs processor time too, on a busy machine a lot of it."""


def main(what: str, *words: str) -> None:
    """Run and print."""
    jit.use_threads(THREADS)
    found = steps(*words) if what == "steps" else whole(*words)
    sys.stdout.write(json.dumps(found) + "\n")


def steps(who: str, folder: str, gaussians: str, iterations: str) -> dict[str, Any]:
    """CPU seconds a step of one contestant, and the mean loss of the last steps, for the same start."""
    loaded = scene.load(Path(folder), max_side_px=None)
    begun = dense(loaded, int(gaussians))
    views = [loaded.views[number] for number in loaded.shown]
    if who == "torch":
        from tests.bench import torch_tiles  # noqa: PLC0415  in the bench session only

        torch_tiles.threads(THREADS)
        peer = torch_tiles.Tiles(begun.params[: begun.count], loaded.extent())
        peer.step(views[0])
        started = time.process_time()
        losses = [peer.step(views[number % len(views)]) for number in range(int(iterations))]
        spent = time.process_time() - started
        return {"who": who, "cpu_s_per_step": spent / int(iterations), "loss": float(np.mean(losses))}
    course = plan.Plan(int(iterations) * 100, begun.count, begun.count, 0, loaded.extent())
    begun.iteration = int(iterations) * 50  # where pictures are whole
    ours = fit.Fit(loaded, course, begun, seed=0, use_all_views=False)
    ours.step()
    started = time.process_time()
    for _ in range(int(iterations)):
        ours.step()
    return {"who": who, "cpu_s_per_step": (time.process_time() - started) / int(iterations)}


def dense(loaded: scene.Scene, count: int) -> state.State:
    """As many Gaussians on the surfaces as are wanted: the sparse cloud, repeated with a little noise."""
    random = np.random.default_rng(0)
    which = random.integers(0, len(loaded.points), count)
    points = loaded.points[which] + random.normal(scale=0.02, size=(count, 3))
    return state.begin(scene.Scene(loaded.views, loaded.held, points, loaded.colours[which]), count, 0, 0)


def whole(folder: str, preset: str, iterations: str, gaussians: str, side: str) -> dict[str, Any]:
    """A training with its scores on the way, and the CPU seconds until each."""
    trainer.warm()
    options = TrainOptions(preset, int(iterations), int(gaussians), int(side))
    chosen = presets.resolve(presets.CPU, options)
    loaded = scene.load(Path(folder), max_side_px=chosen.max_side_px)
    first = min(len(loaded.points), chosen.max_gaussians)
    course = plan.Plan(chosen.iterations, first, chosen.max_gaussians, chosen.degree, loaded.extent())
    begun = state.begin(loaded, chosen.max_gaussians, chosen.degree, 0)
    running = fit.Fit(loaded, course, begun, seed=0, use_all_views=False)
    curve, spent, started = [], 0.0, time.process_time()

    def step(_fit: fit.Fit) -> None:
        nonlocal spent, started
        if begun.iteration % max(1, chosen.iterations // 20) == 0:
            spent += time.process_time() - started
            psnr, ssim = running.score()
            curve.append([begun.iteration, round(spent, 2), round(psnr, 3), round(ssim, 4), begun.count])
            started = time.process_time()

    fit.run(running, step)
    return {"who": "ours", "iterations": chosen.iterations, "curve": curve}


if __name__ == "__main__":
    main(*sys.argv[1:])
