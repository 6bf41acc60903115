"""Creating what a snapshot declares, and nothing else.

A statement from a file runs alone, under an authorizer that lets it create the one thing that it claims to: no ATTACH,
no PRAGMA, no other table read, no second statement. What may act later (views, triggers, expressions that are not
plain) is refused unless the snapshot is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import apsw

from recon_cli.core.catalog import DeclaredIndex, DeclaredObject, DeclaredTable
from recon_cli.core.errors import DataError, GuardError
from recon_cli.core.plain_sql import is_plain, statement_kind
from recon_cli.stores.bulk import sqlite_words as words
from recon_cli.stores.bulk import to_sqlite
from recon_cli.stores.bulk.sqlite_catalog import SEARCH, SPATIAL
from recon_cli.stores.bulk.sqlite_open import ask

_MASTERS = frozenset({"sqlite_master", "sqlite_schema"})
_ALWAYS = frozenset({apsw.SQLITE_REINDEX, apsw.SQLITE_FUNCTION})
_ON_MASTER = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_READ, apsw.SQLITE_DELETE})
_CREATES = {
    "table": apsw.SQLITE_CREATE_TABLE,
    "index": apsw.SQLITE_CREATE_INDEX,
    "view": apsw.SQLITE_CREATE_VIEW,
    "trigger": apsw.SQLITE_CREATE_TRIGGER,
    "virtual table": apsw.SQLITE_CREATE_VTABLE,
}
LATER = frozenset({"view", "trigger"})
"""What does nothing while a database is made and filled."""
_NEVER = frozenset({apsw.SQLITE_ATTACH, apsw.SQLITE_DETACH, apsw.SQLITE_PRAGMA, apsw.SQLITE_TRANSACTION})


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement to run: what it must create, of which name, and on which table."""

    kind: str
    name: str
    sql: str
    table: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def of_table(table: DeclaredTable) -> Statement:
    """What creates a table."""
    return Statement("table", table.name, table.sql or to_sqlite.create_table(table), table.name)


def of_index(index: DeclaredIndex, table: str) -> Statement:
    """What creates an index."""
    return Statement("index", index.name, index.sql or to_sqlite.create_index(index, table), table)


def of_object(one: DeclaredObject) -> Statement:
    """What creates a view, a trigger or a virtual table."""
    return Statement(one.kind, one.name, one.sql, one.table)


def expressions(statement: Statement) -> Iterator[str]:
    """The SQL within a CREATE TABLE or CREATE INDEX that would run later."""
    if statement.kind == "index":
        text = words.written_index(statement.sql)
        yield from text.parts
        if text.where is not None:
            yield text.where
        return
    said = words.written(statement.sql)
    yield from (check.expression for check in said.checks)
    yield from said.generated.values()
    yield from said.defaults


def refuse(statements: list[Statement]) -> None:
    """Refuse what only a trusted snapshot may bring.

    Raises:
        GuardError: a view, a trigger, a virtual table of an unknown kind, or an expression that is not plain.
        DataError: a statement is not what it claims to be.
    """
    for statement in statements:
        if statement_kind(statement.sql) != statement.kind:
            raise DataError(f"the statement of {statement} is something else", cause=statement.sql[:200])
        reason = _reason(statement)
        if reason:
            raise GuardError(
                f"the snapshot brings SQL of its own: {statement}",
                cause=reason,
                hint="read it with `recon backup show`, then import with `--trust-sql`",
            )


def _reason(statement: Statement) -> str | None:
    if statement.kind in LATER:
        return f"a {statement.kind} runs later, with the rights of whoever uses the database"
    if statement.kind == "virtual table":
        module, _ = words.module(statement.sql)
        return None if module in SEARCH | SPATIAL else f"the module {module} is not one that recon knows"
    odd = next((one for one in expressions(statement) if not is_plain(one)), None)
    return f"not a plain expression: {odd[:200]}" if odd is not None else None


def create(db: apsw.Connection, statement: Statement) -> None:
    """Run one statement that creates one thing.

    Raises:
        DataError: SQLite refuses it, or it would do more than create what it claims to.
    """
    kind = statement_kind(statement.sql)
    if kind != statement.kind:
        raise DataError(f"the statement of {statement} is something else", cause=statement.sql[:200])
    try:
        with _only(db, statement):
            db.execute(statement.sql)
    except apsw.AuthError as exc:
        raise DataError(f"the statement of {statement} does more than create it", cause=statement.sql[:200]) from exc
    except (apsw.SQLError, apsw.ConstraintError) as exc:
        raise DataError(f"cannot create {statement}", cause=str(exc)) from exc
    found = ask(db, "SELECT type FROM sqlite_schema WHERE name = ?", (statement.name,))
    if not found:
        raise DataError(f"the statement of {statement} creates something else", cause=statement.sql[:200])


@contextmanager
def _only(db: apsw.Connection, statement: Statement) -> Iterator[None]:
    """Let the statement do what creating needs, and nothing else."""

    def allowed(code: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
        return apsw.SQLITE_OK if _allowed(statement, code, first, second) else apsw.SQLITE_DENY

    db.set_authorizer(allowed)
    try:
        yield
    finally:
        db.set_authorizer(None)


def _allowed(statement: Statement, code: int, first: str | None, second: str | None) -> bool:
    if statement.kind == "virtual table":  # it makes its shadow tables by statements of its own
        return code not in _NEVER or (code == apsw.SQLITE_PRAGMA and second is None)
    if code in _ALWAYS:
        return True
    if code == _CREATES[statement.kind]:
        return first == statement.name or (first or "").startswith("sqlite_")
    if code in _ON_MASTER:
        return first in _MASTERS or (code == apsw.SQLITE_READ and same(first, statement.table))
    return code in {apsw.SQLITE_CREATE_INDEX, apsw.SQLITE_CREATE_TABLE} and (first or "").startswith("sqlite_")


def same(one: str | None, other: str | None) -> bool:
    """Whether two names mean the same to SQLite."""
    return one is not None and other is not None and one.lower() == other.lower()
