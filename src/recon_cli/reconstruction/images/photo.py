"""What is known of one photo: its verdict with the reason, and the working copy that was made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from recon_cli.core.errors import DataError
from recon_cli.core.json_text import loads
from recon_cli.ops import atomic

LISTED = "photos.json"
"""The mapping table of a job: every file found, its verdict, and under which neutral name it goes on."""


class Verdict(StrEnum):
    """What becomes of a file found among the photos."""

    TAKEN = "taken"
    REJECTED = "rejected"
    """It was meant as a photo and cannot be used; the reason says why."""
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    """It is no photo and was never meant as one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo must keep to.

    `max_pixels` is compared with the header before anything is decoded; `max_side_px` is the longest side of a working
    copy (None: as photographed); of one video no more than `video_frames` are taken.
    """

    min_side_px: int = 100
    max_pixels: int = 120_000_000
    max_bytes: int | None = None
    max_side_px: int | None = None
    video_frames: int = 100


@dataclass(frozen=True, slots=True)
class Photo:
    """One file. `source` is its path below the folder; sizes are in pixels, of the working copy; `gps` in degrees."""

    source: str
    verdict: Verdict
    reason: str = ""
    warnings: tuple[str, ...] = ()
    name: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    camera: str = ""
    """Photos of one camera, lens, focal length and size share what is solved of their camera."""
    focal_px: float | None = None
    gps: tuple[float, float] | None = None
    sharpness: float = 0.0
    masked: bool = False


def write(photos: Iterable[Photo], folder: Path) -> None:
    """Keep the mapping table in a job's folder."""
    body = json.dumps([asdict(one) for one in photos], ensure_ascii=False, indent=1)
    atomic.write_file(folder / LISTED, body.encode("utf-8", "surrogateescape"))


def read(folder: Path) -> tuple[Photo, ...]:
    """The mapping table of a job.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        rows = loads((folder / LISTED).read_text("utf-8", "surrogateescape"))
        return tuple(_photo(row) for row in rows)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise DataError(f"cannot read {folder / LISTED}", cause=str(exc)) from exc


def _photo(row: dict[str, object]) -> Photo:
    gps = row.get("gps")
    known = {**row, "verdict": Verdict(str(row["verdict"])), "warnings": tuple(map(str, _list(row.get("warnings"))))}
    known["gps"] = (float(gps[0]), float(gps[1])) if isinstance(gps, list) else None
    return Photo(**known)  # type: ignore[arg-type]  # written by `write` above


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
