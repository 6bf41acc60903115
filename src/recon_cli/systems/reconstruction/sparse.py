"""How many images and points a sparse model holds, from its first bytes where they say so."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from recon_cli.core.entry import Entry
from recon_cli.core.ports import Reader

_COUNT = struct.Struct("<Q")
_MOST = 1 << 40
"""More than any model holds: a count above it is no count."""
_ANNOUNCED = re.compile(rb"^#\s*Number of (?:images|points):\s*(\d+)", re.MULTILINE)


def count(entry: Entry, reader: Reader) -> int | None:
    """The number of images or points in a file of a sparse model, None when it does not say."""
    if entry.name.endswith(".bin"):
        return in_binary(reader.head(entry, _COUNT.size))
    announced = _ANNOUNCED.search(reader.head(entry, 4096))
    if announced:
        return int(announced[1])
    rows = data_lines(reader.stream(entry), keep_blank=entry.name.startswith("images"))
    return (rows + 1) // 2 if entry.name.startswith("images") else rows


def in_binary(head: bytes) -> int | None:
    """The count a binary file begins with."""
    if len(head) < _COUNT.size:
        return None
    number: int = _COUNT.unpack_from(head)[0]
    return number if number < _MOST else None


def data_lines(chunks: Iterable[bytes], *, keep_blank: bool) -> int:
    """Lines that are no comments. An image without points has a blank second line, so there blanks count."""
    rows, rest = 0, b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        rows += sum(_counts(line, keep_blank=keep_blank) for line in lines)
    return rows + (bool(rest.strip()) and _counts(rest, keep_blank=keep_blank))


def _counts(line: bytes, *, keep_blank: bool) -> bool:
    return not line.startswith(b"#") and (keep_blank or bool(line.strip()))
