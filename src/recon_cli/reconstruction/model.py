"""COLMAP's binary sparse model: cameras, images and points, read and written with numpy alone.

Layout (little-endian), as COLMAP documents it: each file begins with a count (u64).
`cameras.bin`: id u32, model i32, width u64, height u64, parameters f64.
`images.bin`: id u32, rotation 4 f64 (w first), translation 3 f64, camera u32, name NUL, n u64, n of (x f64, y f64,
point i64).
`points3D.bin`: id u64, position 3 f64, colour 3 u8, error f64, n u64, n of (image u32, index u32).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.ops.atomic import write_file

MODELS = (
    ("SIMPLE_PINHOLE", 3), ("PINHOLE", 4), ("SIMPLE_RADIAL", 4), ("RADIAL", 5), ("OPENCV", 8), ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12), ("FOV", 5), ("SIMPLE_RADIAL_FISHEYE", 4), ("RADIAL_FISHEYE", 5), ("THIN_PRISM_FISHEYE", 12),
)  # fmt: skip
"""Names and numbers of parameters, in the order of COLMAP's model ids."""

_COUNT = struct.Struct("<Q")
_CAMERA = struct.Struct("<IiQQ")
_IMAGE = struct.Struct("<I7dI")
_POINT = struct.Struct("<Q3d3BdQ")
_SEEN = np.dtype([("xy", "<f8", 2), ("point", "<i8")])
_TRACK = np.dtype([("image", "<u4"), ("index", "<u4")])

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """One lens: `model` is a name of MODELS, sizes are pixels, `params` as COLMAP orders them."""

    id: int
    model: str
    width: int
    height: int
    params: tuple[float, ...]

    @property
    def pinhole(self) -> tuple[float, float, float, float]:
        """Focal lengths and principal point (fx, fy, cx, cy), in pixels.

        Raises:
            DataError: the lens bends straight lines; the photos must be undistorted first.
        """
        if self.model == "PINHOLE":
            fx, fy, cx, cy = self.params
            return fx, fy, cx, cy
        if self.model == "SIMPLE_PINHOLE":
            f, cx, cy = self.params
            return f, f, cx, cy
        raise DataError(f"camera {self.id} is of the kind {self.model}", hint="train on the undistorted photos")


@dataclass(frozen=True, slots=True)
class Image:
    """One registered photo: rotation (w, x, y, z) and translation take world to camera (x right, y down, z ahead).

    `points` are the ids of the points it sees, -1 where a feature became none; `xy` their pixels.
    """

    id: int
    rotation: tuple[float, float, float, float]
    translation: tuple[float, float, float]
    camera: int
    name: str
    xy: Floats
    points: npt.NDArray[np.int64]

    def matrix(self) -> Floats:
        """The rotation as a 3×3 matrix, world to camera."""
        return rotation_matrix(np.asarray(self.rotation))

    def centre(self) -> Floats:
        """Where the camera stood, in the world."""
        centre: Floats = -self.matrix().T @ np.asarray(self.translation)
        return centre


@dataclass(frozen=True, slots=True)
class Points:
    """The sparse cloud: ids, positions (n, 3), colours (n, 3) 0 to 255, errors in pixels, lengths of tracks.

    `tracks` has (image id, index in its `xy`) of every observation, the tracks of all points one after another.
    """

    ids: npt.NDArray[np.uint64]
    xyz: Floats
    rgb: npt.NDArray[np.uint8]
    errors: Floats
    lengths: npt.NDArray[np.int64]
    tracks: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Model:
    """Cameras and images by id, and the points."""

    cameras: dict[int, Camera]
    images: dict[int, Image]
    points: Points


def rotation_matrix(quaternion: Floats) -> Floats:
    """The 3×3 rotation of a quaternion (w, x, y, z), which need not be of length 1."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def find(folder: Path) -> Path:
    """The folder with the model: `folder` itself, `folder/0`, `folder/sparse` or `folder/sparse/0`.

    Raises:
        NotFoundError: there is none.
    """
    for place in (folder, folder / "0", folder / "sparse", folder / "sparse" / "0"):
        if (place / "cameras.bin").is_file():
            return place
    raise NotFoundError(
        f"no sparse model in {folder}", hint="a binary model has `cameras.bin`, `images.bin` and `points3D.bin`"
    )


def read(folder: Path) -> Model:
    """Read the model in `folder` (see `find`).

    Raises:
        NotFoundError: there is none.
        DataError: a file is cut or is no model.
    """
    home = find(folder)
    return Model(
        read_cameras(home / "cameras.bin"), read_images(home / "images.bin"), read_points(home / "points3D.bin")
    )


def read_cameras(path: Path) -> dict[int, Camera]:
    """Read `cameras.bin`; errors as `read`."""
    source = _Source(path)
    return {one.id: one for one in (_camera(source) for _ in range(source.count(_CAMERA.size)))}


def read_images(path: Path) -> dict[int, Image]:
    """Read `images.bin`; errors as `read`."""
    source = _Source(path)
    return {one.id: one for one in (_image(source) for _ in range(source.count(_IMAGE.size)))}


def read_points(path: Path) -> Points:
    """Read `points3D.bin`; errors as `read`."""
    source = _Source(path)
    number = source.count(_POINT.size)
    heads, tracks = [], []
    for _ in range(number):
        head = source.take(_POINT)
        heads.append(head)
        tracks.append(source.rows(_TRACK, head[-1]))
    table = np.array([head[1:4] for head in heads], dtype=np.float64).reshape(number, 3)
    joined = np.concatenate(tracks) if tracks else np.empty(0, _TRACK)
    return Points(
        ids=np.array([head[0] for head in heads], dtype=np.uint64),
        xyz=table,
        rgb=np.array([head[4:7] for head in heads], dtype=np.uint8).reshape(number, 3),
        errors=np.array([head[7] for head in heads], dtype=np.float64),
        lengths=np.array([head[8] for head in heads], dtype=np.int64),
        tracks=np.stack([joined["image"], joined["index"]], axis=1),
    )


def write(model: Model, folder: Path) -> None:
    """Write the three files into `folder`, made if needed.

    Raises:
        ReconError: the file system refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_file(
        folder / "cameras.bin", b"".join([_COUNT.pack(len(model.cameras)), *map(_camera_bytes, model.cameras.values())])
    )
    write_file(
        folder / "images.bin", b"".join([_COUNT.pack(len(model.images)), *map(_image_bytes, model.images.values())])
    )
    write_file(folder / "points3D.bin", _points_bytes(model.points))


