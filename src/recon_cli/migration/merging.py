"""Rows into tables that are there already: by name of column, by key, in one transaction."""

from __future__ import annotations

from collections.abc import Collection

from recon_cli.core.errors import DataError, GuardError
from recon_cli.migration import ddl
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.migration.target import Target
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote, run

import psycopg  # isort: skip  postgres_link says how to get the driver

_COLUMNS = """
SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = pg_catalog.to_regclass(%s)
AND a.attnum > 0 AND NOT a.attisdropped"""


def merge(
    connection: Connection,
    target: Target,
    plan: MigrationPlan,
    made: Collection[str],
    there: Collection[str],
    *,
    upsert: bool,
    keyless: bool = False,
) -> None:
    """New tables are moved in, rows of the others are added (`upsert`: and win); the schema aside is gone afterwards.

    `keyless`: also of tables without a key, whose rows are known to be new.

    Raises:
        DataError: a table that is there lacks a column, or does not take a row.
        GuardError: a table without a key is there already.
    """
    with connection.transaction():
        run(connection, f"SET LOCAL synchronous_commit = on; CREATE SCHEMA IF NOT EXISTS {quote(target.schema)}")
        for table in parents_first(plan):
            if table.target in there:
                _merge_table(connection, target, table, upsert=upsert, keyless=keyless)
            else:
                home = quote(target.schema)
                run(connection, f"ALTER TABLE {ddl.relation(target.aside, table.target)} SET SCHEMA {home}")
        for one in plan.objects:
            if one.target in made and one.target not in there and one.kind == "view":
                run(
                    connection, f"ALTER VIEW {ddl.relation(target.aside, one.target)} SET SCHEMA {quote(target.schema)}"
                )
        target.clear(connection)


def parents_first(plan: MigrationPlan) -> list[TablePlan]:
    """Tables in an order in which foreign keys hold, circles aside."""
    waiting, done = list(plan.included), list[TablePlan]()
    while waiting:
        names = {table.target for table in waiting}
        ready = [t for t in waiting if not {k.table for k in t.foreign_keys if k.table != t.target} & names]
        ready = ready or waiting[:1]
        done += ready
        waiting = [table for table in waiting if table not in ready]
    return done


def _merge_table(connection: Connection, target: Target, table: TablePlan, *, upsert: bool, keyless: bool) -> None:
    into, source = ddl.relation(target.schema, table.target), ddl.relation(target.aside, table.target)
    have = {name for (name,) in ask(connection, _COLUMNS, [into])}
    missing = [column.target for column in table.stored if column.target not in have]
    if missing:
        raise DataError(f"{into} has no column {', '.join(missing)}", hint="add it, or use `--on-exists replace`")
    if not table.key and not keyless:
        raise GuardError(f"{into} is there, and has no key to tell its rows by", hint="use `--on-exists replace`")
    columns = [column.target for column in table.stored]
    listed, key = ", ".join(map(quote, columns)), ", ".join(map(quote, table.key))
    changed = [name for name in columns if name not in table.key]
    sets = ", ".join(f"{quote(name)} = EXCLUDED.{quote(name)}" for name in changed)
    action = f"DO UPDATE SET {sets}" if upsert and changed else "DO NOTHING"
    conflict = f" ON CONFLICT ({key}) {action}" if table.key else ""
    sql = f"INSERT INTO {into} ({listed}) SELECT {listed} FROM {source}{conflict}"
    try:
        run(connection, sql)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as exc:
        raise DataError(
            f"{into} does not take the rows",
            cause=exc.diag.message_primary,
            hint="compare their types: `recon backup import` fits values, `--on-exists replace` makes it anew",
        ) from exc
    advance = ddl.advance(target.schema, table)
    if advance is not None:
        _advance(connection, advance)


def _advance(connection: Connection, sql: str) -> None:
    """The table that is there may number its rows in its own way, or not at all."""
    try:
        with connection.transaction():
            run(connection, sql)
    except psycopg.ProgrammingError:
        return
