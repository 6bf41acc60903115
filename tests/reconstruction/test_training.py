from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon_cli.core.errors import DataError, UsageError
from recon_cli.reconstruction import scene
from recon_cli.reconstruction.kernels import jit
from recon_cli.reconstruction.splats import files
from recon_cli.reconstruction.training import registry
from recon_cli.reconstruction.training.base import PLY, Progress, TrainOptions, TrainOutcome
from recon_cli.reconstruction.training.cpu.state import CHECKPOINT
from tests.support import training

pytestmark = pytest.mark.slow

SMALL = TrainOptions(preset="quick", iterations=200, max_gaussians=3000, max_side_px=160, threads=1)
WORDS = {"preset": "quick", "iterations": 200, "max_gaussians": 3000, "max_side_px": 160, "threads": 1}


def train(
    folder: Path, out: Path, options: TrainOptions = SMALL, *, resume: bool = False
) -> tuple[TrainOutcome, list[Progress]]:
    told: list[Progress] = []
    return registry.choose("cpu").train(folder, out, options, told.append, resume), told


@pytest.fixture(scope="module")
def uninterrupted(scene_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainOutcome:
    return train(scene_folder, tmp_path_factory.mktemp("whole"))[0]


def test_a_training_learns_what_held_out_views_show(scene_folder: Path, tmp_path: Path) -> None:
    done, told = train(scene_folder, tmp_path)
    assert done.psnr_db > 21.5
    assert done.ssim > 0.5
    assert done.gaussians <= 3000
    assert files.head(done.ply).count == done.gaussians
    assert [one.done for one in told] == list(range(1, 201))
    assert told[-1].psnr_db is not None
    assert told[19].psnr_db is not None
    assert told[-1].psnr_db > told[19].psnr_db + 1
    assert all(one.gaussians <= 3000 for one in told)


def test_one_and_two_threads_give_the_same_bytes(scene_folder: Path, tmp_path: Path) -> None:
    if jit.MOST < 2:
        pytest.skip("this machine has one core")
    wish = replace(SMALL, iterations=80, preset="high")
    one, two = (train(scene_folder, tmp_path / str(number), replace(wish, threads=number))[0] for number in (1, 2))
    assert training.sum_of(one.ply) == training.sum_of(two.ply)


def test_another_seed_gives_another_splat(scene_folder: Path, tmp_path: Path, uninterrupted: TrainOutcome) -> None:
    done, _ = train(scene_folder, tmp_path, replace(SMALL, seed=1))
    assert training.sum_of(done.ply) != training.sum_of(uninterrupted.ply)


def test_a_training_killed_again_and_again_ends_in_the_same_bytes(scene_folder: Path, tmp_path: Path) -> None:
    """Both as stages are run: in processes of their own."""
    whole = tmp_path / "whole"
    _, uninterrupted = training.ended(scene_folder, whole, **WORDS)
    moments = random.Random(7)
    reached = 0
    for _ in range(3):
        child = training.start(scene_folder, tmp_path, **WORDS, every_s=0, resume=True)
        assert child.stdout
        first = int(child.stdout.readline())
        assert first > reached - 1  # goes on where the last one was saved, at most one step back
        stop = first + moments.randint(5, 40)
        for line in child.stdout:
            reached = int(line)
            if reached >= stop:
                break
        child.kill()
        child.wait()
        child.stdout.close()
        assert not (tmp_path / PLY).exists()
    code, document = training.ended(scene_folder, tmp_path, **WORDS, every_s=0, resume=True)
    assert code == 0
    assert training.sum_of(tmp_path / PLY) == training.sum_of(whole / PLY)
    assert document["psnr_db"] == uninterrupted["psnr_db"]


def test_a_finished_training_is_not_done_again(scene_folder: Path, tmp_path: Path) -> None:
    first, _ = train(scene_folder, tmp_path)
    whole = training.sum_of(first.ply)
    again, told = train(scene_folder, tmp_path, resume=True)
    assert told == []
    assert training.sum_of(again.ply) == whole
    assert again.psnr_db == first.psnr_db


def test_a_checkpoint_of_another_scene_or_other_options_is_refused(scene_folder: Path, tmp_path: Path) -> None:
    train(scene_folder, tmp_path, replace(SMALL, iterations=10))
    with pytest.raises(DataError, match="another training") as caught:
        train(scene_folder, tmp_path, replace(SMALL, iterations=11), resume=True)
    assert CHECKPOINT in (caught.value.hint or "")


def test_a_damaged_checkpoint_is_told_and_not_trained_on(scene_folder: Path, tmp_path: Path) -> None:
    train(scene_folder, tmp_path, replace(SMALL, iterations=10))
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    for broken in (whole[:-7], whole[:40], whole[: len(whole) // 2] + b"x" + whole[len(whole) // 2 + 1 :], b""):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="damaged"):
            train(scene_folder, tmp_path, replace(SMALL, iterations=10), resume=True)


def test_all_views_are_trained_on_in_the_end_and_scored_before(scene_folder: Path, tmp_path: Path) -> None:
    done, _ = train(scene_folder, tmp_path / "all", replace(SMALL, use_all_views=True, iterations=100))
    held, _ = train(scene_folder, tmp_path / "held", replace(SMALL, iterations=100))
    assert math.isfinite(done.psnr_db)
    assert training.sum_of(done.ply) != training.sum_of(held.ply)


def test_a_scene_with_few_views_holds_none_out_and_says_that_it_has_no_score(
    scene_folder: Path, tmp_path: Path
) -> None:
    from recon_cli.reconstruction import model  # noqa: PLC0415  beside its only use

    whole = model.read(scene_folder)
    few = replace(whole, images={number: whole.images[number] for number in list(whole.images)[:5]})
    model.write(few, tmp_path / "scene" / "sparse")
    (tmp_path / "scene" / "images").symlink_to(scene_folder / "images")
    done, told = train(tmp_path / "scene", tmp_path / "out", replace(SMALL, iterations=20))
    assert math.isnan(done.psnr_db)
    assert {one.psnr_db for one in told} == {None}


def test_what_is_not_known_is_a_usage_error(scene_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no preset"):
        train(scene_folder, tmp_path, replace(SMALL, preset="best"))
    with pytest.raises(UsageError, match="no trainer"):
        registry.choose("abacus")


def test_too_little_memory_is_a_failed_stage_with_a_way_out(scene_folder: Path, tmp_path: Path) -> None:
    wish = {**WORDS, "max_gaussians": 4_000_000, "memory_mb": 400}
    code, document = training.ended(scene_folder, tmp_path, **wish)
    assert code == 16
    assert document["message"] == "not enough memory to train"
    assert "--max-gaussians" in str(document["hint"])
    assert not (tmp_path / PLY).exists()


def test_a_sparse_cloud_of_two_points_or_far_outliers_does_not_break_a_training(
    scene_folder: Path, tmp_path: Path
) -> None:
    from recon_cli.reconstruction import model  # noqa: PLC0415  beside its only use

    whole = model.read(scene_folder)
    points = model.Points(
        np.arange(3, dtype=np.uint64),
        np.array([[0, 0, 0], [1e6, 0, 0], [np.nan, 0, 0]]),
        np.zeros((3, 3), np.uint8),
        np.zeros(3),
        np.zeros(3, np.int64),
        np.empty((0, 2), np.uint32),
    )
    model.write(replace(whole, points=points), tmp_path / "scene" / "sparse")
    (tmp_path / "scene" / "images").symlink_to(scene_folder / "images")
    assert len(scene.load(tmp_path / "scene", max_side_px=80).points) == 2
    done, _ = train(tmp_path / "scene", tmp_path / "out", replace(SMALL, iterations=60))
    assert files.read(done.ply).finite().all()
