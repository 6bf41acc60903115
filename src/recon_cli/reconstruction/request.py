"""Request: what a job was asked for. It lies in the job's folder, so that a resumed run is the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError
from recon_cli.core.json_text import loads
from recon_cli.ops import atomic
from recon_cli.reconstruction.images.photo import Limits

FILE = "job.json"
SCHEMA = "recon.job/1"


@dataclass(frozen=True, slots=True)
class Preset:
    """How much care cameras and copies get: sides in pixels, features of one photo."""

    copy_side_px: int
    feature_side_px: int
    features: int
    fine: bool
    """Whether features are looked for at twice the size, too: four times the work, four times as many."""
    keep_px: int
    """The longest side of the undistorted photos, which trainers read."""


PRESETS: Mapping[str, Preset] = {
    "quick": Preset(1280, 640, 4096, fine=True, keep_px=800),
    "standard": Preset(2400, 800, 8192, fine=True, keep_px=1600),
    "high": Preset(4000, 1600, 16384, fine=True, keep_px=2400),
}


@dataclass(frozen=True, slots=True)
class Request:
    """The wishes of one job. What is None is left to the preset.

    `train_command` is the template of an external trainer, as `training.base.TrainOptions.command` has it;
    `memory_mb` and `time_limit_s` hold for each stage.
    """

    photos: Path
    preset: str = "standard"
    trainer: str = "auto"
    sfm: str = "auto"
    iterations: int | None = None
    max_gaussians: int | None = None
    original_resolution: bool = False
    filtered: bool = True
    use_all_views: bool = False
    seed: int = 0
    threads: int | None = None
    min_side_px: int = 100
    max_pixels: int = 120_000_000
    max_bytes: int | None = None
    video_frames: int = 100
    train_command: str = ""
    colmap: str = "colmap"
    memory_mb: int | None = None
    time_limit_s: float | None = None

    @property
    def care(self) -> Preset:
        """The preset's numbers."""
        return PRESETS[self.preset]

    @property
    def limits(self) -> Limits:
        """What photos must keep to."""
        side = None if self.original_resolution else self.care.copy_side_px
        return Limits(self.min_side_px, self.max_pixels, self.max_bytes, side, self.video_frames)

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        body: dict[str, Json] = asdict(self)
        return {**body, "photos": str(self.photos)}


def write(request: Request, folder: Path) -> None:
    """Keep a request in its job's folder."""
    body = json.dumps({"schema": SCHEMA, **request.document()}, ensure_ascii=False, indent=1)
    atomic.write_file(folder / FILE, body.encode("utf-8", "surrogateescape"))


def read(folder: Path) -> Request:
    """The request of the job in `folder`.

    Raises:
        DataError: it was not made by `recon reconstruct`, or its `job.json` is damaged.
    """
    path = folder / FILE
    try:
        document = loads(path.read_text("utf-8", "surrogateescape"))
        assert document.pop("schema") == SCHEMA, "another schema"
        return Request(**{**document, "photos": Path(document["photos"])})
    except FileNotFoundError:
        hint = "only jobs that `recon reconstruct` started can go on; reconstruct their photos anew"
        raise DataError(f"{folder.name} has no {FILE}", hint=hint) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, AssertionError) as exc:
        raise DataError(f"cannot read {path}", cause=str(exc)) from exc
