"""Wavefront OBJ: what its head says, and how high the model is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recon_cli.systems import text

_VERTEX = re.compile(rb"^[ \t]*v[ \t]+\S+[ \t]+([-+]?\.?[0-9][0-9.eE+-]*)", re.MULTILINE)
_LONGEST_LINE = 1 << 20
"""Bytes without a line end after which a line is no line of an OBJ."""


@dataclass(frozen=True, slots=True)
class Head:
    """`mtllib` and the first `o` as written (empty where absent), and whether vertices had begun."""

    mtllib: str = ""
    object_name: str = ""
    vertices: bool = False


def parse_head(raw: bytes, *, whole: bool = False) -> Head:
    """Read the statements at the beginning; without `whole` the last, possibly cut line is left out."""
    lines = text.decode(raw if whole else raw[: _last_break(raw)]).splitlines()
    words = [(statement, rest.strip()) for statement, _, rest in map(_partition, lines)]
    return Head(
        next((rest for statement, rest in words if statement == "mtllib" and rest), ""),
        next((rest for statement, rest in words if statement == "o" and rest), ""),
        any(statement == "v" for statement, _ in words),
    )


def library_names(mtllib: str) -> tuple[str, ...]:
    """The file names of a `mtllib` statement: usually one, with spaces in it as often as not."""
    bare = mtllib.strip().strip("\"'")
    words = bare.split()
    if len(words) > 1 and all(word.lower().endswith(".mtl") for word in words):
        return tuple(map(text.base_name, words))
    return (text.base_name(bare),) if bare else ()


def y_extent(chunks: Iterable[bytes]) -> float | None:
    """The height of the bounding box in the file's own unit, or None without two distinct heights' worth of vertices.

    Reads `v` lines only; takes any line end, continued lines and chunk borders anywhere, skips what is no number.
    """
    low, high = math.inf, -math.inf
    for block in _blocks(chunks):
        heights = _heights(_VERTEX.findall(block))
        if heights:
            low, high = min(low, *heights), max(high, *heights)
    return high - low if high > low else None


def _partition(line: str) -> tuple[str, str, str]:
    words = line.strip().split(None, 1)
    return (words[0], " ", words[1]) if len(words) > 1 else (line.strip(), "", "")


def _heights(found: list[bytes]) -> list[float]:
    try:
        heights = list(map(float, found))
    except ValueError:
        heights = [number for number in map(_number, found) if number is not None]
    return heights if math.isfinite(sum(heights)) else [one for one in heights if math.isfinite(one)]


def _number(raw: bytes) -> float | None:
    try:
        return float(raw)
    except ValueError:
        return None


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The file in blocks of whole statements: one kind of line end, continued lines joined."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        cut = _last_break(rest)
        if cut:
            yield _joined(rest[:cut])
            rest = rest[cut:]
        elif len(rest) > _LONGEST_LINE:
            rest = b"#"
    yield _joined(rest)


def _last_break(raw: bytes) -> int:
    """Where the last statement that is surely whole ends; 0 if none is."""
    cut = raw.rfind(b"\n") + 1 or raw.rfind(b"\r", 0, max(len(raw) - 1, 0)) + 1
    while cut and _continues(raw, cut):
        cut = raw.rfind(b"\n", 0, cut - 1) + 1
    return cut


def _continues(raw: bytes, cut: int) -> bool:
    """Whether the line that ends at `cut` goes on in the next one."""
    return raw[max(cut - 3, 0) : cut].rstrip(b"\r\n").endswith(b"\\")


def _joined(raw: bytes) -> bytes:
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return raw.replace(b"\\\n", b" ") if b"\\\n" in raw else raw
