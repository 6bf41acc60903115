"""`.spz`: about a tenth of a PLY; versions 2 and 3 are read, 3 is written.

gzip over: magic NGSP, version u32, count u32, degree u8, bits after the point u8, flags u8, 0; then, all Gaussians of
each: positions 3×24 bit, opacity u8, colour 3×u8, log scales 3×u8, rotation (version 2: x y z as 3×u8; 3: the three
smaller components in 10 bits each), harmonics u8. Its axes are x right, y up, z back: y and z change
their sign on the way.
Public description: the format's reference implementation (Niantic, MIT).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recon_cli.ops.atomic import write_file
from recon_cli.reconstruction.splats.gaussians import MOST, Gaussians, no_splat

_HEAD = struct.Struct("<4sIIBBBB")
_MAGIC = b"NGSP"
COLOUR = 0.15 * 255
ROOT = float(np.sqrt(0.5))
FINEST = 20
"""Most bits after the point of a position."""
SIGNS = np.array([1, -1, -1, 1, -1, 1, 1, -1, 1, -1, 1, -1, -1, 1, -1, 1], np.float32)
"""What turning y and z round does to each harmonic."""
TURNED = np.array([1, -1, -1], np.float32)
_GZIP = 31
"""zlib's word for a gzip stream."""

Bytes = npt.NDArray[np.uint8]


def _row_bytes(version: int, degree: int) -> int:
    return 9 + 1 + 3 + 3 + (3 if version == 2 else 4) + 3 * ((degree + 1) ** 2 - 1)  # noqa: PLR2004  version 2


def read_header(path: Path) -> tuple[int, int, int, int]:
    """Version, count, degree and bits after the point; only the first bytes are unpacked.

    Raises:
        DataError: it is no such file.
    """
    with path.open("rb") as file:
        return _header(path, _unpacked(path, file.read(4096), _HEAD.size))


