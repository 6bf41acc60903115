"""What goes wrong with a reconstruction has a message, a cause, a way out, an exit code, a row and a log."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support import photoset
from tests.support.recon import Done, Recon
from tests.support.reconstructions import reconstructing
from tests.support.system import require

pytestmark = pytest.mark.slow

SMALL = ("--preset", "quick", "--iterations", "40", "--max-gaussians", "3000", "--trainer", "cpu")


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    photoset.take(tmp_path / "photos", 8)
    return reconstructing(tmp_path)


def row(folder: Path) -> dict[str, Any]:
    with sqlite3.connect(folder / "recon-jobs" / "jobs.db") as db:
        db.row_factory = sqlite3.Row
        (found,) = db.execute("SELECT * FROM jobs").fetchall()
        return dict(found)


def errors(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "recon-jobs" / "jobs.db") as db:
        db.row_factory = sqlite3.Row
        return [dict(one) for one in db.execute("SELECT * FROM error_logs")]


def told(done: Done) -> dict[str, Any]:
    (line,) = done.err.strip().splitlines()
    error: dict[str, Any] = json.loads(line)
    assert error["message"]
    assert error["hint"]
    return error


def failed(recon: Recon, stage: str, *args: str | Path, code: int, **env: str) -> dict[str, Any]:
    """Run, and expect that a stage fails: with its words, its row, its error log and its log."""
    error = told(recon("reconstruct", *args, "--json", expect=code, env=env))
    found = row(recon.folder)
    assert (found["status"], found["error_stage"]) == ("FAILED", stage)
    assert found["error_message"]
    assert found["completed_at"]
    (one,) = errors(recon.folder)
    assert (one["job_id"], one["stage"]) == (found["job_id"], stage)
    assert one["error_type"]
    log = (recon.folder / "recon-jobs" / found["job_id"] / "logs" / "process.log").read_text()
    assert ">> [ERROR]" in log.splitlines()[-1]
    shown = recon("job", "show", found["job_id"], "--json").document
    assert shown["errors"][0]["error_message"] == one["error_message"]
    return error


def test_no_such_folder_and_no_argument_are_said_before_anything_is_made(recon: Recon) -> None:
    assert "no folder" in told(recon("reconstruct", "none", "--json", expect=17))["message"]
    assert "no photos are named" in told(recon("reconstruct", "--json", expect=2))["message"]
    assert "no preset" in told(recon("reconstruct", "photos", "--preset", "best", "--json", expect=2))["message"]
    assert not (recon.folder / "recon-jobs").exists()


def test_a_folder_without_photos_fails_at_the_first_stage(recon: Recon) -> None:
    (recon.folder / "empty").mkdir()
    error = failed(recon, "validate", "empty", code=14)
    assert "no photos in" in error["message"]


def test_too_few_usable_photos_say_which_and_why(recon: Recon) -> None:
    for number in range(6):
        path = recon.folder / "photos" / f"view {number:02d}.jpg"
        path.write_bytes(path.read_bytes()[:5000])
    error = failed(recon, "validate", "photos", code=14)
    assert "truncated" in error["cause"]
    assert "at least 3 photos" in error["hint"]


def test_photos_that_do_not_overlap_say_so(recon: Recon) -> None:
    folder = recon.folder / "different"
    folder.mkdir()
    from tests.reconstruction.images import made  # noqa: PLC0415  another folder's

    made.enough(folder, seeds=range(4))
    error = failed(recon, "matching", "different", "--preset", "quick", code=14)
    assert "overlap" in error["hint"]


def test_equal_names_in_two_folders_are_two_photos(recon: Recon) -> None:
    for number in range(4):
        target = recon.folder / "sorted" / ("a" if number % 2 else "b") / f"{number // 2}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recon.folder / "photos" / f"view {number:02d}.jpg", target)
    report = recon("reconstruct", "sorted", "--dry-run", "--json").document
    assert report["counts"] == {"taken": 4}
    assert len({one["name"] for one in report["photos"]}) == 4


@pytest.mark.parametrize("word", ["../../etc", "..", "a/b", "nothex!!", "1234567", ".deleted"])
@pytest.mark.parametrize("command", ["show", "delete", "cancel", "log", "retry"])
def test_no_word_leads_out_of_the_root(tmp_path: Path, word: str, command: str) -> None:
    (tmp_path / "recon-jobs").mkdir()
    (tmp_path / "etc").mkdir()
    done = reconstructing(tmp_path)("job", command, word, expect=None)
    assert done.code in {2, 17}
    assert (tmp_path / "etc").is_dir()


def test_a_broken_colmap_is_named(recon: Recon) -> None:
    tools = recon.folder / "tools"
    tools.mkdir()
    for body in ("#!/bin/sh\necho 'error while loading shared libraries: libcudart.so.11.0' >&2\nexit 127\n", "junk"):
        (tools / "colmap").write_text(body)
        (tools / "colmap").chmod(0o755)
        shutil.rmtree(recon.folder / "recon-jobs", ignore_errors=True)
        error = failed(recon, "features", "photos", "--sfm", "colmap", code=15, PATH=f"{tools}:{recon.env['PATH']}")
        assert "colmap" in error["message"]
        assert "pycolmap" in error["hint"]


HALF = """#!/bin/sh
case "$1" in
help) echo "COLMAP 3.8"; echo "Available commands:"; echo feature_extractor; exit 0;;
database_creator) echo "F1128 cannot create: $3 is cursed"; exit 1;;
esac
"""


def test_a_colmap_that_fails_is_quoted(recon: Recon) -> None:
    program = recon.folder / "colmap"
    program.write_text(HALF)
    program.chmod(0o755)
    error = failed(recon, "features", "photos", "--sfm", "colmap", code=16, RECON_RECONSTRUCT_COLMAP=str(program))
    assert "is cursed" in error["cause"]


def test_without_the_extra_it_says_what_to_install(recon: Recon) -> None:
    hidden = recon.folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.machinery as m\n"
        "find = m.PathFinder.find_spec\n"
        "def without(name, path=None, target=None):\n"
        "    return None if name.partition('.')[0] in ('PIL', 'pycolmap') else find(name, path, target)\n"
        "m.PathFinder.find_spec = without\n"
    )
    error = told(
        recon("reconstruct", "photos", "--json", expect=15, env={"PYTHONPATH": f"{hidden}:{recon.env['PYTHONPATH']}"})
    )
    assert "recon-cli[reconstruct]" in error["hint"]
    assert not (recon.folder / "recon-jobs").exists()


def test_a_trainer_that_cannot_run_fails_the_job_and_another_goes_on(recon: Recon) -> None:
    trainer = f"{sys.executable} -c 'import sys; print(\"loss is nan\"); sys.exit(3)'"
    args = ("photos", "--preset", "quick", "--trainer", "command")
    error = failed(recon, "train", *args, code=16, RECON_RECONSTRUCT_TRAIN_COMMAND=trainer)
    assert "loss is nan" in error["cause"]
    found = row(recon.folder)
    assert (found["gaussian_count"], found["colmap_registered_images"]) == (None, 8)


def test_a_trainer_that_ends_well_and_leaves_nothing_is_failed_never_done(recon: Recon) -> None:
    args = ("photos", "--preset", "quick", "--trainer", "command")
    error = failed(recon, "train", *args, code=16, RECON_RECONSTRUCT_TRAIN_COMMAND="true")
    assert "left no splat" in error["message"]


def test_out_of_memory_is_told_as_such(recon: Recon) -> None:
    trainer = f"{sys.executable} -c 'bytearray(3_000_000_000)'"
    settings = {"RECON_RECONSTRUCT_TRAIN_COMMAND": trainer, "RECON_RECONSTRUCT_MEMORY_MB": "1500"}
    error = failed(recon, "train", "photos", "--preset", "quick", "--trainer", "command", code=16, **settings)
    assert "ran out of memory" in error["message"]
    assert "memory_mb" in error["hint"]


@contextmanager
def small_disk(folder: Path, size_mb: int) -> Iterator[None]:
    mount = require("mount", "mount")
    folder.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_during_the_training_keeps_row_and_log_and_goes_on_later(recon: Recon) -> None:
    root = recon.folder / "small"
    with small_disk(root, 64):
        settings = {"RECON_RECONSTRUCT_ROOT": str(root)}
        trainer = f"{sys.executable} -c \"open('{root}/fill','wb').write(bytes(200_000_000))\""
        args = ("photos", "--preset", "quick", "--trainer", "command", "--json")
        done = recon("reconstruct", *args, expect=16, env={**settings, "RECON_RECONSTRUCT_TRAIN_COMMAND": trainer})
        assert "no space left" in told(done)["cause"]
        (listed,) = recon("job", "list", "--json", env=settings).document["jobs"]
        assert (listed["status"], listed["error_stage"]) == ("FAILED", "train")
        (root / "fill").unlink()
        shown = recon("job", "show", listed["job_id"], "--json", env=settings).document
        assert shown["errors"]
        assert set(shown["stages"]) == {"validate", "features", "matching", "mapping", "undistort"}


def test_a_resumed_job_keeps_its_own_options(recon: Recon) -> None:
    (recon.folder / "recon-jobs").mkdir()
    assert (
        "keeps its photos"
        in told(recon("reconstruct", "photos", "--resume", "12345678", "--json", expect=2))["message"]
    )
    done = recon("reconstruct", "--resume", "12345678", "--json", expect=14)
    assert "job.json" in told(done)["message"]
