"""What the presets mean."""

from __future__ import annotations

from dataclasses import dataclass

from recon_cli.core.errors import UsageError
from recon_cli.reconstruction.training.base import TrainOptions


@dataclass(frozen=True, slots=True)
class Preset:
    """How long, how many, how large and how fine: iterations, Gaussians, pixels of the longer side, degree."""

    iterations: int
    max_gaussians: int
    max_side_px: int
    degree: int


CPU = {
    "quick": Preset(700, 20_000, 400, 1),
    "standard": Preset(2_000, 50_000, 512, 2),
    "high": Preset(6_000, 150_000, 960, 3),
}
GPU = {
    "quick": Preset(3_000, 300_000, 1_200, 3),
    "standard": Preset(10_000, 1_000_000, 1_600, 3),
    "high": Preset(30_000, 3_000_000, 1_600, 3),
}


def resolve(table: dict[str, Preset], options: TrainOptions) -> Preset:
    """The preset of the options, with what the options say themselves in its place.

    Raises:
        UsageError: there is no preset of that name.
    """
    if options.preset not in table:
        raise UsageError(f"no preset `{options.preset}`", hint="use `quick`, `standard` or `high`")
    chosen = table[options.preset]
    return Preset(
        options.iterations or chosen.iterations,
        options.max_gaussians or chosen.max_gaussians,
        options.max_side_px or chosen.max_side_px,
        chosen.degree,
    )
