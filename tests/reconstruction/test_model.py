from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.reconstruction import model, scene


def test_a_model_comes_back_exactly(tmp_path: Path) -> None:
    made = small()
    model.write(made, tmp_path / "sparse" / "0")
    back = model.read(tmp_path)
    assert back.cameras == made.cameras
    assert back.images.keys() == made.images.keys()
    for number, image in made.images.items():
        other = back.images[number]
        assert (other.name, other.rotation, other.translation, other.camera) == (
            image.name, image.rotation, image.translation, image.camera,
        )  # fmt: skip
        assert np.array_equal(other.xy, image.xy)
        assert np.array_equal(other.points, image.points)
    for name in ("ids", "xyz", "rgb", "errors", "lengths", "tracks"):
        assert np.array_equal(getattr(back.points, name), getattr(made.points, name)), name


def test_pycolmap_reads_what_is_written_and_the_other_way_round(tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    made = small()
    model.write(made, tmp_path / "ours")
    theirs = pycolmap.Reconstruction(tmp_path / "ours")
    assert theirs.num_reg_images() == 2
    assert theirs.num_points3D() == 2
    (tmp_path / "theirs").mkdir()
    theirs.write(tmp_path / "theirs")
    back = model.read(tmp_path / "theirs")
    assert {image.name for image in back.images.values()} == {"사진 1.jpg", "b.jpg"}
    assert sorted(back.points.lengths.tolist()) == [1, 2]
    assert np.allclose(np.sort(back.points.xyz, axis=0), np.sort(made.points.xyz, axis=0))


@pytest.mark.parametrize("name", ["cameras.bin", "images.bin", "points3D.bin"])
def test_every_cut_of_a_file_is_told_as_such(tmp_path: Path, name: str) -> None:
    model.write(small(), tmp_path)
    whole = (tmp_path / name).read_bytes()
    for length in range(len(whole)):
        (tmp_path / name).write_bytes(whole[:length])
        with pytest.raises(DataError, match="sparse model"):
            model.read(tmp_path)


def test_a_count_that_no_file_can_hold_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    model.write(small(), tmp_path)
    (tmp_path / "points3D.bin").write_bytes((1 << 60).to_bytes(8, "little") + bytes(100))
    with pytest.raises(DataError, match="sparse model") as caught:
        model.read(tmp_path)
    assert "promises" in (caught.value.cause or "")


def test_random_bytes_are_refused_or_read_but_never_crash(tmp_path: Path) -> None:
    model.write(small(), tmp_path)
    random = np.random.default_rng(0)
    for name in ("cameras.bin", "images.bin", "points3D.bin"):
        whole = bytearray((tmp_path / name).read_bytes())
        for _ in range(60):
            broken = bytearray(whole)
            for at in random.integers(0, len(whole), 4):
                broken[at] = random.integers(0, 256)
            (tmp_path / name).write_bytes(broken)
            try:
                model.read(tmp_path)
            except DataError:
                continue
        (tmp_path / name).write_bytes(whole)


def test_a_folder_without_a_model_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        model.read(tmp_path)
    assert "points3D.bin" in (caught.value.hint or "")


def test_photos_are_scaled_down_with_their_cameras(scene_folder: Path) -> None:
    whole, half = (scene.load(scene_folder, max_side_px=side) for side in (None, 80))
    assert half.views[0].pixels.shape == (48, 80, 3)
    assert half.views[0].focal[0] == pytest.approx(whole.views[0].focal[0] / 2)
    assert half.views[0].middle == pytest.approx((40, 24))
    assert whole.held == (0, 8, 16)
    assert len(whole.shown) == 15


def test_a_photo_of_another_shape_than_its_camera_is_refused(scene_folder: Path, tmp_path: Path) -> None:
    model.write(model.read(scene_folder), tmp_path / "sparse")
    (tmp_path / "images").mkdir()
    for path in (scene_folder / "images").iterdir():
        Pictures.new("RGB", (160, 120)).save(tmp_path / "images" / path.name)
    with pytest.raises(DataError, match="160×120") as caught:
        scene.load(tmp_path, max_side_px=None)
    assert "160×96" in (caught.value.cause or "")


def test_a_photo_that_is_missing_or_broken_is_named(scene_folder: Path, tmp_path: Path) -> None:
    model.write(model.read(scene_folder), tmp_path / "sparse")
    with pytest.raises(NotFoundError, match="view_000"):
        scene.load(tmp_path, max_side_px=None)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "view_000.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="view_000"):
        scene.load(tmp_path, max_side_px=None)


def test_a_lens_that_bends_lines_is_refused_for_training(tmp_path: Path) -> None:
    bent = model.Camera(1, "OPENCV", 10, 10, (9, 9, 5, 5, 0.1, 0, 0, 0))
    with pytest.raises(DataError, match="OPENCV") as caught:
        _ = bent.pinhole
    assert "undistorted" in (caught.value.hint or "")


def small() -> model.Model:
    cameras = {1: model.Camera(1, "PINHOLE", 100, 80, (90.0, 91.0, 50.0, 40.0))}
    pose = (0.9, 0.1, -0.2, 0.3), (1.0, -2.0, 3.0)
    unit = tuple((np.array(pose[0]) / np.linalg.norm(pose[0])).tolist())
    images = {
        4: model.Image(4, unit, pose[1], 1, "사진 1.jpg", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([7, 9])),
        5: model.Image(5, unit, (0.0, 0.0, 1.0), 1, "b.jpg", np.array([[5.0, 6.0]]), np.array([7])),
    }
    points = model.Points(
        np.array([7, 9], np.uint64),
        np.array([[0.5, 1.5, -2.5], [3.0, 2.0, 1.0]]),
        np.array([[1, 2, 3], [255, 0, 128]], np.uint8),
        np.array([0.25, 0.5]),
        np.array([2, 1]),
        np.array([[4, 0], [5, 0], [4, 1]], np.uint32),
    )
    return model.Model(cameras, images, points)
