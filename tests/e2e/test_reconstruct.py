"""Photos to a splat as an operator makes it: one command, and a table that remembers."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from recon_cli.reconstruction import scene
from tests.support import photoset, published
from tests.support.browser import chromium, opened, psnr, shot
from tests.support.recon import Recon
from tests.support.reconstructions import PHOTOS, reconstructing
from tests.support.training import sum_of

pytestmark = pytest.mark.slow

BEACH, BEACH_VIEW = "--iterations 300", 8
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
SMALL = ("--preset", "quick", "--iterations", "40", "--max-gaussians", "3000", "--trainer", "cpu")


def rows(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "recon-jobs" / "jobs.db") as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM jobs")]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recon, dict[str, Any]]:
    """A job that went well, and its report."""
    folder = tmp_path_factory.mktemp("done")
    photoset.take(folder / "사진 모음", 12, names="보기 {:02d}.jpg")
    recon = reconstructing(folder)
    return recon, recon("reconstruct", "사진 모음", *SMALL, "--out", "out", "--json").document


def test_photos_become_a_splat_with_a_viewer_in_one_command(done: tuple[Recon, dict[str, Any]]) -> None:
    recon, report = done
    assert (report["schema"], report["status"]) == ("recon.reconstruct/1", "DONE")
    mapping = report["stages"]["mapping"]
    assert (mapping["registered"], mapping["photos"], mapping["rung"]) == (12, 12, "default")
    assert report["stages"]["train"]["psnr_db"] > 10
    assert {Path(path).name for path in report["files"]} >= {"scene.ply", "scene.splat", "scene.spz", "viewer.html"}
    page = (recon.folder / "out" / "viewer.html").read_text("utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    left = json.loads((recon.folder / "out" / "report.json").read_text())
    assert left["job"] == report["job"]
    published.check(left)
    published.check(json.loads((Path(report["folder"]) / "job.json").read_text()))


def test_the_row_of_a_finished_job_has_every_number(done: tuple[Recon, dict[str, Any]]) -> None:
    recon, report = done
    (row,) = rows(recon.folder)
    assert (row["job_id"], row["status"], row["progress"]) == (report["job"], "DONE", 100)
    assert (row["image_count"], row["colmap_registered_images"], row["iterations"]) == (12, 12, 40)
    assert row["gaussian_count"] - row["filtered_count"] == row["removed_count"]
    assert row["filtered_count"] == report["stages"]["clean"]["after"]
    assert len(row["pub_key"]) == 10
    assert row["created_at"] <= row["started_at"] <= row["completed_at"]
    empty = {name for name, value in row.items() if value is None}
    assert empty == {"error_message", "error_stage"}


def test_list_show_log_and_stats_tell_of_it(done: tuple[Recon, dict[str, Any]]) -> None:
    recon, report = done
    job = report["job"]
    assert recon("job", "list").out.split("\t")[:2] == [job, "DONE"]
    shown = recon("job", "show", job, "--json").document
    assert (shown["status"], shown["queue_position"], shown["errors"]) == ("DONE", None, [])
    assert shown["log_tail"][-1] == f"=== Job {job} completed ==="
    assert len(shown["log_tail"]) == 10
    assert Path(shown["viewer"]).name == "viewer.html"
    log = recon("job", "log", job).out
    stages = ("validate", "features", "matching", "mapping", "undistort", "train", "clean", "export", "viewer")
    assert [line.split("]")[0] for line in log.splitlines() if line.startswith(">>")] == [
        f">> [{one}" for one in stages
    ]
    assert recon("job", "log", job, "-f").out == log
    stats = recon("job", "stats", "--json").document
    assert stats["counts"]["DONE"] == 1
    assert set(stats["stage_seconds"]) == set(stages)


def test_a_lost_table_comes_back_from_the_folders_exactly(done: tuple[Recon, dict[str, Any]]) -> None:
    recon, _report = done
    (before,) = rows(recon.folder)
    (recon.folder / "recon-jobs" / "jobs.db").unlink()
    assert recon("job", "list").out == ""
    recon("job", "rebuild")
    (after,) = rows(recon.folder)
    same = {name for name in before if name not in {"created_at", "started_at", "completed_at"}}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert {name: str(after[name])[:19] for name in before} == {name: str(before[name])[:19] for name in before}


def test_the_same_photos_and_seed_give_the_same_splat(done: tuple[Recon, dict[str, Any]], tmp_path: Path) -> None:
    recon, report = done
    photoset.take(tmp_path / "photos", 12)
    again = reconstructing(tmp_path)("reconstruct", "photos", *SMALL, "--json").document
    first, second = (sum_of(Path(one["folder"]) / "result" / "scene.ply") for one in (report, again))
    assert first == second
    assert recon.folder != tmp_path


def test_a_dry_run_judges_the_photos_and_makes_nothing(tmp_path: Path) -> None:
    photoset.take(tmp_path / "photos", 4)
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"no photo")
    report = reconstructing(tmp_path)("reconstruct", "photos", "--dry-run", "--json", expect=3).document
    assert report["counts"] == {"taken": 4, "rejected": 1}
    assert not (tmp_path / "recon-jobs").exists()


@pytest.mark.slow
def test_the_beach_of_brighton_is_seen_in_a_browser(tmp_path: Path) -> None:
    """The page shows, from where a photo was taken, what is on that photo. `RECON_PICTURES=1` keeps it for the docs."""
    if not PHOTOS.is_dir():
        pytest.skip("needs the photo sets beside the checkout")
    words = ("reconstruct", PHOTOS / "brighton", "--preset", "quick", *os.environ.get("RECON_BEACH", BEACH).split())
    report = reconstructing(tmp_path)(*words, "--json").document
    assert report["stages"]["mapping"]["registered"] == 18
    assert report["stages"]["train"]["gaussians"] > 1000
    job = Path(report["folder"])
    shown = scene.load(job / "work", max_side_px=512).views
    height, width, _ = shown[BEACH_VIEW].pixels.shape
    with (
        chromium() as browser,
        opened(browser, job / "result" / "viewer.html", (width, height), f"bare&view={BEACH_VIEW}") as page,
    ):
        picture = shot(page)
    likeness = [psnr(picture, view.pixels / 255.0) for view in shown]
    assert likeness.index(max(likeness)) == BEACH_VIEW
    assert likeness[BEACH_VIEW] > 17
    if os.environ.get("RECON_PICTURES"):
        Image.fromarray((picture * 255).round().astype("uint8")).save(PICTURES / "splat.png", optimize=True)
