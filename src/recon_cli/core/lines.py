"""Rows as the lines of a snapshot, where a compiled reader gives or takes them so; docs/design/snapshot-format.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recon_cli.core.catalog import Cell


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of one shard of a table cut by key ranges, written. `rows` are at least one, `last` is the last one's key.

    `tagged` are the places in a row where a cell is an object in these rows, or was one in rows before them.
    """

    text: bytes
    rows: int
    last: int
    tagged: frozenset[int]

    def __len__(self) -> int:
        return self.rows


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a snapshot that are to be read: `rows` of them, of a file whose digest was right.

    `tagged` are the places in a row where a cell may be an object. `decoded` reads any of the lines; what is no row is
    a DataError that names the file.
    """

    text: bytes
    rows: int
    tagged: tuple[int, ...]
    decoded: Callable[[bytes], list[tuple[Cell, ...]]]

    def __len__(self) -> int:
        return self.rows
