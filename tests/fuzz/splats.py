"""Clouds and models: PLY, both .splat dialects, SPZ, COLMAP's three files, checkpoints, and what lies beside them."""

from __future__ import annotations

import gzip
import json
import struct
import tempfile
from pathlib import Path

import numpy as np

from recon_cli.core.errors import ReconError
from recon_cli.demo import pieces
from recon_cli.reconstruction import model, request
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.model import Camera, Image, Model, Points
from recon_cli.reconstruction.splats import files, ply
from recon_cli.reconstruction.splats.gaussians import Gaussians
from recon_cli.reconstruction.training.cpu import state
from recon_cli.reconstruction.work import Work
from tests.fuzz.harness import target

_DICE = np.random.default_rng(7)
_FEW = Gaussians(*(_DICE.normal(size=(3, *shape)).astype(np.float32) for shape in ((3,), (3,), (4,), (), (4, 3))))


def _written(ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, f"a{ending}")
        files.write(_FEW, path)
        return path.read_bytes()


def _read(data: bytes, folder: Path, ending: str) -> None:
    """Head and whole say the same, and what is read can be written again."""
    path = folder / f"a{ending}"
    path.write_bytes(data)
    try:
        promised = files.head(path).count
    except ReconError:
        promised = -1
    found = files.read(path)
    assert promised in {-1, len(found.xyz)}
    files.write(found, folder / "again.ply")


@target(_written(".ply"), pieces.gaussians(3), b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nend_header\n1\n",
        b"ply\nformat binary_little_endian 1.0\nelement vertex 999999999999\nproperty float x\nend_header\n")  # fmt: skip
def splat_ply(data: bytes, folder: Path) -> None:
    _read(data, folder, ".ply")
    ply.read_header(folder / "a.ply")


@target(_written(".splat"), struct.pack("<3f3f4B4f", *(0.5,) * 6, *(9,) * 4, 1, 0, 0, 0))
def splat_short(data: bytes, folder: Path) -> None:
    _read(data, folder, ".splat")


_SPZ = _written(".spz")


@target(_SPZ, gzip.decompress(_SPZ), gzip.compress(bytes(1 << 22), mtime=0))
def splat_spz(data: bytes, folder: Path) -> None:
    """As it came, and packed: a mutated stream seldom unpacks at all."""
    for raw in (data, gzip.compress(data, 1, mtime=0)):
        try:
            _read(raw, folder, ".spz")
        except ReconError:
            continue


def _model() -> bytes:
    """The three files, one behind the other, each behind its length."""
    none = np.zeros((0, 2)), np.zeros(0, np.int64)
    cameras = {1: Camera(1, "PINHOLE", 100, 80, (90.0, 90.0, 50.0, 40.0))}
    images = {1: Image(1, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 1, "a b.jpg", *none)}
    points = Points(np.ones(1, np.uint64), np.zeros((1, 3)), np.zeros((1, 3), np.uint8), np.zeros(1), np.ones(1, np.int64),
                    np.ones((1, 2), np.uint32))  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        model.write(Model(cameras, images, points), Path(name))
        raw = [Path(name, one).read_bytes() for one in _NAMES]
    return b"".join(struct.pack("<I", len(one)) + one for one in raw)


_NAMES = ("cameras.bin", "images.bin", "points3D.bin")


@target(_model())
def colmap_model(data: bytes, folder: Path) -> None:
    """Each file by itself, then all three together."""
    rest = data
    for name in _NAMES:
        size = struct.unpack("<I", rest[:4])[0] if len(rest) >= 4 else 0
        (folder / name).write_bytes(rest[4 : 4 + size])
        rest = rest[4 + size :]
    for read in (model.read_cameras, model.read_images, model.read_points):
        try:
            read(folder / _NAMES[(model.read_cameras, model.read_images, model.read_points).index(read)])
        except ReconError:
            continue
    found = model.read(folder)
    for one in found.images.values():
        assert one.camera in found.cameras


def _checkpoint() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        made = state.empty(4, 1)
        made.count = 2
        state.save(made, Path(name), "mark")
        return Path(name, state.CHECKPOINT).read_bytes()


@target(_checkpoint())
def training_checkpoint(data: bytes, folder: Path) -> None:
    (folder / state.CHECKPOINT).write_bytes(data)
    state.load(folder, "mark")


@target(b'[{"source":"a.jpg","verdict":"taken","warnings":[],"gps":[1.5,2.5],"name":"00001.jpg"}]')
def photo_table(data: bytes, folder: Path) -> None:
    path = folder / photo.LISTED
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    photo.read(folder)


@target(json.dumps({"schema": request.SCHEMA, "photos": "/x", "pub_key": "0123456789"}).encode(), b'{"progress":{}}')
def job_files(data: bytes, folder: Path) -> None:
    work = Work(folder)
    (folder / request.FILE).write_bytes(data)
    work.mark("train").parent.mkdir(exist_ok=True)
    work.mark("train").write_bytes(data)
    work.outcome("train")
    request.read(folder)
