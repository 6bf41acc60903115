from __future__ import annotations

import gzip
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from recon_cli.core.errors import DataError, NotFoundError, ReconError
from recon_cli.reconstruction.splats import export, files, ply, splat, spz
from recon_cli.reconstruction.splats.gaussians import Gaussians


def made(number: int = 500, degree: int = 3, seed: int = 0) -> Gaussians:
    random = np.random.default_rng(seed)
    turns = random.normal(size=(number, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    return Gaussians(
        xyz=(random.normal(size=(number, 3)) * 3).astype(np.float32),
        log_scales=(random.normal(size=(number, 3)) - 4).astype(np.float32),
        rotations=turns.astype(np.float32),
        logits=(random.normal(size=number) * 3).astype(np.float32),
        harmonics=(random.normal(size=(number, (degree + 1) ** 2, 3)) * 0.2).astype(np.float32),
    )


def angle(one: Gaussians, other: Gaussians) -> float:
    """The largest angle between rotations, in radians."""
    a, b = (
        part.rotations.astype(np.float64) / np.linalg.norm(part.rotations.astype(np.float64), axis=1, keepdims=True)
        for part in (one, other)
    )
    return float(2 * np.arccos(np.clip(np.abs((a * b).sum(axis=1)), 0, 1)).max())


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_ply_comes_back_bit_by_bit(tmp_path: Path, degree: int) -> None:
    there = made(degree=degree)
    ply.write(there, tmp_path / "a.ply")
    back = files.read(tmp_path / "a.ply")
    for name in ("xyz", "log_scales", "rotations", "logits", "harmonics"):
        assert np.array_equal(getattr(there, name), getattr(back, name)), name
    assert files.head(tmp_path / "a.ply") == files.Head("ply", 500, degree)


def test_a_splat_keeps_to_its_bounds(tmp_path: Path) -> None:
    there = made()
    splat.write(there, tmp_path / "a.splat")
    back = files.read(tmp_path / "a.splat")
    assert (tmp_path / "a.splat").stat().st_size == 500 * 32
    assert np.array_equal(there.xyz, back.xyz)
    assert np.abs(there.log_scales - back.log_scales).max() < 1e-6
    assert np.abs(there.opacities() - back.opacities()).max() <= 0.5 / 255 + 1e-6
    assert np.abs(np.clip(there.colours(), 0, 1) - back.colours()).max() <= 0.5 / 255 + 1e-6
    assert angle(there, back) < 0.017


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_an_spz_keeps_to_its_bounds(tmp_path: Path, degree: int) -> None:
    there = made(degree=degree)
    spz.write(there, tmp_path / "a.spz")
    back = files.read(tmp_path / "a.spz")
    assert np.abs(there.xyz - back.xyz).max() <= 2.0 ** -spz.fraction_bits(there)
    assert np.abs(there.log_scales - back.log_scales).max() <= 1 / 32 + 1e-5
    assert np.abs(there.opacities() - back.opacities()).max() <= 0.5 / 255 + 1e-6
    assert np.abs(there.colours() - back.colours()).max() < 0.0038
    assert np.abs(there.harmonics[:, 1:4] - back.harmonics[:, 1:4]).max(initial=0) <= 4.5 / 128 + 1e-6
    assert np.abs(there.harmonics[:, 4:] - back.harmonics[:, 4:]).max(initial=0) <= 8.5 / 128 + 1e-6
    assert angle(there, back) < 0.005


def test_a_far_scene_loses_fraction_and_not_positions(tmp_path: Path) -> None:
    there = made()
    far = Gaussians(there.xyz * 10_000, there.log_scales, there.rotations, there.logits, there.harmonics)
    spz.write(far, tmp_path / "a.spz")
    back = files.read(tmp_path / "a.spz")
    assert np.abs(far.xyz - back.xyz).max() / np.abs(far.xyz).max() < 2.0**-21


def test_the_44_byte_dialect_is_told_apart_also_where_both_sizes_fit(tmp_path: Path) -> None:
    there = made(88)
    rows = np.empty(88, splat.LONG)
    rows["xyz"], rows["scales"], rows["turn"] = there.xyz, np.exp(there.log_scales), there.rotations
    rows["rgba"] = 100
    rows.tofile(tmp_path / "old.splat")
    assert (tmp_path / "old.splat").stat().st_size % 32 == 0
    assert files.head(tmp_path / "old.splat") == files.Head("splat (44 bytes)", 88, 0)
    back = files.read(tmp_path / "old.splat")
    assert np.array_equal(there.xyz, back.xyz)
    assert angle(there, back) < 1e-3
    splat.write(made(88 * 11 // 8), tmp_path / "new.splat")
    assert files.head(tmp_path / "new.splat").form == "splat"


def test_properties_are_found_by_name_in_any_order_and_type(tmp_path: Path) -> None:
    there = made(50, degree=0)
    names = ["opacity", "red", "rot_3", "rot_2", "rot_1", "rot_0", "scale_2", "scale_1", "scale_0", "f_dc_2"]
    names += ["f_dc_1", "f_dc_0", "z", "y", "x"]
    kinds = [("u1" if name == "red" else "<f8") for name in names]
    rows = np.zeros(50, np.dtype(list(zip(names, kinds, strict=True))))
    rows["opacity"] = there.logits
    for k in range(3):
        rows["xyz"[k]], rows[f"scale_{k}"] = there.xyz[:, k], there.log_scales[:, k]
        rows[f"f_dc_{k}"] = there.harmonics[:, 0, k]
    for k in range(4):
        rows[f"rot_{k}"] = there.rotations[:, k]
    words = {"u1": "uchar", "<f8": "double"}
    lines = [f"property {words[kind]} {name}" for name, kind in zip(names, kinds, strict=True)]
    head = "\n".join(["ply", "format binary_little_endian 1.0", "comment 한글", "element vertex 50", *lines])
    (tmp_path / "a.ply").write_bytes(
        f"{head}\nelement face 0\nproperty list uchar int vertex_indices\nend_header\n".encode() + rows.tobytes()
    )
    back = files.read(tmp_path / "a.ply")
    assert np.array_equal(there.xyz, back.xyz)
    assert np.array_equal(there.rotations, back.rotations)
    assert np.array_equal(there.logits, back.logits)


def test_the_count_is_read_from_a_header_alone(tmp_path: Path) -> None:
    there = made(2000)
    for form in files.FORMATS:
        files.write(there, tmp_path / f"a.{form}")
        assert export.count(tmp_path / f"a.{form}") == 2000
    head = (tmp_path / "a.ply").read_bytes()[:2000]
    with (tmp_path / "huge.ply").open("wb") as file:  # a sparse file: what is not read costs nothing
        file.write(head.replace(b"vertex 2000", b"vertex 99999999"))
        file.truncate(30_000_000_000)
    assert export.count(tmp_path / "huge.ply") == 99_999_999


@pytest.mark.parametrize("form", ["ply", "splat", "spz"])
def test_a_cut_file_is_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    files.write(made(300), path)
    whole = path.read_bytes()
    for length in {0, 1, 3, 10, 100, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:length])
        if form == "splat" and length and length % 32 == 0:
            continue
        with pytest.raises(DataError):
            files.read(path)


@settings(max_examples=150, deadline=None)
@given(
    raw=some.binary(max_size=400),
    first=some.sampled_from([b"", b"ply\n", b"\x1f\x8b", b"ply\nformat binary_little_endian 1.0\n"]),
)
def test_garbage_is_refused_or_read_but_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, first: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage"
    path.write_bytes(first + raw)
    with suppress(DataError):
        files.read(path)


@pytest.mark.parametrize(
    ("head", "cause"),
    [
        (struct.pack("<4sIIBBBB", b"NGSP", 3, 4_000_000_000, 0, 12, 0, 0), "4000000000"),
        (struct.pack("<4sIIBBBB", b"NGSP", 3, 100_000_000, 3, 12, 0, 0), "cannot hold"),
        (struct.pack("<4sIIBBBB", b"NGSP", 9, 5, 0, 12, 0, 0), "version 9"),
        (struct.pack("<4sIIBBBB", b"NGSP", 3, 5, 7, 12, 0, 0), "degree 7"),
        (b"something else, long enough", "magic"),
    ],
)
def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path, head: bytes, cause: str) -> None:
    path = tmp_path / "bomb.spz"
    path.write_bytes(gzip.compress(head + bytes(100)))
    with pytest.raises(DataError) as caught:
        files.read(path)
    assert cause in (caught.value.cause or "")


def test_a_stream_that_unfolds_without_end_is_read_only_as_far_as_promised(tmp_path: Path) -> None:
    path = tmp_path / "bomb.spz"
    head = struct.pack("<4sIIBBBB", b"NGSP", 3, 10, 0, 12, 0, 0)
    path.write_bytes(gzip.compress(head + bytes(50_000_000)))
    assert len(files.read(path)) == 10


def test_a_cloud_of_points_is_no_splat_and_is_told_so(tmp_path: Path) -> None:
    head = (
        "ply\nformat binary_little_endian 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
    )
    (tmp_path / "a.ply").write_bytes(f"{head}end_header\n".encode() + bytes(12))
    with pytest.raises(DataError) as caught:
        files.head(tmp_path / "a.ply")
    assert "cloud of points" in (caught.value.cause or "")


def test_no_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        files.read(tmp_path / "none.ply")
    with pytest.raises(ReconError, match="cannot read"):
        files.read(tmp_path)


def test_exports_hold_what_is_seen_most_and_nothing_that_is_no_number(tmp_path: Path) -> None:
    there = made(1000)
    there.xyz[7] = np.nan
    there.logits[8] = np.inf
    ply.write(there, tmp_path / "in.ply")
    done = export.export(tmp_path / "in.ply", tmp_path / "out", export.ExportOptions())
    counts = {one.path.name: one.gaussians for one in done}
    assert counts["scene.ply"] == counts["scene.splat"] == counts["scene.spz"] == 998
    assert (counts["scene-medium.spz"], counts["scene-light.splat"]) == (499, 200)
    for one in done:
        assert export.count(one.path) == one.gaussians
        assert one.path.stat().st_size == one.size_bytes
    light = files.read(tmp_path / "out" / "scene-light.ply")
    assert light.degree == 0
    whole = files.read(tmp_path / "out" / "scene.ply")
    assert np.array_equal(whole.xyz[:200], light.xyz)


def test_the_same_gaussians_give_the_same_bytes(tmp_path: Path) -> None:
    for form in files.FORMATS:
        for name in ("a", "b"):
            files.write(made(300), tmp_path / f"{name}.{form}")
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()
