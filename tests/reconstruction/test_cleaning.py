from __future__ import annotations

from pathlib import Path

import numpy as np

from recon_cli.reconstruction import cleaning
from recon_cli.reconstruction.kernels import clusters, neighbours
from recon_cli.reconstruction.splats import files, ply
from recon_cli.reconstruction.splats.gaussians import Gaussians


def at(xyz: np.ndarray) -> Gaussians:
    number = len(xyz)
    turns = np.tile(np.array([1, 0, 0, 0], np.float32), (number, 1))
    small = np.full((number, 3), -6, np.float32)
    return Gaussians(xyz.astype(np.float32), small, turns, small[:, 0], np.zeros((number, 1, 3), np.float32))


def test_neighbours_are_those_of_a_full_search() -> None:
    points = np.random.default_rng(0).normal(size=(700, 3)) ** 3
    full = np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, 1:21]
    assert np.allclose(neighbours.nearest(points, 20), full)


def test_equal_points_and_very_few_points_have_neighbours_too() -> None:
    assert np.array_equal(neighbours.nearest(np.zeros((50, 3)), 5), np.zeros((50, 5)))
    assert neighbours.nearest(np.array([[0.0, 0, 0], [3.0, 4, 0]]), 20).tolist() == [[5.0], [5.0]]
    assert neighbours.nearest(np.zeros((1, 3)), 20).shape == (1, 0)


def test_clusters_are_those_of_the_definition() -> None:
    random = np.random.default_rng(1)
    parts = [random.normal(size=(150, 3)) * 0.3, random.normal(size=(60, 3)) * 0.2 + 4, random.uniform(-6, 6, (90, 3))]
    points = np.concatenate(parts)
    radius, least = 0.5, 8
    close = np.linalg.norm(points[:, None] - points[None], axis=2) <= radius
    core = close.sum(axis=1) >= least
    labels = clusters.find(points, radius, least)
    reach = core[:, None] & core[None] & close
    for _ in range(12):  # connected cores, by squaring
        reach = (reach.astype(np.int32) @ reach.astype(np.int32)) > 0
    assert np.array_equal((labels[core][:, None] == labels[core][None]), reach[core][:, core])
    assert np.array_equal(labels >= 0, (close & core[None]).any(axis=1))


def test_floaters_and_small_clusters_go_and_the_counts_say_so(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    body = random.uniform(-1, 1, (4000, 3))
    islet = random.uniform(-0.05, 0.05, (25, 3)) + np.array([2.0, 0, 0])
    floaters = random.normal(size=(30, 3))
    floaters = floaters / np.linalg.norm(floaters, axis=1, keepdims=True) * random.uniform(10, 60, (30, 1))
    ply.write(at(np.concatenate([body, islet, floaters])), tmp_path / "in.ply")
    done = cleaning.clean(tmp_path / "in.ply", tmp_path / "out.ply", cleaning.CleanOptions())
    kept = files.read(tmp_path / "out.ply").xyz
    assert done.before == 4055
    assert done.after == len(kept) == done.before - done.removed_by_neighbours - done.removed_by_clusters
    assert done.removed_by_neighbours >= 20
    assert done.removed_by_clusters >= 25
    assert np.abs(kept).max() <= 1
    assert len(kept) > 3990


def test_what_is_wide_and_alone_fills_the_picture_and_stays(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    there = at(np.concatenate([random.uniform(-1, 1, (2000, 3)), [[30.0, 0, 0], [0, 30, 0]]]))
    there.log_scales[2000] = np.log(15)
    ply.write(there, tmp_path / "in.ply")
    for spare, left in ((3.0, [30.0]), (0.0, [])):
        done = cleaning.clean(tmp_path / "in.ply", tmp_path / "out.ply", cleaning.CleanOptions(spare_wide=spare))
        kept = files.read(tmp_path / "out.ply").xyz
        assert np.abs(kept[np.abs(kept).max(axis=1) > 1]).max(axis=1).tolist() == left
        assert done.after == len(kept)


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    there = at(np.random.default_rng(3).uniform(-1, 1, (500, 3)))
    there.xyz[5] = np.nan
    ply.write(there, tmp_path / "in.ply")
    done = cleaning.clean(tmp_path / "in.ply", tmp_path / "out.ply", cleaning.CleanOptions())
    assert files.read(tmp_path / "out.ply").finite().all()
    assert done.removed_by_neighbours >= 1


def test_a_handful_of_gaussians_is_kept_as_it_is(tmp_path: Path) -> None:
    ply.write(at(np.random.default_rng(4).uniform(-1, 1, (6, 3))), tmp_path / "in.ply")
    assert cleaning.clean(tmp_path / "in.ply", tmp_path / "out.ply", cleaning.CleanOptions()).after == 6
