"""Looking at every value of a table: numbers by SQL, texts as a stream; parts of a table side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

from recon_cli.core.catalog import Cell, DeclaredTable
from recon_cli.migration.cells import Text
from recon_cli.migration.choose import affinity
from recon_cli.migration.profile import (
    ColumnProfile,
    Probe,
    TableProfile,
    look_at_reals,
    look_at_texts,
    probes,
)
from recon_cli.migration.reading import WHOLE, Reader, Span, Wanted, encoding_of
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted

_COUNTS = (
    "count({0})",
    "total(typeof({0}) = 'integer')",
    "total(typeof({0}) = 'text')",
    "total(typeof({0}) = 'blob')",
    "min(CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END)",
    "max(CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END)",
    "max(CASE WHEN typeof({0}) IN ('text', 'blob') THEN octet_length({0}) END)",
    "total(CASE WHEN typeof({0}) IN ('text', 'blob') THEN octet_length({0}) END)",
)
_MOST_TERMS = 200


def profile_table(db: apsw.Connection, table: DeclaredTable, rowid: str, span: Span = WHOLE) -> TableProfile:
    """What a span of a table holds. Generated columns are looked at too, for their type."""
    found = TableProfile()
    try:
        _count(db, table, rowid, span, found)
    except apsw.CorruptError:
        return _read_all(db, table, rowid, span)
    _stream(db, table, rowid, span, found)
    return found


def _count(db: apsw.Connection, table: DeclaredTable, rowid: str, span: Span, found: TableProfile) -> None:
    where, bound = (f" WHERE {rowid} BETWEEN ? AND ?", (span.first, span.last)) if rowid and span != WHOLE else ("", ())
    for start in range(0, max(1, len(table.columns)), _MOST_TERMS):
        columns = table.columns[start : start + _MOST_TERMS]
        terms = ["count(*)", *(term for column in columns for term in _terms(column.name, column.declared))]
        sql = f"SELECT {', '.join(terms)} FROM {quoted(table.name)}{where}"
        ((rows, *counts),) = ask(db, sql, bound)
        found.rows = rows
        for place, column in enumerate(columns):
            found.columns[column.name] = _counted(rows, counts[place * 8 : place * 8 + 8])


def _terms(name: str, declared: str) -> Iterator[str]:
    for place, term in enumerate(_COUNTS):
        numeric = affinity(declared) in {"integers", "reals"} and place >= 6  # noqa: PLR2004  the two sizes
        skipped = affinity(declared) == "texts" and place in {4, 5}
        yield "NULL" if skipped else "max(0)" if numeric and place == 6 else term.format(quoted(name))  # noqa: PLR2004


def _counted(rows: int, counts: Sequence[Any]) -> ColumnProfile:
    known, integers, texts, blobs, least, greatest, longest, total = counts
    return ColumnProfile(
        rows=rows,
        nulls=rows - known,
        integers=int(integers),
        texts=int(texts),
        blobs=int(blobs),
        reals=known - int(integers) - int(texts) - int(blobs),
        least=least,
        greatest=greatest,
        longest_bytes=int(longest or 0),
        total_bytes=int(total or 0),
    )


def _stream(db: apsw.Connection, table: DeclaredTable, rowid: str, span: Span, found: TableProfile) -> None:
    """Look at the values themselves, of the columns where counting is not enough."""
    chosen = [column for column in table.columns if _needs_look(table, found.columns[column.name], column.name)]
    if not chosen:
        return
    mixed = {column.name for column in chosen if len(found.columns[column.name].held) > 1}
    wanted = [
        Wanted(column.name, text=bool(found.columns[column.name].texts), mixed=column.name in mixed)
        for column in chosen
    ]
    longest = max(found.columns[column.name].longest_bytes for column in chosen)
    reader = Reader(db, table.name, wanted, rowid, longest if rowid else 0, encoding_of(db), found.unreadable)
    looks = [(found.columns[column.name], probes(table, column)) for column in chosen]
    for chunk in reader.chunks(span):
        for (profile, probe), cells in zip(looks, chunk.cells, strict=True):
            _look(profile, cells, probe)
    for _, chunk in reader.large(span):
        for (profile, probe), cells in zip(looks, chunk.cells, strict=True):
            _look(profile, cells, probe)


def _needs_look(table: DeclaredTable, profile: ColumnProfile, name: str) -> bool:
    column = table.column(name)
    assert column is not None  # it is one of the table's
    if profile.texts or len(profile.held) > 1:
        return True
    return bool(profile.reals) and bool(probes(table, column) & (Probe.DECIMAL | Probe.TEMPORAL))


def _look(profile: ColumnProfile, cells: Sequence[Cell], probe: Probe) -> None:
    """Texts are bytes where nothing else is stored, and `Text` where blobs are, too."""
    if len(profile.held) == 1 and profile.texts:
        texts = [cell for cell in cells if cell is not None] if None in cells else cells
        look_at_texts(profile, texts, probe)  # type: ignore[arg-type]  # texts only, as counted
        return
    look_at_texts(profile, [cell for cell in cells if isinstance(cell, Text)], probe)
    look_at_reals(profile, [cell for cell in cells if isinstance(cell, float)], probe)
    blobs = [cell for cell in cells if isinstance(cell, bytes) and not isinstance(cell, Text)]
    profile.text_blobs += sum(map(_could_be_text, blobs))


def _could_be_text(blob: bytes) -> bool:
    try:
        return "\0" not in blob.decode()
    except UnicodeDecodeError:
        return False


def _read_all(db: apsw.Connection, table: DeclaredTable, rowid: str, span: Span) -> TableProfile:
    """Without SQL's own counting, which a damaged page ends: row by row, past the damage."""
    found = TableProfile(columns={column.name: ColumnProfile() for column in table.columns})
    wanted = [Wanted(column.name, mixed=True) for column in table.columns]
    reader = Reader(db, table.name, wanted, rowid, 0, encoding_of(db), found.unreadable)
    for chunk in reader.chunks(span):
        found.rows += chunk.rows
        for column, cells in zip(table.columns, chunk.cells, strict=True):
            profile = found.columns[column.name]
            _count_cells(profile, cells)
            look_at_texts(profile, [cell for cell in cells if isinstance(cell, Text)], probes(table, column))
            look_at_reals(profile, [cell for cell in cells if isinstance(cell, float)], probes(table, column))
    return found


def _count_cells(profile: ColumnProfile, cells: Sequence[Cell]) -> None:
    profile.rows += len(cells)
    profile.nulls += sum(cell is None for cell in cells)
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    profile.integers += sum(isinstance(cell, int) for cell in numbers)
    profile.reals += sum(isinstance(cell, float) for cell in numbers)
    texts = [cell for cell in cells if isinstance(cell, Text)]
    blobs = [cell for cell in cells if isinstance(cell, bytes) and not isinstance(cell, Text)]
    profile.texts += len(texts)
    profile.blobs += len(blobs)
    profile.text_blobs += sum(map(_could_be_text, blobs))
    sizes = [len(cell) for cell in (*texts, *blobs)]
    profile.longest_bytes = max([profile.longest_bytes, *sizes])
    profile.total_bytes += sum(sizes)
    known = [value for value in (profile.least, profile.greatest) if value is not None]
    profile.least = min([*numbers, *known], default=None)
    profile.greatest = max([*numbers, *known], default=None)
