"""What is declared in the target, against the plan: keys, indexes, constraints, numbering, views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recon_cli.core.report import Problem
from recon_cli.migration import ddl
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote

_CONSTRAINTS = """
SELECT c.relname, co.conname FROM pg_catalog.pg_constraint co JOIN pg_catalog.pg_class c ON c.oid = co.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s
UNION SELECT t.relname, i.relname FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = %s"""

_COLUMNS = """
SELECT c.relname, a.attname, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND a.attnum > 0 AND NOT a.attisdropped"""
_FAMILIES = {"character varying": "text", "character": "text", "varchar": "text", "jsonb": "json"}


def misfits(
    connection: Connection, schema: str, plan: MigrationPlan, there: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """What is wrong with columns, by table and column of the source: not there, or of a type that is not compared."""
    types = {(table, column): told for table, column, told in ask(connection, _COLUMNS, [schema])}
    found: dict[str, dict[str, str]] = {}
    for table in (one for one in plan.included if one.target in there):
        for column in table.columns:
            told = types.get((table.target, column.target))
            if told is None:
                wrong = "is not in the target"
            elif _family(told) != _family(column.type):
                wrong = f"is {told} in the target, and {column.type} in the plan"
            else:
                continue
            found.setdefault(table.name, {})[column.name] = wrong
    return found


def _family(told: str) -> str:
    plain = told.partition("(")[0].rstrip()
    return _FAMILIES.get(plain, plain)


def missing(connection: Connection, schema: str, plan: MigrationPlan, there: Mapping[str, str]) -> list[Problem]:
    """What the plan has and the target has not; what was left out by the plan itself is not asked for."""
    have = set(ask(connection, _CONSTRAINTS, [schema, schema]))
    found = []
    for table in plan.included:
        if table.target not in there:
            continue
        found += [Problem(f"{table.name} {name}", "is not in the target") for name in _lost(table, have)]
        found += _numbering(connection, schema, table)
    return found


def _lost(table: TablePlan, have: set[tuple[str, str]]) -> Iterator[str]:
    names = [table.key_name] if table.key else []
    names += [index.name for index in table.indexes]
    names += [key.name for key in table.foreign_keys] + [check.name for check in table.checks]
    yield from (name for name in names if (table.target, name) not in have)


def _numbering(connection: Connection, schema: str, table: TablePlan) -> Iterator[Problem]:
    column = next((one for one in table.columns if one.identity), None)
    if column is None:
        return
    on = ddl.relation(schema, table.target)
    sequence = ask(connection, "SELECT pg_catalog.pg_get_serial_sequence(%s, %s)", [on, column.target])[0][0]
    if sequence is None:
        yield Problem(f"{table.name}.{column.name}", "is not numbered by the target")
        return
    sql = f"SELECT s.last_value + s.is_called::int, (SELECT max({quote(column.target)}) FROM {on}) FROM {sequence} AS s"
    ((following, greatest),) = ask(connection, sql)
    if greatest is not None and following <= greatest:
        yield Problem(f"{table.name}.{column.name}", f"its next number is {following}, and {greatest} is there already")
