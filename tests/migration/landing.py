"""Where a migration lands, how ours is run, and what an auditor then finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from tests.migration.audit import postgres_side
from tests.migration.audit.auditor import audit
from tests.migration.audit.probes import probed
from tests.migration.audit.rows import UNSAID
from tests.migration.audit.told import Told, of_report
from tests.migration.features.registry import Feature
from tests.support.recon import in_folder, inside

PARTIAL = 3
"""Rows were refused, or something was left out, and each is named."""


@dataclass(frozen=True, slots=True)
class Landing:
    """A schema of a database."""

    url: str
    password: str = field(repr=False)
    schema: str

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, password=self.password, autocommit=True)


@dataclass(frozen=True, slots=True)
class Moved:
    """How a migration ended, and what it said."""

    code: int
    told: Told
    printed: str = ""
    plan: Callable[[], Told] | None = None
    """What the plan says, where it can be asked for."""


def migrated(source: Path, landing: Landing, *options: str, here: bool = True) -> Moved:
    """Run `recon migrate`, in this process (`here`) or in one of its own."""
    recon = in_folder(source.parent, RECON_STORES_PASSWORD=landing.password)
    words = ("migrate", source, landing.url, "--schema", landing.schema, "--json", *options)
    done = inside(recon, *words) if here else recon(*words, expect=None)
    document = json.loads(done.out) if done.out.strip() else {}

    def plan() -> Told:
        return of_report(inside(recon, "migrate", source, "--plan", "--json").document)

    return Moved(done.code, of_report(document, folder=source.parent), done.out + done.err, plan)


def found(source: Path, landing: Landing, told: Told | None = None) -> Sequence[str]:
    """What the auditor finds, whoever filled the schema."""
    with landing.connect() as connection:
        return audit(source, connection, landing.schema, told or Told())


def wrong(feature: Feature, source: Path, landing: Landing, moved: Moved) -> list[str]:
    """All that is wrong with the migration of a feature's database; nothing where it is fully right."""
    said = [] if moved.code == 0 or (moved.code == PARTIAL and moved.told.statements) else [_ended(moved)]
    if moved.told.rejects and not feature.refused:
        said.append(f"{len(moved.told.rejects)} cells were refused that the target can hold")
    told = moved.told
    with landing.connect() as connection:
        found_now = audit(source, connection, landing.schema, told)
        if moved.plan and any(UNSAID in one for one in found_now):
            told = replace(told, rules=moved.plan().rules)
            found_now = audit(source, connection, landing.schema, told)
        said += found_now
        said += _types(connection, landing.schema, feature.types)
        said += probed(source, connection, landing.schema, feature.probes, moved.told)
    return said


def _ended(moved: Moved) -> str:
    return f"ended with {moved.code}: {' '.join(moved.printed.split())[-400:]}"


def _types(connection: psycopg.Connection, schema: str, wanted: Mapping[str, str]) -> list[str]:
    tables = postgres_side.described(connection, schema).tables
    said = []
    for place, types in wanted.items():
        table, name = place.split(".")
        column = tables[table].column(name) if table in tables else None
        if column is not None and column.base not in types.split():
            said.append(f"{place} is {column.base} and none of {types}")
    return said
