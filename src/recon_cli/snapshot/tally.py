"""Tally: how often each row stands on two sides, counted in flat memory, and told where that is uneven.

What meets its equal soon is forgotten at once: two sides in about the same order cost no disk. What waits longer goes
into a temporary SQLite file: the key, a digest of the row, and this process's hash of every cell, by which the changed
columns are named without a second look at the rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson

from recon_cli.core.catalog import Cell
from recon_cli.core.errors import ReconError
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row

HELD_BYTES = 16 << 20
"""So many bytes of rows may wait in memory."""
_LONGEST_SHOWN = 4096
_ROW_BYTES = 16
_TABLE = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000;
CREATE TABLE seen (key BLOB, digest BLOB, cells BLOB, times INT, PRIMARY KEY (key, digest)) WITHOUT ROWID
"""
_COUNT = "INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times"
_UNEVEN = """
SELECT key, sum(max(times, 0)), sum(max(-times, 0)), max(iif(times > 0, cells, NULL)), max(iif(times < 0, cells, NULL))
FROM seen WHERE times <> 0 GROUP BY key ORDER BY place(key), key
"""


@dataclass(frozen=True, slots=True)
class Uneven:
    """Rows of one key (or equal rows, without a key) that one side has more often: `more` the first, `less` the other.

    `key` is None if it is too long to be shown. `places` are the cells that differ, of a row that both sides have once.
    """

    key: Row | None
    more: int
    less: int
    places: tuple[int, ...] = ()


@dataclass(slots=True)
class Tally:
    """Counts the lines of rows, see `snapshot/rows.py`. `key` are the key's places in a row; none: whole rows count."""

    key: Sequence[int]
    numeric: Sequence[int]
    """Which parts of the key are numbers also where they are text (decimals)."""
    opened: Callable[[], sqlite3.Connection]
    _waiting: dict[bytes, int] = field(default_factory=dict)
    _held_bytes: int = 0
    _down: bool = False

    def count(self, written: Iterable[bytes], step: int) -> None:
        """Count rows of a side: up (1) for the first, down (-1) for the other."""
        waiting = self._waiting
        for line in written:
            times = waiting.pop(line, 0)
            if times + step:
                waiting[line] = times + step
            self._held_bytes += len(line) * ((times + step != 0) - (times != 0))
        if self._held_bytes > HELD_BYTES:
            self._put_down()

    def uneven(self) -> Iterator[Uneven]:
        """What was not counted as often on both sides, in the order of keys: empty, numbers, text, bytes."""
        if not self._waiting and not self._down:
            return
        self._put_down()
        base = self.opened()
        base.create_function("place", 1, self._place, deterministic=True)
        for key, more, less, before, after in base.execute(_UNEVEN):
            places = _apart(before, after) if self.key and more == less == 1 else ()
            yield Uneven(_row(key), more, less, places)

    def _put_down(self) -> None:
        """Put what waits into the temporary file."""
        base = self.opened()
        base.execute("BEGIN")
        base.executemany(_COUNT, map(self._entry, self._waiting.items()))
        base.execute("COMMIT")
        self._waiting.clear()
        self._held_bytes, self._down = 0, True

    def _entry(self, counted: tuple[bytes, int]) -> tuple[bytes, bytes, bytes, int]:
        line, times = counted
        digest = hashlib.blake2b(line, digest_size=_ROW_BYTES).digest()
        if not self.key:
            return (line if len(line) <= _LONGEST_SHOWN else b""), digest, b"", times
        row = orjson.loads(line)
        key = orjson.dumps([row[place] for place in self.key])
        return key, digest, struct.pack(f"{len(row)}q", *map(hash, map(orjson.dumps, row))), times

    def _place(self, key: bytes) -> bytes:
        return b"".join(_ordered(cell, numeric=place in self.numeric) for place, cell in enumerate(_row(key) or ()))


@contextmanager
def tally(key: Sequence[int], numeric: Sequence[int] = (), scratch: Path | None = None) -> Iterator[Tally]:
    """A tally whose temporary file, made below `scratch` when it is needed, is gone at the end.

    Raises:
        ReconError: there is no room for it.
    """
    made: list[sqlite3.Connection] = []
    with ExitStack() as stack:

        def opened() -> sqlite3.Connection:
            if not made:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="recon-", dir=scratch))
                made.append(stack.enter_context(closing(sqlite3.connect(f"{folder}/rows", isolation_level=None))))
                made[0].executescript(_TABLE)
            return made[0]

        try:
            yield Tally(key, numeric, opened)
        except (sqlite3.Error, OSError) as exc:
            hint = "set `TMPDIR` to a folder with more room"
            raise ReconError("cannot compare: no temporary file", cause=str(exc), hint=hint) from exc


def _apart(before: bytes, after: bytes) -> tuple[int, ...]:
    pairs = zip(memoryview(before).cast("q"), memoryview(after).cast("q"), strict=True)
    return tuple(place for place, (one, other) in enumerate(pairs) if one != other)


def _row(key: bytes) -> Row | None:
    if not key:
        return None
    row = orjson.loads(key)
    lines.untag([row], range(len(row)))
    return cast("Row", tuple(row))


def _ordered(cell: Cell, *, numeric: bool) -> bytes:
    """A cell as bytes that sort like it; numbers by value, whatever their type."""
    if cell is None:
        return b"\0"
    if isinstance(cell, int | float):
        return b"\1" + _ordered_number(cell)
    if isinstance(cell, str):
        near = _near(cell) if numeric else None
        lead = b"\2" if near is None else b"\1" + _ordered_number(near)
        return lead + _ended(cell.encode("utf-8", "surrogatepass"))
    return b"\3" + _ended(cell)


def _ordered_number(number: float) -> bytes:
    """The nearest float, and what an integer has more than that."""
    near = float(number)
    rest = number - int(near) if isinstance(number, int) else 0
    (bits,) = struct.unpack(">Q", struct.pack(">d", near))
    turned = bits ^ ((1 << 64) - 1 if bits >> 63 else 1 << 63)
    return struct.pack(">QQ", turned, rest + (1 << 63))


def _near(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ended(text: bytes) -> bytes:
    return text.replace(b"\0", b"\0\xff") + b"\0\0"
