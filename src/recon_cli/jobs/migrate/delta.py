"""delta: bring what was added or changed since the last run, so that the way over costs seconds of downtime.

New rows are told by their row number, changed ones by a column that grows when they change. Rows that were deleted are
not seen: `recon migrate verify` names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recon_cli.core.catalog import Cell
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.core.place import Place
from recon_cli.core.report import Report
from recon_cli.jobs.migrate import remembered
from recon_cli.jobs.migrate.outcome import Outcome, migrated
from recon_cli.jobs.migrate.request import MigrateRequest, Verify
from recon_cli.jobs.migrate.run import compare, keep_rejects, target_of
from recon_cli.jobs.migrate.session import Session, opened
from recon_cli.migration import ddl, merging
from recon_cli.migration.copying import Unit
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.migration.target import Target
from recon_cli.ops.clock import Clock
from recon_cli.stores.bulk.postgres_link import Connection, run
from recon_cli.stores.bulk.sqlite_words import quoted


def delta(
    source: Place,
    place: Place,
    request: MigrateRequest,
    by: Sequence[str],
    state_dir: Path,
    clock: Clock,
) -> Report:
    """Bring new rows, and with `by` changed ones, of the tables of the last run.

    Raises:
        NotFoundError: no run between these two is remembered.
        UsageError: no table has such a column, or its last value is not known.
    """
    began = clock.monotonic()
    target = target_of(place, request.schema, source)
    with opened(source, target, 1) as session, target.connection() as connection:
        target.lock(connection)
        known = remembered.found(state_dir, session.path, target)
        if known is None:
            raise NotFoundError("no migration between these two is remembered", hint="run it without `--delta` first")
        plan = replace(known.plan, quick=False)
        _has_columns(known, by)
        outcome = Outcome(plan, target.link.url, request.schema)
        target.clear(connection)
        target.prepare(connection, "delta")
        with connection.transaction():
            for table in plan.included:
                _bring(session, connection, target, plan, table, known.marks.get(table.name, {}), by, outcome)
        keep_rejects(connection, target, plan, request, outcome)
        there = frozenset(table.target for table in plan.included)
        merging.merge(connection, target, plan, (), there, upsert=True, keyless=True)
        if request.verify is Verify.VALUES:
            session.hands.take(plan)
            outcome.verdicts = compare(session, plan, request.schema, request, known.skipped)
        remembered.keep(state_dir, plan, target, outcome, session)
    outcome.took_s = clock.monotonic() - began
    return migrated(outcome)


def _has_columns(known: remembered.Remembered, by: Sequence[str]) -> None:
    have = {name for marks in known.marks.values() for name in marks}
    for column in by:
        if column not in have:
            raise UsageError(
                f"the last value of `{column}` is not known",
                hint=f"known are {', '.join(sorted(have - {''})) or 'none: no column is declared as a time'}",
            )


@dataclass(frozen=True, slots=True)
class _Since:
    condition: str
    bound: tuple[Cell, ...]


def _since(table: TablePlan, marks: Mapping[str, Cell], by: Sequence[str]) -> _Since:
    """Which rows are new or changed; all of them where nothing is known."""
    parts, bound = list[str](), list[Cell]()
    for name, expression in (("", table.rowid), *((column, quoted(column)) for column in by)):
        if name not in marks or not expression:
            continue
        last = marks[name]
        sign = ">" if not name else ">="
        parts.append(f"{expression} {sign} ?" if last is not None else f"{expression} IS NOT NULL")
        bound += [last] if last is not None else []
    return _Since(" OR ".join(parts), tuple(bound))


def _bring(
    session: Session,
    connection: Connection,
    target: Target,
    plan: MigrationPlan,
    table: TablePlan,
    marks: Mapping[str, Cell],
    by: Sequence[str],
    outcome: Outcome,
) -> None:
    run(connection, ddl.create_table(target.aside, table))
    since = _since(table, marks, by)
    unit = Unit(session.db, target, table, plan.policies, only=(since.condition, since.bound))
    done = unit.copy(connection)
    outcome.count(table.name, done.rows, len(done.rejects), tuple(done.damage))
