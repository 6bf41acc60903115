"""Rows of two streams matched by key, whatever order each side has: only what has no partner yet is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest

from recon_cli.core.catalog import Cell
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row

_WHOLE_BYTES = 32 * 1024 * 1024
_DIGEST_BYTES = 16


class Change(StrEnum):
    """What happened to a row from the left side to the right one."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs; `columns` are the positions of its cells that do, where they are known."""

    change: Change
    key: Row
    columns: tuple[int, ...] = ()


@dataclass(slots=True)
class _Waiting:
    """Rows of one side without a partner, by key. Beyond a budget of memory only a digest of a row is kept."""

    rows: dict[bytes, list[bytes]] = field(default_factory=dict)
    keys: dict[bytes, Row] = field(default_factory=dict)
    held_bytes: int = 0

    def add(self, name: bytes, key: Row, line: bytes) -> None:
        kept = line if self.held_bytes < _WHOLE_BYTES else _digest(line)
        self.held_bytes += len(kept)
        self.rows.setdefault(name, []).append(kept)
        self.keys[name] = key

    def take(self, name: bytes) -> bytes | None:
        kept = self.rows.get(name)
        if kept is None:
            return None
        line = kept.pop()
        self.held_bytes -= len(line)
        if not kept:
            del self.rows[name], self.keys[name]
        return line

    def rest(self) -> Iterator[Row]:
        for name, kept in self.rows.items():
            yield from (self.keys[name] for _ in kept)


def differences(
    left: Iterable[list[Row]], right: Iterable[list[Row]], places: Sequence[int], floats: Sequence[int]
) -> Iterator[Difference]:
    """Every row that is on one side only, or differs in any cell by value, type or bit.

    `places` are the key's positions; without any, whole rows are matched and none can be called changed. `floats`: see
    `snapshot/rows.py`. Memory grows with what differs, and with how far apart the two orders are, not with the tables.
    """
    waiting = _Waiting(), _Waiting()
    for chunks in zip_longest(left, right):
        for side, chunk in enumerate(chunks):
            yield from _matched(chunk or (), waiting[side], waiting[1 - side], places, floats)
    yield from (Difference(Change.REMOVED, key) for key in waiting[0].rest())
    yield from (Difference(Change.ADDED, key) for key in waiting[1].rest())


def _matched(
    chunk: Sequence[Row], own: _Waiting, other: _Waiting, places: Sequence[int], floats: Sequence[int]
) -> Iterator[Difference]:
    written = lines.encode(chunk, floats).split(b"\n")
    for row, line in zip(chunk, written, strict=False):  # the last piece is what follows the last newline: nothing
        key = tuple(row[place] for place in places)
        name = lines.encode([key], range(len(key))) if places else line
        partner = other.take(name)
        if partner is None:
            own.add(name, key or row, line)
        elif partner not in (line, _digest(line)):
            yield Difference(Change.CHANGED, key, _columns(partner, line))


def _columns(before: bytes, after: bytes) -> tuple[int, ...]:
    """The positions of the cells that differ; none where only a digest was kept."""
    if len(before) == _DIGEST_BYTES:
        return ()
    pairs = zip(json.loads(before), json.loads(after), strict=True)
    return tuple(place for place, (one, two) in enumerate(pairs) if _spelled(one) != _spelled(two))


def _spelled(cell: Cell | dict[str, str]) -> str:
    return json.dumps(cell)


def _digest(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=_DIGEST_BYTES).digest()
