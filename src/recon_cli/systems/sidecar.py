"""`_recon.json`: a record's row beside its files, so that the next recovery is exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recon_cli.core.canonical import Json, Value
from recon_cli.core.codec import dump_row, load_row
from recon_cli.core.entry import Entry
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.evidence import Finding
from recon_cli.core.json_text import loads
from recon_cli.core.ports import Reader
from recon_cli.core.report import Problem
from recon_cli.systems.base import Item
from recon_cli.systems.folders import SIDECAR

SCHEMA = "recon.sidecar/1"
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A row as it was written; `outdated` when the files are not those it was written for."""

    row: Mapping[str, Value]
    outdated: bool


def body(finding: Finding, item: Item, *, system: str) -> tuple[str, Mapping[str, Json]]:
    """Path and body of the sidecar: the row, and the sizes of the files it was written for."""
    return f"{item.folder}/{SIDECAR}", {
        "schema": SCHEMA,
        "system": system,
        "table": finding.record.table,
        "row": dump_row(finding.record.values),
        "files": _sizes(item),
    }


def read(entry: Entry, item: Item, reader: Reader, *, system: str, key: str) -> Sidecar | Problem:
    """The sidecar of an item, or why it is none; `key` is the column that must name the item."""
    try:
        document: Any = loads(reader.head(entry, _LARGEST))
        row = _row(document, system)
        if row.get(key) != item.key[0]:
            return Problem(entry.path, "the sidecar is another record's")
        then = document.get("files")
    except (ValueError, KeyError, TypeError, AttributeError, NotFoundError, DataError) as exc:
        return Problem(entry.path, "unreadable sidecar", str(exc))
    return Sidecar(row, outdated=item.complete and isinstance(then, dict) and then != _sizes(item))


def _row(document: Any, system: str) -> dict[str, Value]:  # noqa: ANN401  the edge where JSON comes in
    if (document["schema"], document["system"]) != (SCHEMA, system):
        raise ValueError(f"schema {document['schema']!r} of system {document['system']!r}")
    row = load_row(document["row"])
    if not row:
        raise ValueError("no row")
    return row


def _sizes(item: Item) -> dict[str, int | None]:
    return {entry.path.removeprefix(f"{item.folder}/"): entry.size_bytes for entry in item.files}
