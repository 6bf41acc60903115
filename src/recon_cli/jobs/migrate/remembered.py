"""What a finished migration leaves in the state folder: its plan, and how far each table was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recon_cli.jobs.migrate.outcome import Outcome
from recon_cli.jobs.migrate.session import Session
from recon_cli.migration import planfile
from recon_cli.migration.plan import MigrationPlan
from recon_cli.migration.target import Target
from recon_cli.ops import atomic, paths
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted


@dataclass(frozen=True, slots=True)
class Remembered:
    """The plan, and the largest row number of each table."""

    plan: MigrationPlan
    marks: dict[str, int]


def keep(state_dir: Path, plan: MigrationPlan, target: Target, outcome: Outcome, session: Session) -> None:
    """Remember a finished migration."""
    marks = {
        table.name: ask(session.db, f"SELECT max({table.rowid}) FROM {quoted(table.name)}")[0][0]  # noqa: S608  quoted
        for table in plan.included
        if table.rowid and not outcome.damage
    }
    body = {"plan": planfile.document(plan), "marks": marks}
    atomic.write_file(_path(state_dir, plan.source, target), [json.dumps(body).encode()])


def found(state_dir: Path, source: str, target: Target) -> Remembered | None:
    """What is remembered of a migration between these two."""
    try:
        raw: Any = json.loads(_path(state_dir, source, target).read_bytes())
        return Remembered(planfile.parse(raw["plan"], "the plan in the state folder"), dict(raw["marks"]))
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _path(state_dir: Path, source: str, target: Target) -> Path:
    name = hashlib.sha256(f"{source}\0{target.link.url}\0{target.schema}".encode()).hexdigest()[:20]
    return paths.private_dir(state_dir / "migrations") / f"{name}.json"
