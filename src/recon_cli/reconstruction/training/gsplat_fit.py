"""The loop around gsplat: parameters, one Adam for each kind, a strategy that grows and prunes.

Imports torch and gsplat; only `gsplat.py` imports it.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nn
from gsplat import rasterization
from gsplat.strategy import DefaultStrategy, MCMCStrategy

from recon_cli.core.errors import DataError, UsageError
from recon_cli.ops.atomic import write_file
from recon_cli.reconstruction.scene import Scene, View
from recon_cli.reconstruction.splats.gaussians import SH_C0, Gaussians
from recon_cli.reconstruction.training.base import Progress, TrainOptions
from recon_cli.reconstruction.training.presets import Preset

CHECKPOINT = "checkpoint.pt"
CHECKPOINT_EVERY_S = 60.0
NEAR = 0.01
SHARE = 0.2
OPACITY_PULL = 0.01
SCALE_PULL = 0.01
"""What MCMC adds to the loss, so that Gaussians that show nothing fade and can be put elsewhere."""
RATES = {"means": 1.6e-4, "scales": 5e-3, "quats": 1e-3, "opacities": 5e-2, "sh0": 2.5e-3, "shN": 1.25e-4}
LAST_MEANS = 0.01
"""The step of positions ends at this part of what it began with."""
SCORED_EVERY = 10
DEVICE = "cuda"


class Fit:
    """A training on the GPU; `scored` is PSNR and SSIM of the held-out views."""

    def __init__(self, scene: Scene, preset: Preset, options: TrainOptions) -> None:
        torch.manual_seed(options.seed)
        self.scene, self.preset, self.options = scene, preset, options
        self.extent = scene.extent()
        self.strategy = _strategy(preset, options)
        self.params = torch.nn.ParameterDict(_begin(scene, preset, options.seed))
        self.optimizers = self._optimizers()
        self.grown: dict[str, Any] = self._grown()
        self.iteration = 0
        self.scored = (math.nan, math.nan)
        self.random = np.random.default_rng([options.seed, 3])

    def run(self, out: Path, on_progress: Callable[[Progress], None], *, resume: bool) -> None:
        """Take all steps that are left."""
        if resume and (out / CHECKPOINT).is_file():
            self._load(out / CHECKPOINT)
        saved_at, psnr = time.monotonic(), None
        total = self.preset.iterations
        score_at = round(0.8 * total) if self.options.use_all_views else total
        while self.iteration < total:
            late = self.options.use_all_views and self.iteration >= score_at
            self._step(tuple(range(len(self.scene.views))) if late else self.scene.shown)
            if self.iteration == score_at:
                self.scored = self.score(None)
            if self.iteration % max(1, total // SCORED_EVERY) == 0 and self.scene.held and self.iteration <= score_at:
                psnr = self.score(2)[0]
            if time.monotonic() - saved_at > CHECKPOINT_EVERY_S or self.iteration == total:
                self._save(out / CHECKPOINT)
                saved_at = time.monotonic()
            on_progress(Progress(self.iteration, total, psnr, len(self.params["means"])))

    def _step(self, views: tuple[int, ...]) -> None:
        view = self.scene.views[views[int(self.random.integers(len(views)))]]
        photo = torch.from_numpy(np.ascontiguousarray(view.pixels)).to(DEVICE)[None].float() / 255
        drawn, info = self._draw(view)
        self.strategy.step_pre_backward(self.params, self.optimizers, self.grown, self.iteration, info)
        self._loss(drawn, photo).backward()
        way = self.iteration / self.preset.iterations
        rate = RATES["means"] * self.extent * LAST_MEANS**way
        self.optimizers["means"].param_groups[0]["lr"] = rate
        for optimizer in self.optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        more = {"lr": rate} if isinstance(self.strategy, MCMCStrategy) else {"packed": False}
        self.strategy.step_post_backward(self.params, self.optimizers, self.grown, self.iteration, info, **more)
        self.iteration += 1

    def _draw(self, view: View) -> tuple[Any, dict[str, Any]]:
        pose = np.eye(4, dtype=np.float32)
        pose[:3, :3], pose[:3, 3] = view.rotation, view.translation
        (fx, fy), (cx, cy) = view.focal, view.middle
        lens = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=np.float32)
        height, width = view.pixels.shape[:2]
        degree = min(self.preset.degree, self.iteration * 10 // max(1, self.preset.iterations))
        drawn, _alphas, info = rasterization(
            means=self.params["means"],
            quats=self.params["quats"],
            scales=torch.exp(self.params["scales"]),
            opacities=torch.sigmoid(self.params["opacities"]),
            colors=torch.cat([self.params["sh0"], self.params["shN"]], dim=1),
            viewmats=torch.from_numpy(pose).to(DEVICE)[None],
            Ks=torch.from_numpy(lens).to(DEVICE)[None],
            width=width,
            height=height,
            sh_degree=degree,
            near_plane=NEAR * self.extent,
            packed=False,
        )
        return drawn, info

    def _loss(self, drawn: Any, photo: Any) -> Any:  # noqa: ANN401  tensors
        loss = (1 - SHARE) * (drawn - photo).abs().mean() + SHARE * (1 - _ssim(drawn, photo))
        if isinstance(self.strategy, MCMCStrategy):
            loss = loss + OPACITY_PULL * torch.sigmoid(self.params["opacities"]).mean()
            loss = loss + SCALE_PULL * torch.exp(self.params["scales"]).mean()
        return loss

    def score(self, most: int | None) -> tuple[float, float]:
        """Mean PSNR (dB) and SSIM of the held-out views."""
        rows = []
        with torch.no_grad():
            for number in self.scene.held[:most]:
                view = self.scene.views[number]
                photo = torch.from_numpy(np.ascontiguousarray(view.pixels)).to(DEVICE)[None].float() / 255
                drawn = self._draw(view)[0].clamp(0, 1)
                error = float(((drawn - photo) ** 2).mean())
                rows.append((10 * math.log10(1 / max(error, 1e-12)), float(_ssim(drawn, photo))))
        if not rows:
            return math.nan, math.nan
        psnr, ssim = (sum(values) / len(rows) for values in zip(*rows, strict=True))
        return psnr, ssim

    def gaussians(self) -> Gaussians:
        """The Gaussians as any file takes them."""
        host = {name: value.detach().cpu().numpy() for name, value in self.params.items()}
        turns = host["quats"] / np.linalg.norm(host["quats"], axis=1, keepdims=True)
        harmonics = np.concatenate([host["sh0"], host["shN"]], axis=1)
        return Gaussians(host["means"], host["scales"], turns, host["opacities"], harmonics)

    def _optimizers(self) -> dict[str, Any]:
        rates = {**RATES, "means": RATES["means"] * self.extent}
        return {
            name: torch.optim.Adam([{"params": self.params[name], "lr": rate, "name": name}], eps=1e-15)
            for name, rate in rates.items()
        }

    def _grown(self) -> dict[str, Any]:
        self.strategy.check_sanity(self.params, self.optimizers)
        if isinstance(self.strategy, MCMCStrategy):
            state: dict[str, Any] = self.strategy.initialize_state()
            return state
        scaled: dict[str, Any] = self.strategy.initialize_state(scene_scale=self.extent)
        return scaled

    def _save(self, path: Path) -> None:
        held = io.BytesIO()
        body = {
            "params": {name: value.detach() for name, value in self.params.items()},
            "optimizers": {name: one.state_dict() for name, one in self.optimizers.items()},
            "grown": self.grown,
            "iteration": self.iteration,
            "scored": self.scored,
            "random": self.random.bit_generator.state,
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(),
        }
        torch.save(body, held)
        write_file(path, held.getvalue())

    def _load(self, path: Path) -> None:
        hint = f"delete {path} to begin anew"
        try:
            body = torch.load(path, map_location=DEVICE, weights_only=True)
            for name, value in body["params"].items():
                self.params[name] = torch.nn.Parameter(value)
            self.optimizers = self._optimizers()
            for name, state in body["optimizers"].items():
                self.optimizers[name].load_state_dict(state)
            self.grown, self.iteration, self.scored = body["grown"], body["iteration"], tuple(body["scored"])
            self.random.bit_generator.state = body["random"]
            torch.set_rng_state(body["torch"].cpu())
            torch.cuda.set_rng_state(body["cuda"].cpu())
        except Exception as exc:
            raise DataError(
                f"the checkpoint {path} is damaged or of another training", cause=str(exc), hint=hint
            ) from exc


def _strategy(preset: Preset, options: TrainOptions) -> Any:  # noqa: ANN401  gsplat has no types
    total = preset.iterations
    every, start, stop = max(20, total // 100), max(50, total // 60), round(0.8 * total)
    match options.strategy:
        case "mcmc":
            return MCMCStrategy(
                cap_max=preset.max_gaussians, refine_start_iter=start, refine_stop_iter=stop, refine_every=every
            )
        case "default":
            return DefaultStrategy(
                refine_start_iter=start, refine_stop_iter=total // 2, refine_every=every, reset_every=total * 2
            )
    raise UsageError(f"no strategy `{options.strategy}`", hint="use `mcmc` or `default`")


def _begin(scene: Scene, preset: Preset, seed: int) -> dict[str, Any]:
    """One Gaussian for each point, at most as many as there may be."""
    points, colours = scene.points, scene.colours
    if len(points) > preset.max_gaussians:
        chosen = np.random.default_rng([seed, 1]).choice(len(points), preset.max_gaussians, replace=False)
        points, colours = points[chosen], colours[chosen]
    places = torch.from_numpy(points).float()
    widths = torch.empty(len(places))
    for part in torch.arange(len(places)).split(2048):
        near = torch.cdist(places[part], places).topk(min(4, len(places)), largest=False).values[:, 1:]
        widths[part] = near.pow(2).mean(dim=1).sqrt().clamp(min=1e-7)
    turns = torch.zeros(len(places), 4)
    turns[:, 0] = 1
    tables = {
        "means": places,
        "scales": torch.log(widths)[:, None].repeat(1, 3),
        "quats": turns,
        "opacities": torch.full((len(places),), math.log(0.1 / 0.9)),
        "sh0": ((torch.from_numpy(colours).float() / 255 - 0.5) / SH_C0)[:, None],
        "shN": torch.zeros(len(places), (preset.degree + 1) ** 2 - 1, 3),
    }
    return {name: torch.nn.Parameter(table.to(DEVICE).contiguous()) for name, table in tables.items()}


def _ssim(drawn: Any, photo: Any) -> Any:  # noqa: ANN401  tensors
    """Mean SSIM of pictures (1, height, width, 3), the same window as on the CPU."""
    weights = torch.exp(-((torch.arange(11, device=drawn.device) - 5.0) ** 2) / (2 * 1.5**2))
    weights = weights / weights.sum()
    window = (weights[:, None] * weights[None]).expand(3, 1, 11, 11).contiguous()
    a, b = drawn.permute(0, 3, 1, 2), photo.permute(0, 3, 1, 2)

    def blur(picture: Any) -> Any:  # noqa: ANN401  a tensor
        return nn.conv2d(picture, window, padding=5, groups=3)

    ma, mb = blur(a), blur(b)
    saa, sbb, sab = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    return (((2 * ma * mb + c1) * (2 * sab + c2)) / ((ma * ma + mb * mb + c1) * (saa + sbb + c2))).mean()
