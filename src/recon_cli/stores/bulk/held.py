"""What the columns of incoming rows really hold, for engines whose columns hold one sort of value each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from recon_cli.stores.bulk.base import Row

_LEAST, _GREATEST = -(2**63), 2**63 - 1
_MOMENT = re.compile(r"(?!0000)\d{4}-(?!00)\d\d-(?!00)\d\d( \d\d:\d\d:\d\d(\.\d*[1-9])?([+-]\d\d(:\d\d)?)?)?")


@dataclass(slots=True)
class Held:
    """What the rows of one column really hold."""

    classes: set[type] = field(default_factory=set)
    wide: bool = False
    """An integer beyond 64 bits with a sign."""
    odd: bool = False
    """Text with NUL, or not UTF-8."""
    empty: bool = False
    """A NULL, which SQLite allows in keys."""
    longest: int = 0
    """About how many bytes the longest text or blob has."""
    undated: bool = False
    """Text that Postgres would not give back letter by letter as a date or time."""


def look(chunks: Iterable[Sequence[Row]], width: int) -> list[Held]:
    """What each column of the rows holds."""
    held = [Held() for _ in range(width)]
    for chunk in chunks:
        for seen, cells in zip(held, zip(*chunk, strict=True), strict=False):
            classes = set(map(type, cells))
            seen.classes |= classes
            if str in classes:
                _look_at_text(seen, [cell for cell in cells if isinstance(cell, str)])
            if bytes in classes:
                seen.longest = max(seen.longest, *(len(cell) for cell in cells if isinstance(cell, bytes)))
            if int in classes and not seen.wide:
                seen.wide = any(isinstance(cell, int) and not _LEAST <= cell <= _GREATEST for cell in cells)
    for seen in held:
        seen.empty = type(None) in seen.classes
        seen.classes.discard(type(None))
    return held


def _look_at_text(seen: Held, texts: Sequence[str]) -> None:
    seen.longest = max(seen.longest, len(max(texts, key=len).encode("utf-8", "surrogatepass")))
    if not seen.odd:
        seen.odd = not _holdable("".join(texts))
    if not seen.undated:
        seen.undated = not all(map(_MOMENT.fullmatch, texts))


def _holdable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
