"""What comes after the rows: foreign keys, checks, numbering, views and triggers, then the swap."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import apsw

from recon_cli.jobs.migrate.outcome import Outcome
from recon_cli.jobs.migrate.request import OnExists
from recon_cli.migration import ddl, merging
from recon_cli.migration.plan import ForeignKeyPlan, LeftOut, MigrationPlan, ObjectPlan, TablePlan
from recon_cli.migration.policy import OnOrphans
from recon_cli.migration.target import Target, attempt, check_item, foreign_key_item
from recon_cli.migration.verifying import Verdict
from recon_cli.migration.views import compare_view
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote, run

import psycopg  # isort: skip  postgres_link says how to get the driver

_FOREIGN_KEY = "violates foreign key"


def accepted(connection: Connection, target: Target, plan: MigrationPlan, outcome: Outcome) -> MigrationPlan:
    """The plan without what this server does not take in a CREATE TABLE: an expression, a default."""
    tables = tuple(_accepted(connection, target, table, outcome) for table in plan.tables)
    return replace(plan, tables=tables)


def _accepted(connection: Connection, target: Target, table: TablePlan, outcome: Outcome) -> TablePlan:
    if not table.included or not any(one.expression or one.default for one in table.columns):
        return table
    if not _refusal(connection, target, table):
        return table
    plain = replace(table, columns=tuple(replace(c, expression=None, default=None) for c in table.columns))
    for place, column in enumerate(table.columns):
        for part in ("expression", "default"):
            wanted = getattr(column, part)
            if wanted is None:
                continue
            one = replace(plain.columns[place], **{part: wanted})
            tried = replace(plain, columns=(*plain.columns[:place], one, *plain.columns[place + 1 :]))
            why = _refusal(connection, target, tried)
            if why:
                word = "GENERATED" if part == "expression" else "DEFAULT"
                outcome.left_out.append(LeftOut(f"{table.name}.{column.name} {word} {wanted}", why))
            else:
                plain = tried
    return plain


def _refusal(connection: Connection, target: Target, table: TablePlan) -> str:
    """Why the server does not make the table, empty if it does; nothing is left of the attempt."""
    tried = replace(table, target=f"recon_trial_{table.target}"[:60])
    found: list[LeftOut] = []
    with connection.transaction(force_rollback=True), attempt(connection, "", found):
        run(connection, ddl.create_table(target.aside, tried))
    return found[0].reason if found else ""


def answers(connection: Connection) -> bool:
    """Whether the connection still stands."""
    with suppress(psycopg.Error):
        ask(connection, "SELECT 1")
        return True
    return False


def finish(
    db: apsw.Connection, connection: Connection, target: Target, plan: MigrationPlan, outcome: Outcome
) -> list[str]:
    """Keys between tables, checks, numbering, views and triggers, in one transaction; the objects that were made."""
    made: list[str] = []
    with connection.transaction():
        for table in plan.included:
            for key in table.foreign_keys:
                _foreign_key(connection, target, plan, table, key, outcome)
            for check in table.checks:
                item = check_item(table, check)
                with attempt(connection, item, outcome.left_out, "some rows break it, or it means something else here"):
                    run(connection, ddl.add_check(target.aside, table, check))
            advance = ddl.advance(target.aside, table)
            if advance is not None:
                run(connection, advance)
        for one in plan.objects:
            made += _object(db, connection, target, one, outcome)
    return made


def _foreign_key(
    connection: Connection, target: Target, plan: MigrationPlan, table: TablePlan, key: ForeignKeyPlan, outcome: Outcome
) -> None:
    if not any(one.target == key.table for one in plan.included):
        outcome.left_out.append(LeftOut(foreign_key_item(table, key), f"{key.table} is not migrated"))
        return
    found: list[LeftOut] = []
    with attempt(connection, foreign_key_item(table, key), found):
        run(connection, ddl.add_foreign_key(target.aside, table, key))
    if not found:
        return
    if _FOREIGN_KEY not in found[0].reason:
        outcome.left_out += found
        return
    orphans = ask(connection, ddl.orphans(target.aside, table, key))
    total = int(orphans[0][2]) if orphans else 0
    named = ", ".join(str(row[0]) for row in orphans)
    outcome.orphans.append((table.name, key.name, total, named))
    if plan.policies.on_orphans is OnOrphans.NOT_VALID:
        with attempt(connection, found[0].item, outcome.left_out):
            run(connection, ddl.add_foreign_key(target.aside, table, key, valid=False))
        return
    outcome.left_out.append(
        LeftOut(
            found[0].item, f"{total} rows point at nothing: {named}", "`--on-orphans not-valid` adds it all the same"
        )
    )


def _object(
    db: apsw.Connection, connection: Connection, target: Target, one: ObjectPlan, outcome: Outcome
) -> list[str]:
    found: list[LeftOut] = []
    name = ddl.relation(target.aside, one.target)
    with attempt(connection, f"{one.kind} {one.name}", found, one.source):
        for statement in one.statements:
            run(connection, statement.format(name=name, schema=quote(target.aside)))
    outcome.left_out += found
    if found:
        return []
    if one.kind == "view":
        with attempt(connection, f"view {one.name}", outcome.left_out, one.source):
            seen = compare_view(db, connection, target.aside, one)
            outcome.notes += seen.notes
            if seen.wrong:
                outcome.left_out.append(LeftOut(f"view {one.name}", f"it is there, but {seen.wrong}", one.source))
    return [one.target]


def counted(connection: Connection, schema: str, plan: MigrationPlan, outcome: Outcome) -> dict[str, Verdict]:
    """Numbers of rows on both sides."""
    found = {}
    for table in plan.included:
        ((rows,),) = ask(connection, f"SELECT count(*) FROM {ddl.relation(schema, table.target)}")  # noqa: S608  quoted
        copied = outcome.tables[table.name]
        found[table.name] = Verdict(table.name, table.rows - copied.rejected, rows)
    return found


def swap_in(
    connection: Connection, target: Target, plan: MigrationPlan, made: list[str], how: OnExists, outcome: Outcome
) -> None:
    """Everything to where it belongs, in one transaction."""
    if how in {OnExists.APPEND, OnExists.UPSERT} and outcome.there:
        merging.merge(connection, target, plan, made, outcome.there, upsert=how is OnExists.UPSERT)
    else:
        target.swap(connection, plan, made, replace=how is OnExists.REPLACE)
