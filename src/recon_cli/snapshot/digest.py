"""What the shards of a table would be, without writing any: so rows in a database are compared with a snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.lines import Lines
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.content import Summing
from recon_cli.snapshot.cut import Cut, Cutter, Row
from recon_cli.snapshot.manifest import Shard
from recon_cli.snapshot.write import Part


def by_shard(table: DeclaredTable, cut: Cut, chunks: Iterable[Sequence[Row] | Lines]) -> Part:
    """The shards of a span as they would be without compression, with their sizes and SHA-256; no content sum.

    Raises:
        DataError: a cell is no `Cell`.
    """
    cutter, floats = Cutter(cut, table.key_positions), lines.floats(table)
    found: list[_Sums] = []

    def named(name: str) -> _Sums:
        if not found or found[-1].name != name:
            found.append(_Sums(name))
        return found[-1]

    for rows in chunks:
        if isinstance(rows, Lines):
            named(cutter.name_of(rows.last)).add_text(rows.text, rows.rows)
            continue
        for piece in cutter.pieces(rows):
            named(piece.name).add(piece.rows, floats)
    return Part(tuple(one.shard() for one in found), sum(one.rows for one in found))


def row_by_row(table: DeclaredTable, chunks: Iterable[Sequence[Row] | Lines], summing: Summing) -> Part:
    """The rows and the content sum of a span, whatever its shards are.

    Raises:
        DataError: a cell is no `Cell`.
    """
    floats = lines.floats(table)
    count = content = 0
    for rows in chunks:
        count += len(rows)
        if isinstance(rows, Lines):
            content += summing.of_text(rows.text)
        else:
            content += sum(summing.of_lines(found) for found in _lines(rows, floats))
    return Part(rows=count, content=content)


def _lines(rows: Sequence[Row], floats: Sequence[int]) -> Iterator[list[bytes]]:
    """Rows that are large one by one, for each costs as much again as text."""
    if rows and not (lines.is_large(rows[0]) or lines.is_large(rows[-1])):
        yield lines.encode_lines(rows, floats)[0]
        return
    for row in rows:
        yield lines.encode_lines([row], floats)[0]


class _Sums:
    """One shard."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self._size_bytes = 0
        self._digest = hashlib.sha256()

    def add(self, rows: Sequence[Row], floats: Sequence[int]) -> None:
        self.rows += len(rows)
        if lines.is_large(rows[0]) or lines.is_large(rows[-1]):
            for row in rows:
                self._take(lines.parts(row))
        else:
            self._take([lines.encode(rows, floats)])

    def add_text(self, text: bytes, rows: int) -> None:
        self.rows += rows
        self._take([text])

    def _take(self, texts: Iterable[bytes]) -> None:
        for text in texts:
            self._digest.update(text)
            self._size_bytes += len(text)

    def shard(self) -> Shard:
        return Shard(self.name, self.rows, self._size_bytes, self._digest.hexdigest(), self._size_bytes)