class _Source:
    """The bytes of one file, taken from the front; what is not there is a DataError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.raw = path.read_bytes()
        except FileNotFoundError as exc:
            raise NotFoundError(f"no {path.name} in {path.parent}", hint="the sparse model is not complete") from exc
        self.at = 0

    def count(self, least_bytes: int) -> int:
        """The number of entries at the front, if the file can hold as many of `least_bytes` each."""
        (number,) = self.take(_COUNT)
        if number * least_bytes > len(self.raw):
            raise self.broken(f"it promises {number} entries and has {len(self.raw)} bytes")
        return int(number)

    def take(self, shape: struct.Struct) -> tuple[int, ...]:
        if self.at + shape.size > len(self.raw):
            raise self.broken("it ends in the middle of an entry")
        values = shape.unpack_from(self.raw, self.at)
        self.at += shape.size
        return values

    def rows(self, kind: np.dtype[np.void], number: int) -> npt.NDArray[np.void]:
        if number * kind.itemsize > len(self.raw) - self.at:
            raise self.broken("it ends in the middle of an entry")
        found = np.frombuffer(self.raw, kind, number, self.at)
        self.at += number * kind.itemsize
        return found

    def text(self) -> str:
        end = self.raw.find(b"\0", self.at)
        if end < 0:
            raise self.broken("a name has no end")
        found = self.raw[self.at : end].decode("utf-8", "replace")
        self.at = end + 1
        return found

    def broken(self, cause: str) -> DataError:
        return DataError(f"{self.path} is not a sparse model", cause=cause, hint="solve the cameras again")


def _camera(source: _Source) -> Camera:
    number, kind, width, height = source.take(_CAMERA)
    if not 0 <= kind < len(MODELS):
        raise source.broken(f"there is no camera model {kind}")
    name, size = MODELS[kind]
    return Camera(number, name, width, height, tuple(source.take(struct.Struct(f"<{size}d"))))


def _image(source: _Source) -> Image:
    number, *pose, camera = source.take(_IMAGE)
    name = source.text()
    seen = source.rows(_SEEN, source.take(_COUNT)[0])
    w, x, y, z, *translation = (float(value) for value in pose)
    if not np.isfinite(pose).all() or w == x == y == z == 0:
        raise source.broken(f"the pose of {name} is not a number")
    t0, t1, t2 = translation
    return Image(number, (w, x, y, z), (t0, t1, t2), camera, name, seen["xy"].copy(), seen["point"].copy())


def _camera_bytes(camera: Camera) -> bytes:
    kind = next(number for number, (name, _) in enumerate(MODELS) if name == camera.model)
    head = _CAMERA.pack(camera.id, kind, camera.width, camera.height)
    return head + np.asarray(camera.params, "<f8").tobytes()


def _image_bytes(image: Image) -> bytes:
    head = _IMAGE.pack(image.id, *image.rotation, *image.translation, image.camera)
    seen = np.empty(len(image.points), _SEEN)
    seen["xy"], seen["point"] = image.xy, image.points
    return b"".join([head, image.name.encode(), b"\0", _COUNT.pack(len(seen)), seen.tobytes()])


def _points_bytes(points: Points) -> bytes:
    parts = [_COUNT.pack(len(points.ids))]
    start = 0
    for number, xyz, rgb, error, length in zip(
        points.ids.tolist(),
        points.xyz.tolist(),
        points.rgb.tolist(),
        points.errors.tolist(),
        points.lengths.tolist(),
        strict=True,
    ):
        parts.append(_POINT.pack(number, *xyz, *rgb, error, length))
        parts.append(points.tracks[start : start + length].astype("<u4").tobytes())
        start += length
    return b"".join(parts)
