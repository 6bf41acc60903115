"""Whether a JPEG is all there. Decoders are forgiving: they fill what is missing with grey."""

from __future__ import annotations

import re

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM and the restarts."""
_NEXT = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""The next marker inside entropy-coded data, where `ff 00` is a byte and `ff d0`–`ff d7` are restarts."""


def is_whole(raw: bytes) -> bool:
    """Whether the first picture in `raw` reaches its end marker, segment by segment and scan by scan."""
    if raw[:2] != bytes((0xFF, _START)):
        return False
    position = 2
    while 0 <= position < len(raw) - 1:
        if raw[position] != 0xFF:  # noqa: PLR2004  every marker begins with it
            return False
        marker = raw[position + 1]
        if marker == 0xFF:  # noqa: PLR2004  a marker may be filled with more of them
            position += 1
        elif marker == _END:
            return True
        elif marker in _BARE:
            position += 2
        else:
            position = _behind(raw, position, scan=marker == _SCAN)
    return False


def _behind(raw: bytes, position: int, *, scan: bool) -> int:
    """Where the next marker stands after a segment (and the data of a scan); -1 where there is none."""
    length = int.from_bytes(raw[position + 2 : position + 4], "big")
    after = position + 2 + length
    if length < 2 or after > len(raw):  # noqa: PLR2004  a length counts itself
        return -1
    if not scan:
        return after
    found = _NEXT.search(raw, after)
    return found.end() - 2 if found else -1
