"""Videos in a folder of photos: made here by ffmpeg of a place that never was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from recon_cli.core.errors import DataError
from recon_cli.core.ports import Silent
from recon_cli.reconstruction.images import sharpness, validate, video
from recon_cli.reconstruction.images.photo import Limits, Photo, Verdict
from tests.support import photoset
from tests.support.system import require

RATE = 6
COUNT = 18
SHARP = 2
"""Of three neighbours the last is sharp; the others are as a shaking hand films them."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, six frames each; two of three frames are blurred."""
    require("ffmpeg", "ffmpeg")
    folder = tmp_path_factory.mktemp("film")
    for number in range(COUNT):
        picture = photoset.photo(number, COUNT)
        sharp = picture if number % 3 == SHARP else picture.filter(ImageFilter.GaussianBlur(3))
        sharp.save(folder / f"{number:03d}.png")
    words = ["-framerate", str(RATE), "-i", "%03d.png", "-c:v", "mpeg4", "-q:v", "2", "집 안.mp4"]
    subprocess.run(["ffmpeg", "-v", "error", *words], cwd=folder, check=True)
    return folder / "집 안.mp4"


def judged(folder: Path, job: Path, limits: Limits | None = None) -> dict[str, Photo]:
    found = validate.validate(folder, job, limits or Limits(), Silent())
    return {one.source: one for one in found.photos}


def test_the_sharp_frame_of_every_three_is_taken(film: Path, tmp_path: Path) -> None:
    photos = judged(film, tmp_path)
    taken = [one for one in photos.values() if one.verdict is Verdict.TAKEN]
    assert len(taken) == COUNT // 3
    assert photos["집 안.mp4"].verdict is Verdict.IGNORED
    assert photos["집 안.mp4"].reason == "a video: 6 frames are taken, the sharpest of their neighbours"
    assert min(one.source for one in taken) == "집 안.mp4 at 0.33 s"
    for one in taken:
        with Image.open(tmp_path / validate.IMAGES / one.name) as copy:
            assert copy.size == (photoset.WIDTH, photoset.HEIGHT)
            assert sharpness.sharpness(copy) > 3 * sharpness.sharpness(copy.filter(ImageFilter.GaussianBlur(3)))
    assert not (tmp_path / validate.FRAMES).exists()


def test_a_video_lies_among_photos_and_keeps_to_its_share(film: Path, tmp_path: Path) -> None:
    folder = photoset.take(tmp_path / "photos", 4)
    (folder / "clip.MOV").write_bytes(film.read_bytes())
    photos = judged(folder, tmp_path / "job", Limits(video_frames=2, max_side_px=160))
    taken = [one for one in photos.values() if one.verdict is Verdict.TAKEN]
    assert len(taken) == 4 + 2
    assert {(one.width, one.height) for one in taken} == {(160, 120)}


@pytest.mark.parametrize("cut", [0, 40, 2000])
def test_a_damaged_video_is_rejected_and_the_photos_go_on(film: Path, tmp_path: Path, cut: int) -> None:
    folder = photoset.take(tmp_path / "photos", 3)
    (folder / "clip.mp4").write_bytes(film.read_bytes()[:cut])
    photos = judged(folder, tmp_path / "job")
    assert photos["clip.mp4"].verdict is Verdict.REJECTED
    assert photos["clip.mp4"].reason.startswith("a video")
    assert sum(one.verdict is Verdict.TAKEN for one in photos.values()) == 3


def test_a_playlist_named_as_a_video_asks_nobody(tmp_path: Path) -> None:
    require("ffmpeg", "ffmpeg")
    folder = photoset.take(tmp_path / "photos", 3)
    (folder / "clip.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    assert judged(folder, tmp_path / "job")["clip.mp4"].verdict is Verdict.REJECTED


def test_without_ffmpeg_a_video_is_rejected_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photoset.take(tmp_path / "photos", 3)
    (folder / "clip.mp4").write_bytes(b"any")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not video.can()
    found = judged(folder, tmp_path / "job")["clip.mp4"]
    assert (found.verdict, "`ffmpeg`" in found.reason) == (Verdict.REJECTED, True)
    with pytest.raises(DataError, match="no photo in"):
        judged(folder / "clip.mp4", tmp_path / "other")
