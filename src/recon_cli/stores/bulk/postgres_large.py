"""Cells of many megabytes, fetched in pieces: libpq would hold such a row three times over.

The query leaves such cells out and says where their row is; the pieces come over another connection on the snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from recon_cli.core.catalog import Cell, DeclaredColumn, Kind
from recon_cli.stores.bulk.base import Row
from recon_cli.stores.bulk.postgres_link import literal, quote

Ask: TypeAlias = Callable[[str], tuple[Any, ...]]

_PIECE_BYTES = 4 << 20


def may_be_large(column: DeclaredColumn) -> bool:
    """Whether the length of a cell is known without reading it, and a part of it can be asked for."""
    return column.kind is Kind.BYTES or column.declared in {"bytea", "text", "character varying"}


def expressions(columns: Sequence[DeclaredColumn], expression: Callable[[DeclaredColumn], str]) -> list[str]:
    """The columns, large cells as NULL; and last where the row is, if there is such a cell in it."""
    large = [f"octet_length({quote(column.name)}) > {_PIECE_BYTES}" for column in columns if may_be_large(column)]
    wanted = [_small(column) if may_be_large(column) else expression(column) for column in columns]
    return [*wanted, f"CASE WHEN {' OR '.join(large) or 'FALSE'} THEN tableoid::text || ' ' || ctid::text END"]


def _small(column: DeclaredColumn) -> str:
    name = quote(column.name)
    return f"CASE WHEN octet_length({name}) <= {_PIECE_BYTES} THEN {name} END"


def whole(source: str, columns: Sequence[DeclaredColumn], rows: Iterator[Row], ask: Ask) -> Iterator[Row]:
    """The rows of a query of `expressions` with their large cells."""
    for row in rows:
        place = row[-1]
        yield row[:-1] if place is None else tuple(_filled(source, columns, row, ask))


def _filled(source: str, columns: Sequence[DeclaredColumn], row: Row, ask: Ask) -> Iterator[Cell]:
    home, _, place = str(row[-1]).partition(" ")
    found = f"FROM {source} WHERE tableoid = {int(home)} AND ctid = {literal(place)}"
    for cell, column in zip(row, columns, strict=False):
        yield _pieced(column, found, ask) if cell is None and may_be_large(column) else cell


def _pieced(column: DeclaredColumn, found: str, ask: Ask) -> Cell:
    name = quote(column.name)
    body = name if column.kind is Kind.BYTES else f"convert_to({name}, 'UTF8')"
    pieces: list[bytes] = []
    while True:
        start = len(pieces) * _PIECE_BYTES + 1
        (piece,) = ask(f"SELECT substring({body} FROM {start} FOR {_PIECE_BYTES}) {found}")
        if piece is None:
            return None
        pieces.append(piece)
        if len(piece) < _PIECE_BYTES:
            break
    joined = b"".join(pieces)
    return joined if column.kind is Kind.BYTES else joined.decode()
