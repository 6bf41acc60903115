"""Making a plan: look at every value of the source, choose, translate. No target is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import GuardError
from recon_cli.jobs.migrate import meaning, tasks
from recon_cli.jobs.migrate.request import MigrateRequest
from recon_cli.jobs.migrate.session import Session
from recon_cli.migration.introspect import read_source, row_number
from recon_cli.migration.plan import MigrationPlan
from recon_cli.migration.planner import Planner
from recon_cli.migration.profile import TableProfile
from recon_cli.migration.reading import WHOLE, spans
from recon_cli.migration.sampling import sample_table

_SPAN_ROWS = 120_000


def plan_of(session: Session, request: MigrateRequest, *, quick: bool) -> MigrationPlan:
    """The plan: the given one, if the source is still the one that it was made for, else a new one.

    Raises:
        GuardError: the source has changed since.
    """
    if request.plan is None:
        return make_plan(session, request, quick=quick)
    if request.plan.state != session.state:
        raise GuardError(
            "the source has changed since the plan was made",
            hint="make a new plan with `--plan-out`, look at it, and apply that one",
        )
    return request.plan


def make_plan(session: Session, request: MigrateRequest, *, quick: bool = False) -> MigrationPlan:
    """A new plan of the source as it is; a quick one assumes of large tables what a part of them shows."""
    catalog = session.view.catalog()
    source = read_source(session.db, catalog)
    policies, notes = meaning.policies(catalog, request.system, request.policies)
    chosen = [table for table in catalog.tables if _wanted(table.name, request)]
    sampled = _samples(session, chosen) if quick else {}
    profiles = sampled | _profiles(session, [one for one in chosen if one.name not in sampled], request, quick=quick)
    planner = Planner(source, profiles, policies, quick=quick)
    planner.notes += notes
    for table in catalog.tables:
        if table not in chosen:
            planner.notes.append(f"{table.name}: not asked for")
    return planner.plan(session.path, session.state, request.system)


def _wanted(name: str, request: MigrateRequest) -> bool:
    included = not request.tables or any(fnmatchcase(name, glob) for glob in request.tables)
    return included and not any(fnmatchcase(name, glob) for glob in request.exclude)


def _samples(session: Session, tables: Iterable[DeclaredTable]) -> dict[str, TableProfile]:
    found = {table.name: sample_table(session.db, table, row_number(table)) for table in tables}
    return {name: profile for name, profile in found.items() if profile is not None}


def _profiles(
    session: Session, tables: Iterable[DeclaredTable], request: MigrateRequest, *, quick: bool
) -> dict[str, TableProfile]:
    chosen = list(tables)
    found = {table.name: TableProfile() for table in chosen}
    todo = list(_looks(session, chosen, quick=quick))
    for number, answer in enumerate(session.hands.work(todo, lambda _answer: ()), 1):
        if isinstance(answer, tasks.Profiled):
            found[answer.task.table.name].add(answer.profile)
            request.progress.update(number, len(todo), f"looking at {answer.task.table.name}")
    return found


def _looks(session: Session, tables: Iterable[DeclaredTable], *, quick: bool) -> Iterator[tasks.Profile]:
    for table in tables:
        number = row_number(table)
        parts = spans(session.db, table.name, number, _SPAN_ROWS) if "virtual" not in table.options else [WHOLE]
        yield from (tasks.Profile(table, number, part, quick) for part in parts)
