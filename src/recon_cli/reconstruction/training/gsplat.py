"""The trainer for NVIDIA GPUs: gsplat's rasteriser and strategies; scene, schedule, score and checkpoints are ours.

Written from gsplat 1.5's documented interface (`rasterization`, `MCMCStrategy`, `DefaultStrategy`). torch and gsplat
are imported when it is asked for. The order of additions on a GPU is not fixed:
the same run twice, or resumed, is equal only as far as CUDA is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from recon_cli.core.errors import StageError, ToolMissingError
from recon_cli.reconstruction.training import presets
from recon_cli.reconstruction.training.base import PLY, Progress, TrainOptions, TrainOutcome

HINT = "run `pip install 'recon-cli[gpu]'` on a machine with an NVIDIA GPU and its compiler, or use `--trainer cpu`"


class GsplatTrainer:
    """gsplat on CUDA, with the MCMC strategy, which keeps to a number of Gaussians."""

    name = "gsplat"

    def available(self) -> str | None:
        """None, or the first thing that is missing: torch, gsplat, a device, a rasteriser that can be loaded."""
        for name in ("torch", "gsplat"):
            if find_spec(name) is None:
                return f"{name} is not installed"
        import torch  # noqa: PLC0415  an extra

        if not torch.cuda.is_available():
            return "torch finds no CUDA device"
        return _unusable()

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
            raise ToolMissingError("cannot train with gsplat", cause=reason, hint=HINT)
        import torch  # noqa: PLC0415  an extra

        from recon_cli.reconstruction import scene  # noqa: PLC0415  an extra
        from recon_cli.reconstruction.splats import ply  # noqa: PLC0415  same
        from recon_cli.reconstruction.training import gsplat_fit  # noqa: PLC0415  same

        began = time.monotonic()
        preset = presets.resolve(presets.GPU, options)
        out.mkdir(parents=True, exist_ok=True)
        (out / PLY).unlink(missing_ok=True)
        try:
            loaded = scene.load(scene_folder, max_side_px=preset.max_side_px)
            fit = gsplat_fit.Fit(loaded, preset, options)
            fit.run(out, on_progress, resume=resume)
        except torch.cuda.OutOfMemoryError as exc:
            hint = f"ask for less: `--max-gaussians {preset.max_gaussians // 2}`"
            raise StageError("not enough GPU memory to train", cause=str(exc).splitlines()[0], hint=hint) from exc
        gaussians = fit.gaussians()
        ply.write(gaussians.take(gaussians.finite()), out / PLY)
        psnr, ssim = fit.scored
        return TrainOutcome(len(gaussians), psnr, ssim, time.monotonic() - began, preset.iterations, out / PLY)


def _unusable() -> str | None:
    """Why gsplat's kernels cannot run here; they are compiled at their first use."""
    try:
        import torch  # noqa: PLC0415  an extra
        from gsplat import rasterization  # noqa: PLC0415  same

        one = torch.ones(1, device="cuda")
        rasterization(
            means=torch.tensor([[0.0, 0.0, 2.0]], device="cuda"),
            quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]], device="cuda"),
            scales=one[:, None].expand(1, 3).contiguous() * 0.1,
            opacities=one,
            colors=torch.ones(1, 3, device="cuda"),
            viewmats=torch.eye(4, device="cuda")[None],
            Ks=torch.tensor([[[10.0, 0, 8], [0, 10.0, 8], [0, 0, 1]]], device="cuda"),
            width=16,
            height=16,
        )
    except Exception as exc:  # noqa: BLE001  a compiler, a driver or a wheel: whatever it is, it is the reason
        lines = str(exc).strip().splitlines() or [type(exc).__name__]
        return f"gsplat cannot run here: {lines[-1][:200]}"
    return None


TRAINER = GsplatTrainer()
