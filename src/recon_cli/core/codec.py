"""Changes and evidence as JSON documents and back: what stands in plan files and undo journals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recon_cli.core.canonical import Json, Value, decode, encode
from recon_cli.core.evidence import Evidence
from recon_cli.core.plan import Change, ChangeKind, Conflict
from recon_cli.core.record import Fingerprint


def dump_row(values: Mapping[str, Value] | None) -> Json:
    """A row with its odd values tagged; None stays None."""
    return None if values is None else {name: encode(value) for name, value in values.items()}


def load_row(document: Any) -> dict[str, Value] | None:  # noqa: ANN401  the edge where JSON comes in
    """The inverse of `dump_row`."""
    return None if document is None else {str(name): decode(cell) for name, cell in document.items()}


def dump_change(change: Change) -> dict[str, Json]:
    """One change as JSON data."""
    return {
        "kind": change.kind.value,
        "table": change.table,
        "key": [encode(part) for part in change.key],
        "after": dump_row(change.after),
        "before": dump_row(change.before),
        "evidence": dump_evidence(change.evidence),
        "reason": change.reason,
    }


def load_change(document: Mapping[str, Any]) -> Change:
    """The inverse of `dump_change`.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: the document is not a change.
    """
    return Change(
        ChangeKind(document["kind"]),
        document["table"],
        tuple(decode(part) for part in document["key"]),
        load_row(document["after"]),
        load_row(document["before"]),
        {name: tuple(map(_load_evidence, items)) for name, items in document["evidence"].items()},
        document["reason"],
    )


def dump_evidence(evidence: Mapping[str, tuple[Evidence, ...]]) -> dict[str, Json]:
    """The candidates of each field, the chosen one first."""
    return {name: [one.document() for one in candidates] for name, candidates in evidence.items()}


def dump_conflict(conflict: Conflict) -> dict[str, Json]:
    """One conflict as JSON data."""
    return {
        "table": conflict.table,
        "key": [encode(part) for part in conflict.key],
        "column": conflict.column,
        "have": encode(conflict.have),
        "candidates": [one.document() for one in conflict.candidates],
        "note": conflict.note,
    }


def load_conflict(document: Mapping[str, Any]) -> Conflict:
    """The inverse of `dump_conflict`."""
    return Conflict(
        document["table"],
        tuple(decode(part) for part in document["key"]),
        document["column"],
        decode(document["have"]),
        tuple(map(_load_evidence, document["candidates"])),
        document["note"],
    )


def dump_fingerprints(prints: Mapping[str, Fingerprint]) -> dict[str, Json]:
    """Fingerprints by table."""
    return {table: {"rows": one.rows, "digest": one.digest} for table, one in prints.items()}


def load_fingerprints(document: Mapping[str, Any]) -> dict[str, Fingerprint]:
    """The inverse of `dump_fingerprints`."""
    return {table: Fingerprint(int(one["rows"]), str(one["digest"])) for table, one in document.items()}


def _load_evidence(document: Mapping[str, Any]) -> Evidence:
    return Evidence(
        decode(document["value"]),
        document["source"],
        document["method"],
        float(document["confidence"]),
        document.get("note", ""),
    )
