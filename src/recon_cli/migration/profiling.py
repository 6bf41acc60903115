"""Looking at every value of a table: numbers by SQL, texts as a stream; parts of a table side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import apsw

from recon_cli.core.catalog import Cell, DeclaredTable, Generated
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
from recon_cli.migration.reading import WHOLE, Chunk, Reader, Span, Wanted, encoding_of
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted

_TERMS = {
    "known": "total(typeof({0}) <> 'null')",  # count() would load a value of 200 MB
    "integers": "total(typeof({0}) = 'integer')",
    "texts": "total(typeof({0}) = 'text')",
    "blobs": "total(typeof({0}) = 'blob')",
    "least": "min(CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END)",
    "greatest": "max(CASE WHEN typeof({0}) IN ('integer', 'real') THEN {0} END)",
    "longest": "max(CASE WHEN typeof({0}) IN ('text', 'blob') THEN octet_length({0}) END)",
    "total": "total(CASE WHEN typeof({0}) IN ('text', 'blob') THEN octet_length({0}) END)",
}
_QUICK = {
    "integers": {"known": "count({0})", "integers": "count({0})"},
    "reals": {"known": "count({0})"},
    "texts": {
        "known": "total(typeof({0}) <> 'null')",
        "blobs": "total(typeof({0}) = 'blob')",
        "longest": "max(octet_length({0}))",
        "total": "total(octet_length({0}))",
    },
}
"""What is counted of a column where a quick look will do: the rest is assumed, and found out while copying."""
_MOST_TERMS = 1500
_SAMPLE_ROWS = 200


def profile_table(
    db: apsw.Connection, table: DeclaredTable, rowid: str, span: Span = WHOLE, *, quick: bool = False
) -> TableProfile:
    """What a span of a table holds. Generated columns are looked at too, for their type.

    `quick` assumes of a column of INTEGER, REAL or TEXT affinity that it holds what it should, and of times and JSON
    that they all look as some of them do. What copies by such a profile has to notice what does not fit.
    """
    found = TableProfile()
    assumed = _assumed(table) if quick else {}
    try:
        _count(db, table, rowid, span, found, assumed)
    except apsw.CorruptError:
        return _read_all(db, table, rowid, span)
    _sample(db, table, rowid, span, found, assumed)
    _stream(db, table, rowid, span, found, assumed)
    return found


def _assumed(table: DeclaredTable) -> dict[str, str]:
    """Which columns are looked at quickly, and what they are assumed to hold; `` where that is counted."""
    if any(column.generated is not Generated.NO for column in table.columns) or "virtual" in table.options:
        return {}
    found = {}
    for column in table.columns:
        probe = probes(table, column)
        if probe is Probe.NONE and affinity(column.declared) in _QUICK:
            found[column.name] = affinity(column.declared)
        elif probe in {Probe.TEMPORAL, Probe.JSON}:
            found[column.name] = ""
    return found


def _count(
    db: apsw.Connection,
    table: DeclaredTable,
    rowid: str,
    span: Span,
    found: TableProfile,
    assumed: Mapping[str, str],
) -> None:
    where, bound = (f" WHERE {rowid} BETWEEN ? AND ?", (span.first, span.last)) if rowid and span != WHOLE else ("", ())
    ways = {column.name: _QUICK.get(assumed.get(column.name, ""), _terms(column.declared)) for column in table.columns}
    wanted = [
        (column.name, word, term.format(quoted(column.name)))
        for column in table.columns
        for word, term in ways[column.name].items()
    ]
    counts: dict[str, dict[str, Any]] = {column.name: {} for column in table.columns}
    for start in range(0, max(1, len(wanted)), _MOST_TERMS):
        part = wanted[start : start + _MOST_TERMS]
        sql = f"SELECT {', '.join(['count(*)', *(term for *_, term in part)])} FROM {quoted(table.name)}{where}"
        ((found.rows, *values),) = ask(db, sql, bound)
        for (name, word, _), value in zip(part, values, strict=True):
            counts[name][word] = value
    for column in table.columns:
        found.columns[column.name] = _counted(found.rows, counts[column.name], assumed.get(column.name, ""))


def _terms(declared: str) -> Mapping[str, str]:
    """Texts have no bounds worth knowing, numbers no sizes."""
    if affinity(declared) != "texts":
        return _TERMS
    return {word: term for word, term in _TERMS.items() if word not in {"least", "greatest"}}


def _counted(rows: int, counts: Mapping[str, Any], assumed: str) -> ColumnProfile:
    known, blobs = int(counts["known"]), int(counts.get("blobs") or 0)
    texts = known - blobs if assumed == "texts" else int(counts.get("texts") or 0)
    integers = int(counts.get("integers") or 0)
    return ColumnProfile(
        rows=rows,
        nulls=rows - known,
        integers=integers,
        texts=texts,
        blobs=blobs,
        reals=known - integers - texts - blobs,
        least=counts.get("least"),
        greatest=counts.get("greatest"),
        longest_bytes=int(counts.get("longest") or 0),
        total_bytes=int(counts.get("total") or 0),
    )


def _sample(
    db: apsw.Connection,
    table: DeclaredTable,
    rowid: str,
    span: Span,
    found: TableProfile,
    assumed: Mapping[str, str],
) -> None:
    """Look at the first values of a span, of columns of times and JSON that are assumed to go on as they begin."""
    for name, what in assumed.items():
        if what or found.columns[name].held != {"texts"}:
            continue
        reader = Reader(db, table.name, [Wanted(name, text=True)], rowid, 0, encoding_of(db))
        column = table.column(name)
        assert column is not None  # it is one of the table's
        seen = 0
        for chunk in reader.chunks(span):
            texts = [cell for cell in chunk.cells[0] if isinstance(cell, bytes)]
            look_at_texts(found.columns[name], texts, probes(table, column))
            seen += len(texts)
            if seen >= _SAMPLE_ROWS:
                break


def _stream(
    db: apsw.Connection,
    table: DeclaredTable,
    rowid: str,
    span: Span,
    found: TableProfile,
    assumed: Mapping[str, str],
) -> None:
    """Look at the values themselves, of the columns where counting is not enough."""
    chosen = [
        column
        for column in table.columns
        if _needs_look(table, found.columns[column.name], column.name)
        and not (column.name in assumed and found.columns[column.name].held <= {"texts"})
    ]
    if not chosen:
        return
    mixed = {column.name for column in chosen if len(found.columns[column.name].held) > 1}
    wanted = [
        Wanted(column.name, text=bool(found.columns[column.name].texts), mixed=column.name in mixed)
        for column in chosen
    ]
    longest = max(found.columns[column.name].longest_bytes for column in chosen)
    reader = Reader(db, table.name, wanted, rowid, longest if rowid else 0, encoding_of(db), damage=found.unreadable)
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
    reader = Reader(db, table.name, wanted, rowid, 0, encoding_of(db), damage=found.unreadable)
    for chunk in reader.chunks(span):
        count_chunk(found, table, chunk)
    return found


def count_chunk(found: TableProfile, table: DeclaredTable, chunk: Chunk) -> None:
    """Count some rows in whose columns are all read as `mixed`."""
    found.rows += chunk.rows
    for column, cells in zip(table.columns, chunk.cells, strict=True):
        profile = found.columns[column.name]
        _count_cells(profile, cells)
        look_at_texts(profile, [bytes(cell) for cell in cells if isinstance(cell, Text)], probes(table, column))
        look_at_reals(profile, [cell for cell in cells if isinstance(cell, float)], probes(table, column))


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