def _unpacked(path: Path, raw: bytes, most: int) -> bytes:
    """The first `most` bytes of a gzip stream: never more, whatever it would unfold to; none if it has no good end."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        found = unpacker.decompress(raw, most)
    except zlib.error as exc:
        raise no_splat(path, f"it is not a gzip stream ({exc})") from exc
    return found if len(found) == most or unpacker.eof else b""


def _header(path: Path, raw: bytes) -> tuple[int, int, int, int]:
    if len(raw) < _HEAD.size or raw[:4] != _MAGIC:
        raise no_splat(path, "it does not begin with the magic of `.spz`")
    _, version, number, degree, bits, _, _ = _HEAD.unpack_from(raw)
    if version not in (2, 3):
        raise no_splat(path, f"it is of version {version}; 2 and 3 are read")
    if degree > 3 or bits > 23 or number > MOST:  # noqa: PLR2004  bits of a position, without the sign
        raise no_splat(path, f"its header says degree {degree}, {bits} bits and {number} Gaussians")
    return version, number, degree, bits


def read(path: Path) -> Gaussians:
    """Read a whole file.

    Raises:
        DataError: it is no such file, or cut.
    """
    packed = path.read_bytes()
    version, number, degree, bits = _header(path, _unpacked(path, packed, _HEAD.size))
    size = _HEAD.size + number * _row_bytes(version, degree)
    if number > len(packed) * 1032:  # the most that deflate can pack
        raise no_splat(path, f"its header promises {number} Gaussians, which {len(packed)} bytes cannot hold")
    raw = np.frombuffer(_unpacked(path, packed, size + 1), np.uint8)
    if len(raw) < size:
        raise no_splat(path, f"its header promises {number} Gaussians, and it ends before them")
    return _gathered(raw[_HEAD.size :], version, number, degree, bits)


def _gathered(raw: Bytes, version: int, number: int, degree: int, bits: int) -> Gaussians:
    at = 0

    def part(width: int) -> Bytes:
        nonlocal at
        at += number * width
        return raw[at - number * width : at].reshape(number, width)

    fixed = part(9).reshape(number, 3, 3).astype(np.int32)
    whole = (fixed[:, :, 0] | fixed[:, :, 1] << 8 | fixed[:, :, 2] << 16) << 8 >> 8
    opacity = np.clip(part(1)[:, 0].astype(np.float32) / 255, 1 / 1020, 1 - 1 / 1020)
    harmonics = np.empty((number, (degree + 1) ** 2, 3), np.float32)
    harmonics[:, 0] = (part(3).astype(np.float32) / 255 - 0.5) / 0.15
    scales = part(3).astype(np.float32) / 16 - 10
    turns = _first_three(part(3)) if version == 2 else _smallest_three(part(4))  # noqa: PLR2004  version 2
    rest = part(3 * (harmonics.shape[1] - 1)).reshape(number, -1, 3)
    harmonics[:, 1:] = (rest.astype(np.float32) - 128) / 128 * SIGNS[None, 1 : harmonics.shape[1], None]
    turns[:, 2:] *= -1
    return Gaussians(
        ((whole.astype(np.float64) / (1 << bits)) * TURNED).astype(np.float32),
        scales.astype(np.float32),
        turns,
        np.log(opacity / (1 - opacity)),
        harmonics,
    )


def _first_three(raw: Bytes) -> npt.NDArray[np.float32]:
    out = np.empty((len(raw), 4), np.float32)
    out[:, 1:] = raw.astype(np.float32) / 127.5 - 1
    out[:, 0] = np.sqrt(np.maximum(0, 1 - (out[:, 1:] ** 2).sum(axis=1)))
    return out


def _smallest_three(raw: Bytes) -> npt.NDArray[np.float32]:
    word = np.ascontiguousarray(raw).view("<u4")[:, 0]
    largest = word >> 30
    xyzw = np.zeros((len(raw), 4), np.float64)
    for component in (3, 2, 1, 0):
        there = largest != component
        size = ROOT * (word & 511) / 511
        xyzw[there, component] = np.where(word >> 9 & 1, -size, size)[there]
        word = np.where(there, word >> 10, word)
    xyzw[np.arange(len(raw)), largest] = np.sqrt(np.maximum(0, 1 - (xyzw**2).sum(axis=1)))
    return xyzw[:, [3, 0, 1, 2]].astype(np.float32)


def write(gaussians: Gaussians, path: Path) -> int:
    """Write the file whole, or nothing; gives its size in bytes.

    Raises:
        ReconError: the file system refuses.
    """
    return write_file(path, packed(gaussians))


def packed(gaussians: Gaussians) -> bytes:
    """The content of the file."""
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    return b"".join([*(packer.compress(part) for part in _parts(gaussians)), packer.flush()])


def fraction_bits(gaussians: Gaussians) -> int:
    """Bits after the point, as many as the farthest position leaves of 23."""
    farthest = float(np.abs(gaussians.xyz).max(initial=0))
    return int(np.clip(22 - np.floor(np.log2(max(farthest, 1e-6))), 0, FINEST))


def _parts(gaussians: Gaussians) -> Iterator[bytes]:
    bits = fraction_bits(gaussians)
    degree = gaussians.degree
    yield _HEAD.pack(_MAGIC, 3, len(gaussians), degree, bits, 0, 0)
    most = (1 << 23) - 1
    fixed = np.rint(gaussians.xyz.astype(np.float64) * TURNED * (1 << bits)).clip(-most, most).astype("<i4")
    yield fixed.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    yield _rounded(gaussians.opacities() * 255)
    yield _rounded(gaussians.harmonics[:, 0] * COLOUR + 127.5)
    yield _rounded((gaussians.log_scales + 10) * 16)
    yield _turns(gaussians.rotations)
    if degree:
        yield _rest(gaussians.harmonics[:, 1:] * SIGNS[None, 1 : (degree + 1) ** 2, None])


def _rounded(values: npt.NDArray[Any]) -> bytes:
    whole: Bytes = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return whole.tobytes()


def _turns(rotations: npt.NDArray[np.float32]) -> bytes:
    """Index of the largest component (x y z w), then the others, a sign and nine bits each."""
    xyzw = rotations[:, [1, 2, 3, 0]].astype(np.float64) * np.array([1, -1, -1, 1])
    xyzw /= np.maximum(np.linalg.norm(xyzw, axis=1, keepdims=True), 1e-30)
    each = np.arange(len(xyzw))
    largest = np.abs(xyzw).argmax(axis=1)
    xyzw *= np.where(xyzw[each, largest] < 0, -1, 1)[:, None]
    word = largest.astype(np.uint32)
    for component in range(4):
        size = np.minimum(511, np.rint(511 * np.abs(xyzw[:, component]) / ROOT)).astype(np.uint32)
        longer = word << 10 | (xyzw[:, component] < 0).astype(np.uint32) << 9 | size
        word = np.where(largest == component, word, longer)
    words: npt.NDArray[np.uint32] = word.astype("<u4")
    return words.tobytes()


def _rest(harmonics: npt.NDArray[np.float32]) -> bytes:
    """5 bits for the first degree, 4 for the others, as the reference writes them: what is rounded packs well."""
    bucket = np.where(np.arange(harmonics.shape[1]) < 3, 8, 16)[None, :, None]  # noqa: PLR2004  the first degree has 3
    whole = np.rint(harmonics * 128) + 128
    return _rounded(np.minimum(np.floor((whole + bucket / 2) / bucket) * bucket, 255))
