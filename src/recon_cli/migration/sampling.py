"""A profile out of a few rows, for what copies strictly.

Every value is looked at again on its way; one that the sample did not promise ends the run, and the next plan is made
of all values.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from recon_cli.core.catalog import DeclaredColumn, DeclaredTable, Generated
from recon_cli.migration.profile import ColumnProfile, Probe, TableProfile, probes
from recon_cli.migration.profiling import count_chunk
from recon_cli.migration.reading import LARGE_BYTES, Chunk, Reader, Span, Wanted, encoding_of
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted

_LEAST_ROWS = 5000
_PLACES = 16
_MOST_COLUMNS = 64
_KNOWN = Probe.TEMPORAL | Probe.BOOLEAN | Probe.JSON


def sample_table(db: apsw.Connection, table: DeclaredTable, rowid: str) -> TableProfile | None:
    """What a table holds, by rows from all parts of it; None where every value has to be looked at."""
    if not rowid or not _plain(table) or encoding_of(db):
        return None
    try:
        rows = int(ask(db, f"SELECT count(*) FROM {quoted(table.name)}")[0][0])
        if rows < _LEAST_ROWS:
            return None
        with _no_large_cells(db):
            found = _looked(db, table, rowid)
    except (apsw.CorruptError, apsw.TooBigError):
        return None
    if not all(_certain(table, column, found.columns[column.name]) for column in table.columns):
        return None
    for profile in found.columns.values():
        profile.total_bytes = profile.total_bytes * rows // found.rows
        profile.rows = rows
    found.rows = rows
    return found


def _plain(table: DeclaredTable) -> bool:
    odd = any(column.generated is not Generated.NO or probes(table, column) & ~_KNOWN for column in table.columns)
    return not odd and "virtual" not in table.options and len(table.columns) <= _MOST_COLUMNS


@contextmanager
def _no_large_cells(db: apsw.Connection) -> Iterator[None]:
    longest = db.limit(apsw.SQLITE_LIMIT_LENGTH, LARGE_BYTES)
    try:
        yield
    finally:
        db.limit(apsw.SQLITE_LIMIT_LENGTH, longest)


def _looked(db: apsw.Connection, table: DeclaredTable, rowid: str) -> TableProfile:
    found = TableProfile(columns={column.name: ColumnProfile() for column in table.columns})
    ((least, greatest),) = ask(db, f"SELECT min({rowid}), max({rowid}) FROM {quoted(table.name)}")
    step = max(1, (greatest - least) // _PLACES)
    for start in range(least, greatest + 1, step):
        chunk = _rows_from(db, table, rowid, start)
        if chunk is not None:
            count_chunk(found, table, chunk)
    for name in [name for name, profile in found.columns.items() if not profile.held]:
        where = f"SELECT {rowid} FROM {quoted(table.name)} WHERE {quoted(name)} IS NOT NULL LIMIT 1"
        for (number,) in ask(db, where):
            chunk = _rows_from(db, table, rowid, number)
            assert chunk is not None  # the row is there
            count_chunk(found, table, chunk)
    return found


def _rows_from(db: apsw.Connection, table: DeclaredTable, rowid: str, start: int) -> Chunk | None:
    wanted = [Wanted(column.name, mixed=True) for column in table.columns]
    return next(Reader(db, table.name, wanted, rowid).chunks(Span(start)), None)


def _certain(table: DeclaredTable, column: DeclaredColumn, profile: ColumnProfile) -> bool:
    """Whether a strict copy by this profile finds out whatever the sample did not show."""
    if profile.nulls and (not column.nullable or column.name in table.key):
        return False
    if len(profile.held) > 1 or not profile.clean:
        return False
    probe: Probe = probes(table, column)
    if probe & Probe.BOOLEAN:
        return profile.held <= {"integers"}
    return not (probe & Probe.TEMPORAL and profile.reals)
