"""What a finished migration leaves in the state folder: its plan, and how far each table was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recon_cli.core.catalog import Cell
from recon_cli.core.json_text import loads
from recon_cli.jobs.migrate.outcome import Outcome
from recon_cli.jobs.migrate.session import Session
from recon_cli.migration import planfile
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.migration.target import Target, check_item, foreign_key_item, index_item, key_item
from recon_cli.ops import atomic, paths
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted


@dataclass(frozen=True, slots=True)
class Remembered:
    """The plan, and of each table the largest row number (under the empty name) and the latest of each time column."""

    plan: MigrationPlan
    marks: dict[str, dict[str, Cell]]
    skipped: dict[str, list[int]]
    """Row numbers that were refused, by table."""


def keep(state_dir: Path, plan: MigrationPlan, target: Target, outcome: Outcome, session: Session) -> None:
    """Remember a finished migration."""
    marks = {} if outcome.damage else {table.name: _marks(session, table) for table in plan.included}
    refused = {one.item for one in outcome.left_out}
    plan = replace(plan, tables=tuple(_without(table, refused) for table in plan.tables))
    body = {
        "plan": planfile.document(plan),
        "marks": marks,
        "skipped": {name: list(rows) for name, rows in outcome.skipped.items()},
    }
    atomic.write_file(_path(state_dir, plan.source, target), [json.dumps(body).encode()])


def _marks(session: Session, table: TablePlan) -> dict[str, Cell]:
    names = [one.name for one in table.columns if any(word in one.declared.upper() for word in ("DATE", "TIME"))]
    terms = {name: f"max({quoted(name)})" for name in names}
    terms |= {"": f"max({table.rowid})"} if table.rowid else {}
    if not terms:
        return {}
    (values,) = ask(session.db, f"SELECT {', '.join(terms.values())} FROM {quoted(table.name)}")  # noqa: S608  quoted
    return {name: value for name, value in zip(terms, values, strict=True) if not isinstance(value, bytes)}


def _without(table: TablePlan, refused: set[str]) -> TablePlan:
    """The table without what the server refused, so that nobody looks for it later."""
    return replace(
        table,
        indexes=tuple(one for one in table.indexes if index_item(table, one) not in refused),
        foreign_keys=tuple(one for one in table.foreign_keys if foreign_key_item(table, one) not in refused),
        checks=tuple(one for one in table.checks if check_item(table, one) not in refused),
        key=() if key_item(table) in refused else table.key,
    )


def found(state_dir: Path, source: str, target: Target) -> Remembered | None:
    """What is remembered of a migration between these two."""
    try:
        raw: Any = loads(_path(state_dir, source, target).read_bytes())
        return Remembered(
            planfile.parse(raw["plan"], "the plan in the state folder"), dict(raw["marks"]), dict(raw["skipped"])
        )
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _path(state_dir: Path, source: str, target: Target) -> Path:
    name = hashlib.sha256(f"{source}\0{target.link.url}\0{target.schema}".encode()).hexdigest()[:20]
    return paths.private_dir(state_dir / "migrations") / f"{name}.json"
