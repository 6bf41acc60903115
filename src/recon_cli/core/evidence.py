"""Evidence: where a field's value came from, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recon_cli.core.canonical import Json, Value, encode
from recon_cli.core.record import Record


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate for one field.

    `source` is a path (or `path#table`) that can be opened again; `method` a slug such as `database-copy` or
    `bounding-box`; `confidence` runs from 0 (a guess) to 1 (the value itself, copied).
    """

    value: Value
    source: str
    method: str
    confidence: float
    note: str = ""

    def document(self) -> dict[str, Json]:
        """JSON-ready form, as it stands in plans and `--json`."""
        body: dict[str, Json] = {
            "value": encode(self.value),
            "source": self.source,
            "method": self.method,
            "confidence": round(self.confidence, 3),
        }
        return {**body, "note": self.note} if self.note else body


@dataclass(frozen=True, slots=True)
class Finding:
    """A record rebuilt from evidence: for each field the candidates, the chosen one first.

    `missing` is the reason when the record is known but its files are gone.
    """

    record: Record
    evidence: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    missing: str = ""


def choose(*candidates: Evidence | None) -> tuple[Evidence, ...]:
    """The candidates that exist, surest first; equals keep the order given."""
    return tuple(sorted((one for one in candidates if one is not None), key=lambda one: -one.confidence))
