"""Tables that take rows as they come: user triggers off, foreign keys checked at the end; all as it was afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from recon_cli.core.catalog import DeclaredTable
from recon_cli.stores.bulk.postgres_link import Connection, Link, ask, quote, run

import psycopg  # isort: skip  postgres_link says how to get the driver

_TRIGGERS = """
SELECT tgname, tgenabled::text FROM pg_trigger
WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY tgname"""
_WORDS = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
_NO_PRIVILEGE = "42501"


@contextmanager
def quiet(link: Link, connection: Connection, tables: Sequence[DeclaredTable]) -> Iterator[None]:
    """Lock the tables for writers, then as the module says, within the transaction; an error undoes it all."""
    undo: list[str] = []
    for table in tables:
        run(connection, f"LOCK TABLE {quote(table.name)} IN SHARE ROW EXCLUSIVE MODE")
    for table in tables:
        undo += _switch_triggers(connection, table.name)
        undo += _defer(connection, table)
    run(connection, "SET CONSTRAINTS ALL DEFERRED")
    yield
    with link.translated():
        for statement in undo:
            run(connection, statement)


def _switch_triggers(connection: Connection, table: str) -> Iterator[str]:
    for name, state in ask(connection, _TRIGGERS, [quote(table)]):
        run(connection, f"ALTER TABLE {quote(table)} DISABLE TRIGGER {quote(name)}")
        yield f"ALTER TABLE {quote(table)} {_WORDS[state]} TRIGGER {quote(name)}"


def _defer(connection: Connection, table: DeclaredTable) -> Iterator[str]:
    """Only an owner may; without it the order of the tables has to do, which it does but for circles."""
    for key in table.foreign_keys:
        if key.deferrable or not key.name:
            continue
        change = f"ALTER TABLE {quote(table.name)} ALTER CONSTRAINT {quote(key.name)}"
        try:
            with connection.transaction():
                run(connection, f"{change} DEFERRABLE")
        except psycopg.Error as exc:
            if exc.sqlstate != _NO_PRIVILEGE:
                raise
            return
        yield f"{change} NOT DEFERRABLE"
