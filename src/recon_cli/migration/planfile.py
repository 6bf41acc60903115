"""Plans as files: JSON that an operator reads and edits, and that is applied exactly."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.json_text import loads
from recon_cli.migration.plan import (
    CheckPlan,
    Coding,
    ColumnPlan,
    ForeignKeyPlan,
    IndexPlan,
    LeftOut,
    MigrationPlan,
    ObjectPlan,
    TablePlan,
)
from recon_cli.migration.policy import OnMixed, OnOrphans, OnText, Policies

SCHEMA = "recon.migration-plan/1"


def document(plan: MigrationPlan) -> dict[str, Json]:
    """The plan as JSON data."""
    return {"schema": SCHEMA, **_plain(plan)}


def text(plan: MigrationPlan) -> str:
    """The plan as a file's text."""
    return json.dumps(document(plan), ensure_ascii=False, indent=2) + "\n"


def digest(plan: MigrationPlan) -> str:
    """Tells one plan from another."""
    return hashlib.sha256(json.dumps(_plain(plan), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401  any part of a plan
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


def read(path: Path) -> MigrationPlan:
    """The plan in a file.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is no plan, or was edited into something that is none.
    """
    try:
        raw = loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"no plan file at {path}", hint="`recon migrate … --plan-out FILE` makes one") from None
    except (OSError, ValueError) as exc:
        raise DataError(f"{path} is not a migration plan", cause=str(exc)) from exc
    return parse(raw, str(path))


def parse(raw: Any, name: str) -> MigrationPlan:  # noqa: ANN401  the edge where JSON comes in
    """The inverse of `document`; raises DataError."""
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise DataError(f"{name} is not a migration plan", cause=f"its `schema` is not {SCHEMA}")
    try:
        return MigrationPlan(
            raw["source"],
            tuple(map(_table, raw["tables"])),
            tuple(ObjectPlan(**{**one, "statements": tuple(one["statements"])}) for one in raw["objects"]),
            tuple(LeftOut(**one) for one in raw["left_out"]),
            tuple(raw["notes"]),
            tuple(raw["unreadable"]),
            _policies(raw["policies"]),
            raw["system"],
            raw["state"],
            raw["renamed"],
            bool(raw.get("quick")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DataError(f"{name} is not a migration plan", cause=f"{type(exc).__name__}: {exc}") from exc


def _table(raw: Mapping[str, Any]) -> TablePlan:
    return TablePlan(
        **{
            **raw,
            "columns": tuple(map(_column, raw["columns"])),
            "key": tuple(raw["key"]),
            "indexes": tuple(IndexPlan(**{**one, "parts": tuple(one["parts"])}) for one in raw["indexes"]),
            "foreign_keys": tuple(map(_foreign_key, raw["foreign_keys"])),
            "checks": tuple(CheckPlan(**one) for one in raw["checks"]),
            "source_key": tuple(raw["source_key"]),
        }
    )


def _column(raw: Mapping[str, Any]) -> ColumnPlan:
    return ColumnPlan(**{**raw, "coding": Coding(raw["coding"]), "holds": tuple(raw["holds"])})


def _foreign_key(raw: Mapping[str, Any]) -> ForeignKeyPlan:
    return ForeignKeyPlan(**{**raw, "columns": tuple(raw["columns"]), "targets": tuple(raw["targets"])})


def _policies(raw: Mapping[str, Any]) -> Policies:
    return Policies(
        OnText(raw["on_nul"]),
        OnText(raw["on_invalid_utf8"]),
        OnMixed(raw["on_mixed"]),
        OnOrphans(raw["on_orphans"]),
        raw["naive_zone"],
        dict(raw["zones"]),
        frozenset(raw["json_columns"]),
    )
