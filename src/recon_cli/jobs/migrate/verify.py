"""verify: compare a target with its source at any later time, value by value, and what was declared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.errors import ExitCode, NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.migrate import remembered
from recon_cli.jobs.migrate.outcome import difference, verdict_body
from recon_cli.jobs.migrate.planning import make_plan
from recon_cli.jobs.migrate.request import MigrateRequest, Verify
from recon_cli.jobs.migrate.run import compare, target_of
from recon_cli.jobs.migrate.session import Session, opened
from recon_cli.migration import ddl
from recon_cli.migration.declared import misfits, missing
from recon_cli.migration.plan import MigrationPlan
from recon_cli.migration.target import Target
from recon_cli.migration.verifying import Verdict
from recon_cli.ops.clock import Clock
from recon_cli.stores.bulk.postgres_link import Connection, ask
from recon_cli.stores.bulk.sqlite_open import ask as ask_source
from recon_cli.stores.bulk.sqlite_words import quoted


def verify(source: Place, place: Place, request: MigrateRequest, state_dir: Path, clock: Clock) -> Report:
    """Compare; nothing is written.

    Raises:
        NotFoundError: the target has none of the tables.
    """
    began = clock.monotonic()
    target = target_of(place, request.schema, source)
    with opened(source, target, request.workers) as session, target.connection() as connection:
        plan, skipped = _plan(session, target, request, state_dir)
        there = target.there(connection, [table.target for table in plan.included])
        if not there and plan.included:
            raise NotFoundError(
                f"{request.schema} of {target.link.url} has none of the tables", hint="`recon migrate` brings them"
            )
        absent = [table.name for table in plan.included if table.target not in there]
        session.hands.take(plan)
        odd = misfits(connection, request.schema, plan, there)
        verdicts = _verdicts(session, connection, plan, there, request, skipped, odd)
        lost = [Problem(f"{table}.{one}", told) for table, found in odd.items() for one, told in found.items()]
        lost += missing(connection, request.schema, plan, there)
    return _report(plan, target, verdicts, absent, lost, clock.monotonic() - began)


def _plan(
    session: Session, target: Target, request: MigrateRequest, state_dir: Path
) -> tuple[MigrationPlan, Mapping[str, Iterable[int]]]:
    """The plan that was given, or remembered, or made anew, and the rows that are known to have been refused."""
    kept = remembered.found(state_dir, session.path, target)
    skipped = kept.skipped if kept is not None else {}
    if request.plan is not None:
        return request.plan, skipped
    return (kept.plan if kept is not None else make_plan(session, request)), skipped


def _verdicts(
    session: Session,
    connection: Connection,
    plan: MigrationPlan,
    there: dict[str, str],
    request: MigrateRequest,
    skipped: Mapping[str, Iterable[int]],
    odd: Mapping[str, Collection[str]],
) -> dict[str, Verdict]:
    present = tuple(t for t in plan.included if t.target in there)
    found = {}
    if request.verify is Verify.VALUES:
        alike = replace(plan, tables=tuple(t for t in present if t.name not in odd))
        session.hands.take(alike)
        found = compare(session, alike, request.schema, request, skipped)
    for table in (one for one in present if one.name not in found):
        ((ours,),) = ask_source(session.db, f"SELECT count(*) FROM {quoted(table.name)}")  # noqa: S608  quoted
        ((theirs,),) = ask(connection, f"SELECT count(*) FROM {ddl.relation(request.schema, table.target)}")  # noqa: S608  quoted
        found[table.name] = Verdict(table.name, ours, theirs, set(odd.get(table.name, ())))
    return found


def _report(
    plan: MigrationPlan,
    target: Target,
    verdicts: dict[str, Verdict],
    absent: list[str],
    lost: list[Problem],
    took_s: float,
) -> Report:
    odd = [name for name, verdict in verdicts.items() if not verdict.same]
    problems = [difference(name, verdicts[name]) for name in odd]
    problems += [Problem(name, "not in the target") for name in absent] + lost
    rows = sum(verdict.source_rows for verdict in verdicts.values())
    told = f"not equal: {', '.join([*odd, *absent]) or 'what is declared'}" if problems else "equal"
    return Report(
        "recon.migrate-verify/1",
        f"{told}: {words.count(rows, 'row')} in {words.count(len(verdicts), 'table')} of {plan.source} and"
        f" {target.schema} of {target.link.url}, in {words.seconds(took_s)}",
        {
            "source": plan.source,
            "target": target.link.url,
            "to_schema": target.schema,
            "equal": not problems,
            "tables": [{"table": name, "equal": one.same, **verdict_body(one)} for name, one in verdicts.items()],
            "absent": list(absent),
        },
        (Table(("table", "rows", "in the target", "verdict"), list(_rows(verdicts))),),
        tuple(problems),
        ExitCode.DRIFT if problems else ExitCode.DONE,
    )


def _rows(verdicts: dict[str, Verdict]) -> Iterator[tuple[str, int, int, str]]:
    for name, one in verdicts.items():
        yield name, one.source_rows, one.target_rows, "equal" if one.same else "not equal"
