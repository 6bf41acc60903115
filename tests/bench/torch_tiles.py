"""The peer of the CPU trainer: the same picture, loss and step written with torch's autograd, tile by tile.

What is reasonable without kernels of one's own: everything is vectorised over pixels and Gaussians of a tile, tiles
are cut by the same bounds, and torch's own fused convolution and Adam do the rest.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nn

from recon_cli.reconstruction.scene import View

TILE = 16
BLUR = 0.3
C0 = 0.28209479177387814


class Tiles:
    """Gaussians as torch parameters, drawn and learnt."""

    def __init__(self, rows: np.ndarray, extent: float) -> None:
        split = {"means": (0, 3), "scales": (3, 6), "turns": (6, 10), "logits": (10, 11), "colours": (11, 14)}
        self.params = {
            name: torch.nn.Parameter(torch.from_numpy(rows[:, a:b].copy())) for name, (a, b) in split.items()
        }
        rates = {"means": 1e-3 * extent, "scales": 1e-2, "turns": 1e-2, "logits": 5e-2, "colours": 1e-2}
        groups = [{"params": [self.params[name]], "lr": rate} for name, rate in rates.items()]
        self.adam = torch.optim.Adam(groups, eps=1e-15, fused=True)
        weights = torch.exp(-((torch.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
        weights = weights / weights.sum()
        self.window = (weights[:, None] * weights[None]).expand(3, 1, 11, 11).contiguous()

    def step(self, view: View) -> float:
        """One view: draw, compare, walk back, move; gives the loss."""
        photo = torch.from_numpy(np.ascontiguousarray(view.pixels.transpose(2, 0, 1))).float() / 255
        loss = self.loss(self.draw(view), photo)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        self.adam.step()
        return float(loss.detach())

    def draw(self, view: View) -> Any:
        """A picture (3, height, width)."""
        height, width = view.pixels.shape[:2]
        flat = self._flat(view, height, width)
        rows = []
        for top in range(0, height, TILE):
            row = [
                self._tile(flat, top, left, min(TILE, height - top), min(TILE, width - left))
                for left in range(0, width, TILE)
            ]
            rows.append(torch.cat(row, dim=2))
        return torch.cat(rows, dim=1)

    def _flat(self, view: View, height: int, width: int) -> dict[str, Any]:
        p = self.params
        turn, shift = torch.from_numpy(view.rotation).float(), torch.from_numpy(view.translation).float()
        fx, fy = view.focal
        cx, cy = view.middle
        x, y, z = (p["means"] @ turn.T + shift).unbind(1)
        w, i, j, k = nn.normalize(p["turns"], dim=1).unbind(1)
        axes = torch.stack(
            [
                1 - 2 * (j * j + k * k), 2 * (i * j - w * k), 2 * (i * k + w * j),
                2 * (i * j + w * k), 1 - 2 * (i * i + k * k), 2 * (j * k - w * i),
                2 * (i * k - w * j), 2 * (j * k + w * i), 1 - 2 * (i * i + j * j),
            ],
            dim=1,
        ).reshape(-1, 3, 3) * torch.exp(p["scales"])[:, None]  # fmt: skip
        limit_x, limit_y = 0.65 * width / fx, 0.65 * height / fy
        tx, ty = (x / z).clamp(-limit_x, limit_x), (y / z).clamp(-limit_y, limit_y)
        lens_x = fx / z[:, None] * (turn[0] - tx[:, None] * turn[2])
        lens_y = fy / z[:, None] * (turn[1] - ty[:, None] * turn[2])
        nx, ny = (lens_x[:, None] @ axes)[:, 0], (lens_y[:, None] @ axes)[:, 0]
        xx, xy, yy = (nx * nx).sum(1) + BLUR, (nx * ny).sum(1), (ny * ny).sum(1) + BLUR
        det = xx * yy - xy * xy
        opacity = torch.sigmoid(p["logits"][:, 0])
        cut = torch.log(255 * opacity.detach()).clamp(min=0)
        seen = torch.nonzero((z > 0.01) & (cut > 0)).squeeze(1)
        seen = seen[torch.argsort(z.detach()[seen])]
        u, v = fx * x / z + cx, fy * y / z + cy
        wide, tall = torch.sqrt(2 * cut * xx.detach()), torch.sqrt(2 * cut * yy.detach())
        values = {
            "u": u, "v": v, "a": yy / det, "b": -xy / det, "c": xx / det, "opacity": opacity,
            "wide": wide, "tall": tall,
        }  # fmt: skip
        flat = {name: value[seen] for name, value in values.items()}
        flat["colour"] = (0.5 + C0 * p["colours"][seen]).clamp(min=0)
        return flat

    def _tile(self, flat: dict[str, Any], top: int, left: int, high: int, wide: int) -> Any:
        u, v = flat["u"].detach(), flat["v"].detach()
        here = (u + flat["wide"] > left) & (u - flat["wide"] < left + wide)
        here &= (v + flat["tall"] > top) & (v - flat["tall"] < top + high)
        ids = torch.nonzero(here).squeeze(1)
        ys, xs = torch.meshgrid(torch.arange(high) + top + 0.5, torch.arange(wide) + left + 0.5, indexing="ij")
        dx, dy = xs.reshape(-1, 1) - flat["u"][ids], ys.reshape(-1, 1) - flat["v"][ids]
        far = 0.5 * (flat["a"][ids] * dx * dx + flat["c"][ids] * dy * dy) + flat["b"][ids] * dx * dy
        alpha = (flat["opacity"][ids] * torch.exp(-far)).clamp(max=0.99)
        alpha = torch.where(alpha < 1 / 255, 0.0, alpha)
        light = (
            torch.cumprod(torch.cat([torch.ones(len(dx), 1), 1 - alpha[:, :-1]], dim=1), dim=1) if len(ids) else alpha
        )
        return ((alpha * light) @ flat["colour"][ids]).T.reshape(3, high, wide)

    def loss(self, drawn: Any, photo: Any) -> Any:
        """0.8·L1 + 0.2·(1 − SSIM)."""
        a, b = drawn[None], photo[None]

        def blur(picture: Any) -> Any:
            return nn.conv2d(picture, self.window, padding=5, groups=3)

        ma, mb = blur(a), blur(b)
        saa, sbb, sab = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
        ssim = ((2 * ma * mb + 1e-4) * (2 * sab + 9e-4)) / ((ma * ma + mb * mb + 1e-4) * (saa + sbb + 9e-4))
        return 0.8 * (a - b).abs().mean() + 0.2 * (1 - ssim.mean())


def threads(number: int) -> None:
    """How many threads torch may use."""
    torch.set_num_threads(number)
    assert math.isclose(torch.get_num_threads(), number)
