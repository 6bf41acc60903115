"""Plan files: what `recover` decided, bound to the target it was decided for. Written, shown, reviewed, applied."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recon_cli.core import codec
from recon_cli.core.canonical import Json, dumps, pretty
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.json_text import loads
from recon_cli.core.plan import Change, ChangeKind, Conflict
from recon_cli.core.record import Fingerprint
from recon_cli.core.report import Problem

SCHEMA = "recon.plan/1"
_AGAIN = "make the plan again with `recon recover`"


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan for one target. `base` is the content of every touched table when the plan was made."""

    system: str
    shape: str
    source: str
    target: str
    made_at: str
    base: Mapping[str, Fingerprint]
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...] = ()
    unchanged: int = 0
    problems: tuple[Problem, ...] = ()
    source_name: str = ""
    target_name: str = ""

    @property
    def ends(self) -> str:
        """From where to where, by the names of `recon.toml` where there are any."""
        return f"{self.source_name or self.source} → {self.target_name or self.target}"

    def count(self, kind: ChangeKind, *, tables: frozenset[str] | None = None) -> int:
        """How many changes are of this kind, in these tables."""
        return sum(1 for one in self.changes if one.kind is kind and (tables is None or one.table in tables))

    def document(self) -> dict[str, Json]:
        """The plan as it stands in a file; `load` is the exact inverse."""
        return {
            "schema": SCHEMA,
            "system": self.system,
            "shape": self.shape,
            "source": self.source,
            "target": self.target,
            "source_name": self.source_name,
            "target_name": self.target_name,
            "made_at": self.made_at,
            "base": codec.dump_fingerprints(self.base),
            "unchanged": self.unchanged,
            "changes": [codec.dump_change(change) for change in self.changes],
            "conflicts": [codec.dump_conflict(conflict) for conflict in self.conflicts],
            "problems": [problem.document() for problem in self.problems],
        }

    def digest(self) -> str:
        """SHA-256 (hex) of the canonical document: what a run remembers of its plan."""
        return hashlib.sha256(dumps(self.document())).hexdigest()

    def text(self) -> bytes:
        """The document for a file: indented, UTF-8, one trailing newline."""
        return pretty(self.document())


def read(path: Path) -> PlanFile:
    """Read a plan file.

    Raises:
        NotFoundError: there is no such file.
        DataError: the file is not a plan, or not one of this version.
    """
    try:
        document = loads(path.read_bytes())
    except FileNotFoundError as exc:
        raise NotFoundError(f"no plan file at {path}", hint="make one with `recon recover … --plan-out FILE`") from exc
    except (OSError, ValueError) as exc:
        raise DataError(f"cannot read the plan file {path}", cause=str(exc), hint=_AGAIN) from exc
    return load(document, str(path))


def load(document: Any, where: str) -> PlanFile:  # noqa: ANN401  the edge where JSON comes in
    """A plan from its document; `where` names it in errors."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        cause = f"schema is {found!r}, not {SCHEMA!r}"
        raise DataError(f"{where} is not a plan of this version", cause=cause, hint=_AGAIN)
    try:
        return PlanFile(
            document["system"],
            document["shape"],
            document["source"],
            document["target"],
            document["made_at"],
            codec.load_fingerprints(document["base"]),
            tuple(map(codec.load_change, document["changes"])),
            tuple(map(codec.load_conflict, document["conflicts"])),
            document["unchanged"],
            tuple(Problem(one["item"], one["reason"], one.get("detail", "")) for one in document["problems"]),
            document["source_name"],
            document["target_name"],
        )
    except (KeyError, ValueError, TypeError, AttributeError) as exc:
        raise DataError(f"{where} is damaged", cause=f"{type(exc).__name__}: {exc}", hint=_AGAIN) from exc
