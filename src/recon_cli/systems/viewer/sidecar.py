"""`_recon.json`: the row of a model beside its files, so that the next recovery is exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from recon_cli.core.canonical import Value
from recon_cli.core.codec import dump_row, load_row
from recon_cli.core.entry import Entry
from recon_cli.core.evidence import Finding
from recon_cli.core.ports import Reader
from recon_cli.core.report import Problem
from recon_cli.systems.base import Item
from recon_cli.systems.viewer import sources
from recon_cli.systems.viewer.layout import SIDECAR

SCHEMA = "recon.sidecar/1"
_LARGEST = 1 << 20


def body(finding: Finding, item: Item) -> tuple[str, Mapping[str, object]]:
    """Path and body of the sidecar: the row, and the sizes of the files it was written for."""
    sizes = {entry.path.removeprefix(f"{item.folder}/"): entry.size_bytes for entry in item.files}
    row = dump_row(finding.record.values)
    return f"{item.folder}/{SIDECAR}", {
        "schema": SCHEMA,
        "system": "viewer",
        "table": "models",
        "row": row,
        "files": sizes,
    }


def read(entry: Entry, item: Item, reader: Reader) -> sources.Source | Problem:
    """A sidecar as a source, or why it is none."""
    try:
        document: Any = json.loads(reader.head(entry, _LARGEST))
        row = _row(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        return Problem(entry.path, "unreadable sidecar", str(exc))
    if row.get("id") != item.key[0]:
        return Problem(entry.path, "the sidecar is another model's", str(row.get("id")))
    return sources.of_sidecar(entry.path, str(item.key[0]), row, outdated=_outdated(document, item))


def _row(document: Any) -> dict[str, Value]:  # noqa: ANN401  the edge where JSON comes in
    if document["schema"] != SCHEMA:
        raise ValueError(f"schema {document['schema']!r}")
    row = load_row(document["row"])
    if row is None:
        raise ValueError("no row")
    return row


def _outdated(document: Any, item: Item) -> bool:  # noqa: ANN401  same
    """Whether the files are not those the sidecar was written for."""
    then = document.get("files")
    now = {entry.path.removeprefix(f"{item.folder}/"): entry.size_bytes for entry in item.files}
    return item.complete and isinstance(then, dict) and then != now
