"""The field's PLY: one vertex a Gaussian, all properties float32, little-endian.

Header first, as text; x y z, nx ny nz (zeros), f_dc_0…2, f_rest_… (all of red, then green, then blue), opacity (logit),
scale_0…2 (logarithm), rot_0…3 (w first). Properties are found by name: others may stand between them, in any order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recon_cli.ops.atomic import write_file
from recon_cli.reconstruction.splats.gaussians import DEGREES, MOST, Gaussians, no_splat

HEADER_MOST = 65536
"""Bytes of header that are read at most."""
ROWS = 65536
"""Gaussians written at a time."""
_KINDS = {
    "char": "i1", "uchar": "u1", "int8": "i1", "uint8": "u1", "short": "<i2", "ushort": "<u2", "int16": "<i2",
    "uint16": "<u2", "int": "<i4", "uint": "<u4", "int32": "<i4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip
_NEEDED = (
    "x",
    "y",
    "z",
    "f_dc_0",
    "f_dc_1",
    "f_dc_2",
    "opacity",
    "scale_0",
    "scale_1",
    "scale_2",
    "rot_0",
    "rot_1",
    "rot_2",
    "rot_3",
)


@dataclass(frozen=True, slots=True)
class Header:
    """`count` vertices of `kind` (a structured type) from byte `start` on."""

    count: int
    kind: np.dtype[np.void]
    start: int

    @property
    def rest(self) -> int:
        """How many f_rest_ properties there are: 0, 9, 24 or 45."""
        return sum(name.startswith("f_rest_") for name in self.kind.names or ())


def read_header(path: Path) -> Header:
    """What the header promises, checked against the size of the file; nothing else is read.

    Raises:
        DataError: it is no PLY of Gaussians, or cut.
    """
    with path.open("rb") as file:
        raw = file.read(HEADER_MOST)
        size_bytes = os.fstat(file.fileno()).st_size
    found = raw.find(b"end_header")
    end = raw.find(b"\n", found)
    if not raw.startswith(b"ply") or found < 0 or end < 0:
        raise no_splat(path, "it does not begin with the header of a PLY")
    header = _parse(path, raw[:found].decode("ascii", "replace").splitlines(), end + 1)
    if header.start + header.count * header.kind.itemsize > size_bytes:
        raise no_splat(path, f"its header promises {header.count} Gaussians, and the file ends before them")
    return header


def _parse(path: Path, lines: list[str], start: int) -> Header:
    words = [line.split() for line in lines]
    if ["format", "binary_little_endian", "1.0"] not in words:
        raise no_splat(path, "it is not binary and little-endian")
    elements = [number for number, word in enumerate(words) if word[:1] == ["element"]]
    if not elements or words[elements[0]][1:2] != ["vertex"] or len(words[elements[0]]) != 3:  # noqa: PLR2004  element NAME COUNT
        raise no_splat(path, "its first element is not `vertex`")
    count = words[elements[0]][2]
    if not (count.isascii() and count.isdigit()) or int(count) > MOST:
        raise no_splat(path, f"{count[:20]} is not a number of Gaussians")
    last = elements[1] if len(elements) > 1 else len(words)
    fields = []
    for word in words[elements[0] + 1 : last]:
        if word[:1] == ["property"]:
            if len(word) != 3 or word[1] not in _KINDS:  # noqa: PLR2004  property TYPE NAME
                raise no_splat(path, f"it has a property `{' '.join(word[1:])[:40]}`")
            fields.append((word[2], _KINDS[word[1]]))
    names = [name for name, _ in fields]
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) != len(names):
        raise no_splat(path, f"it has no `{missing[0]}`: a cloud of points?" if missing else "a property stands twice")
    header = Header(int(count), np.dtype(fields), start)
    if header.rest // 3 + 1 not in DEGREES or header.rest % 3:
        raise no_splat(path, f"{header.rest} harmonics belong to no degree")
    return header


def read(path: Path) -> Gaussians:
    """Read a whole file.

    Raises:
        DataError: see `read_header`.
    """
    header = read_header(path)
    names = list(header.kind.names or ())
    order = [names.index(name) for name in _NEEDED]
    rest = [names.index(f"f_rest_{number}") if f"f_rest_{number}" in names else -1 for number in range(header.rest)]
    if -1 in rest:
        raise no_splat(path, "its harmonics are not numbered from 0")
    if all(header.kind[name] == np.dtype("<f4") for name in names):
        table = np.fromfile(path, "<f4", header.count * len(names), offset=header.start).reshape(header.count, -1)
    else:
        rows = np.fromfile(path, header.kind, header.count, offset=header.start)
        table = np.stack([rows[name].astype("<f4") for name in names], axis=1)
    return _gathered(table, order, rest)


def _columns(table: npt.NDArray[np.float32], where: list[int]) -> npt.NDArray[np.float32]:
    """Columns of a table, without a copy of the whole where they lie side by side."""
    if where == list(range(where[0], where[0] + len(where))):
        return np.ascontiguousarray(table[:, where[0] : where[0] + len(where)])
    return table[:, where]


def _gathered(table: npt.NDArray[np.float32], order: list[int], rest: list[int]) -> Gaussians:
    number = len(table)
    harmonics = np.empty((number, 1 + len(rest) // 3, 3), np.float32)
    harmonics[:, 0] = _columns(table, order[3:6])
    if rest:
        harmonics[:, 1:] = _columns(table, rest).reshape(number, 3, -1).transpose(0, 2, 1)
    return Gaussians(
        xyz=_columns(table, order[0:3]),
        log_scales=_columns(table, order[7:10]),
        rotations=_columns(table, order[10:14]),
        logits=np.ascontiguousarray(table[:, order[6]]),
        harmonics=harmonics,
    )


def write(gaussians: Gaussians, path: Path) -> int:
    """Write the file whole, or nothing; gives its size in bytes.

    Raises:
        ReconError: the file system refuses.
    """
    return write_file(path, _chunks(gaussians))


def names_of(rest: int) -> list[str]:
    """The names of the properties, in order, with that many f_rest_."""
    first = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
    last = ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    return [*first, *(f"f_rest_{number}" for number in range(rest)), *last]


def _chunks(gaussians: Gaussians) -> Iterator[bytes]:
    rest = 3 * (gaussians.harmonics.shape[1] - 1)
    names = names_of(rest)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(gaussians)}"]
    lines += [f"property float {name}" for name in names]
    yield "\n".join([*lines, "end_header", ""]).encode()
    for start in range(0, len(gaussians), ROWS):
        part = gaussians.take(np.arange(start, min(start + ROWS, len(gaussians))))
        table = np.zeros((len(part), len(names)), "<f4")
        table[:, 0:3] = part.xyz
        table[:, 6:9] = part.harmonics[:, 0]
        table[:, 9 : 9 + rest] = part.harmonics[:, 1:].transpose(0, 2, 1).reshape(len(part), rest)
        table[:, 9 + rest] = part.logits
        table[:, 10 + rest : 13 + rest] = part.log_scales
        table[:, 13 + rest :] = part.rotations
        yield table.tobytes()
