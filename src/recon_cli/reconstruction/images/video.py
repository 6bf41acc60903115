"""Frames out of a video: of every few neighbours the sharpest, as JPEGs that are then judged like any photo.

A hand that films shakes, and what it films moves on slowly: neighbours show the same, and one is sharper than the rest.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from recon_cli.core.errors import DataError, ReconError
from recon_cli.reconstruction.images import sharpness

ENDINGS = frozenset(".mp4 .mov .avi .mkv .m4v .webm .mts".split())  # noqa: SIM905  easier to read
NEEDED = "a video: install `ffmpeg` to have its frames taken, or take them out as photos"
PER_S = 2.0
"""Frames kept of a second, if the video is short enough for that."""
_NEIGHBOURS = 3
_ASKING_S = 60.0
_TAKING_S = 4 * 3600.0
_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
# Only files: a playlist or a reference inside a video may not make ffmpeg ask the network.
_LOCAL = ("-protocol_whitelist", "file")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that was kept: its file, and when it is shown, in seconds from the start."""

    path: Path
    second: float


def can() -> bool:
    """Whether the programs are here."""
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def frames(video: Path, folder: Path, most: int, longest_px: int | None) -> tuple[Frame, ...]:
    """The sharpest frames of `video`, spread evenly, at most `most` of them; JPEGs in `folder`, upright.

    `longest_px` is the longest side they may have (None: as filmed).

    Raises:
        DataError: it is no video that can be read.
        ReconError: there is no room for the frames.
    """
    long_s = _seconds(video)
    wanted = max(1, min(most, math.floor(long_s * PER_S)))
    rate = wanted * _NEIGHBOURS / long_s
    folder.mkdir(parents=True, exist_ok=True)
    scaled = f",scale='min({longest_px},iw)':'min({longest_px},ih)':force_original_aspect_ratio=decrease"
    filters = f"fps={rate:.6f}:round=near" + (scaled if longest_px else "")
    words = ["-i", f"file:{video}", "-an", "-sn", "-vf", filters, "-q:v", "1", "-qmin", "1"]
    _run("ffmpeg", [*_QUIET, *_LOCAL, *words, f"file:{folder}/%06d.jpg"], _TAKING_S)
    looked_at = sorted(folder.glob("*.jpg"))
    if not looked_at:
        raise DataError("a video without a frame that can be read")
    kept = [_sharpest(looked_at[at : at + _NEIGHBOURS]) for at in range(0, len(looked_at), _NEIGHBOURS)]
    for path in set(looked_at) - set(kept):
        path.unlink()
    return tuple(Frame(path, (int(path.stem) - 1) / rate) for path in kept[:most])


def _sharpest(paths: list[Path]) -> Path:
    def how_sharp(path: Path) -> float:
        with Image.open(path, formats=["JPEG"]) as picture:
            return sharpness.sharpness(picture)

    return max(paths, key=how_sharp)


def _seconds(video: Path) -> float:
    words = ["-v", "error", *_LOCAL, "-show_entries", "format=duration", "-of", "json", f"file:{video}"]
    try:
        told = float(json.loads(_run("ffprobe", words, _ASKING_S))["format"]["duration"])
    except (ValueError, KeyError, TypeError):
        raise DataError("a video that does not say how long it is") from None
    if not 0 < told < float("inf"):
        raise DataError("a video of no length")
    return told


def _run(program: str, words: list[str], patience_s: float) -> bytes:
    try:
        done = subprocess.run(
            [program, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=patience_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"a video that {program} is not done with in {patience_s / 60:.0f} minutes") from None
    except OSError as exc:
        raise ReconError(f"cannot start {program}", cause=exc.strerror) from exc
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"exit status {done.returncode}"]
    if "No space left" in said[-1]:
        raise ReconError("no room for the frames of a video", hint="make room, then `recon job retry JOB`")
    raise DataError(f"a video that cannot be read: {said[-1][-200:]}")
