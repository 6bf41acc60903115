"""PLY: what the header promises, and whether the file can hold it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SIZES = {
    "char": 1, "uchar": 1, "int8": 1, "uint8": 1,
    "short": 2, "ushort": 2, "int16": 2, "uint16": 2,
    "int": 4, "uint": 4, "int32": 4, "uint32": 4, "float": 4, "float32": 4,
    "double": 8, "float64": 8,
}  # fmt: skip
_END = b"end_header"
_MAGIC = b"ply"


@dataclass(frozen=True, slots=True)
class Header:
    """`vertices` as promised; `expected_bytes` is the whole file's size, None where the format does not fix it."""

    vertices: int
    expected_bytes: int | None

    def truncated(self, size_bytes: int | None) -> bool:
        """Whether a file of this size cannot hold what the header promises."""
        return self.expected_bytes is not None and size_bytes is not None and size_bytes < self.expected_bytes


def parse_header(raw: bytes) -> Header | None:
    """The header at the beginning of `raw`, or None when it is no PLY or the header is not all there."""
    end = _header_end(raw)
    if not raw.startswith(_MAGIC) or end is None:
        return None
    lines = [line.split() for line in raw[:end].decode("ascii", "replace").splitlines()]
    elements = _elements(lines)
    vertices = next((count for name, count, _ in elements if name == "vertex"), None)
    if vertices is None:
        return None
    sizes = [None if row is None else count * row for _, count, row in elements]
    binary = any(line[:2] in (["format", "binary_little_endian"], ["format", "binary_big_endian"]) for line in lines)
    fixed = [size for size in sizes if size is not None]
    return Header(vertices, end + sum(fixed) if binary and len(fixed) == len(sizes) else None)


def _header_end(raw: bytes) -> int | None:
    found = raw.find(b"\n" + _END)
    if found < 0:
        return None
    line_end = raw.find(b"\n", found + 1)
    return line_end + 1 if line_end >= 0 else None


def _elements(lines: Sequence[Sequence[str]]) -> list[tuple[str, int, int | None]]:
    """Name, count and bytes per row of each element; None where a row's size varies."""
    found: list[tuple[str, int, int | None]] = []
    for line in lines:
        if line[:1] == ["element"] and len(line) > 2 and line[2].isascii() and line[2].isdigit():  # noqa: PLR2004  element NAME COUNT
            found.append((line[1], int(line[2]), 0))
        elif line[:1] == ["property"] and found:
            name, count, row = found[-1]
            size = _SIZES.get(line[1]) if len(line) > 1 else None
            found[-1] = (name, count, None if row is None or size is None else row + size)
    return found
