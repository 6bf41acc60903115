"""Where a table is cut into shards: by key, so that a change in one place leaves every other file as it was.

Three schemes; docs/design/snapshot-format.md is the specification.

`range`  the key is one column of integers: shard n holds the keys from n * size up to (n + 1) * size.
`hash`   any other key: a row begins a new shard when the CRC-32 of its key's line is a multiple of `size`.
`count`  no key: every `size` rows.

So boundaries depend on the rows beside them only, never on how many rows lie before, nor on who reads the table.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log2
from operator import itemgetter
from typing import cast

from recon_cli.core.catalog import Cell
from recon_cli.snapshot import rows as lines

Row = tuple[Cell, ...]

FIRST = "first"
"""The shard before the first row that begins one, under the `hash` scheme."""
WIDEST = 1 << 63
"""The widest range of keys: two of them hold every integer there is, and a reader takes it for a number of 64 bits."""
_DIGITS = 20


class Scheme(StrEnum):
    """How a table is cut."""

    RANGE = "range"
    HASH = "hash"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Cut:
    """How one table is cut. `size` is the width of a key range, or the (mean) rows of a shard."""

    scheme: Scheme
    size: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that belong to one shard; `name` names the shard, and comes again when its rows come in several pieces."""

    name: str
    rows: Sequence[Row]


def width(least: int, greatest: int, rows: int, shard_rows: int) -> int:
    """The key range of one shard: `shard_rows` times the power of two nearest to the spacing of the keys.

    So it stays the same while a table grows or thins out a little; a change of density by half cuts the table anew.
    """
    spacing = (greatest - least + 1) / max(rows, 1)
    return min(shard_rows << max(0, round(log2(spacing))), WIDEST)


def starts_shard(key: Row, size: int) -> bool:
    """Whether the row of this key begins a shard under the `hash` scheme."""
    return bool(list(starts([key], size)))


def starts(keys: Sequence[Row], size: int) -> Iterator[tuple[int, bytes]]:
    """Which of these keys begin a shard under the `hash` scheme: their places and their lines."""
    if not keys:
        return
    for place, line in enumerate(lines.encode(keys, range(len(keys[0]))).split(b"\n")[:-1]):
        if not zlib.crc32(line) % size:
            yield place, line


class Cutter:
    """Cuts the rows of one table, or of one span of it, as they come in key order.

    A span must begin where a shard begins. `places` are the positions of the key in a row.
    """

    def __init__(self, cut: Cut, places: Sequence[int]) -> None:
        self._cut = cut
        self._places = tuple(places)
        self._name = ""
        self._seen = 0

    def name_of(self, key: int) -> str:
        """The shard of a row with this key, where key ranges cut."""
        return range_name(key // self._cut.size * self._cut.size)

    def pieces(self, rows: Sequence[Row]) -> Iterator[Piece]:
        """The rows in pieces, one for each shard they touch."""
        if self._cut.scheme is Scheme.RANGE:
            yield from self._ranges(rows)
        elif self._cut.scheme is Scheme.HASH:
            yield from self._hashes(rows)
        else:
            yield from self._counts(rows)

    def _ranges(self, rows: Sequence[Row]) -> Iterator[Piece]:
        size, place = self._cut.size, self._places[0]
        start = 0
        while start < len(rows):
            number = cast("int", rows[start][place]) // size
            end = _bisect(rows, place, (number + 1) * size, start)
            yield Piece(range_name(number * size), rows[start:end])
            start = end

    def _hashes(self, rows: Sequence[Row]) -> Iterator[Piece]:
        begun = 0
        for place, line in starts(self._keys(rows), self._cut.size):
            if place > begun:
                yield Piece(self._name or FIRST, rows[begun:place])
            self._name, begun = hash_name(line), place
        if begun < len(rows):
            yield Piece(self._name or FIRST, rows[begun:])

    def _keys(self, rows: Sequence[Row]) -> list[Row]:
        if len(self._places) == 1:
            return list(zip(map(itemgetter(self._places[0]), rows)))
        return list(map(itemgetter(*self._places), rows))

    def _counts(self, rows: Sequence[Row]) -> Iterator[Piece]:
        start = 0
        while start < len(rows):
            room = self._cut.size - self._seen % self._cut.size
            taken = rows[start : start + room]
            yield Piece(range_name(self._seen // self._cut.size * self._cut.size), taken)
            self._seen += len(taken)
            start += room


def range_name(first: int) -> str:
    """The name of the shard whose range begins at `first`."""
    return f"{'-' if first < 0 else ''}{abs(first):0{_DIGITS}d}"


def hash_name(line: bytes) -> str:
    """The name of the shard that begins at the key of this line (JSON, without a newline)."""
    return hashlib.sha256(line).hexdigest()[:16]


def _bisect(rows: Sequence[Row], place: int, end: int, low: int) -> int:
    """The first position from `low` on whose key is not below `end`."""
    high = len(rows)
    while low < high:
        middle = (low + high) // 2
        if rows[middle][place] < end:  # type: ignore[operator]  # integers only, as the scheme says
            low = middle + 1
        else:
            high = middle
    return low
