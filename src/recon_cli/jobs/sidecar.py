"""Sidecars: a small `_recon.json` beside each item, so that the next recovery is exact without any database."""

from __future__ import annotations

from dataclasses import replace

from recon_cli.core.canonical import Value, pretty
from recon_cli.core.errors import ReconError
from recon_cli.core.evidence import Finding
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.core.schema import Column, ColumnType, Schema, parse_timestamp
from recon_cli.files.base import FileStore, read_all
from recon_cli.jobs import marks
from recon_cli.jobs.survey import Survey
from recon_cli.stores.base import RecordStore
from recon_cli.systems.base import System


def write_all(
    system: System, files: FileStore, store: RecordStore, found: Survey, *, shape: str
) -> tuple[Problem, ...]:
    """Write the sidecar of every finding whose folder is there, as its row now stands in `store`.

    A sidecar that is already right is left alone.

    Returns:
        One Problem for each sidecar that could not be written.
    """
    schema = system.schemas(shape)[0]
    by_key = {marks.row_key(item.key): item for item in found.items}
    rows = {marks.row_key(schema.key_of(row)): row for row in store.read(schema.table)}
    problems: list[Problem] = []
    for finding in found.derived.findings.get(schema.table, ()):
        key = marks.row_key(schema.key_of(finding.record))
        item = by_key.get(key)
        wanted = None if item is None else system.sidecar(_as_stored(finding, rows.get(key), schema), item)
        if wanted is not None:
            path, body = wanted
            problems += _write(files, path, pretty(body))
    return tuple(problems)


def _as_stored(finding: Finding, row: Record | None, schema: Schema) -> Finding:
    """The finding with the store's value wherever the two differ: a conflict that the store won stays won."""
    if row is None:
        return finding
    values = dict(finding.record.values)
    for name, found in values.items():
        column, stored = schema.column(name), row.values.get(name)
        if name in row.values and not column.same(stored, found):
            values[name] = _read_back(column, stored)
    return replace(finding, record=Record(schema.table, values))


def _read_back(column: Column, stored: Value) -> Value:
    if column.type is not ColumnType.TIMESTAMP or stored is None:
        return stored
    try:
        return parse_timestamp(stored)
    except ValueError:
        return stored


def _write(files: FileStore, path: str, text: bytes) -> list[Problem]:
    try:
        if not _is_there(files, path, text):
            files.write(path, [text])
    except ReconError as exc:
        return [Problem(path, f"sidecar not written: {exc.message}", exc.cause or "")]
    return []


def _is_there(files: FileStore, path: str, text: bytes) -> bool:
    try:
        return read_all(files, path) == text
    except ReconError:
        return False
