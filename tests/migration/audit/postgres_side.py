"""What a Postgres schema declares and holds, read from its catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.adapt import Loader

from tests.migration.audit.model import Column, Database, ForeignKey, Index, Part, Table, Trigger
from tests.migration.audit.sqlite_side import quoted

Connection = psycopg.Connection[tuple[Any, ...]]
AS_TEXT = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb")
ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, t.typname), NOT a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '', coalesce(o.collname, ''),
       coalesce(o.collisdeterministic, true), a.attidentity, pg_get_serial_sequence(quote_ident(n.nspname) || '.' ||
       quote_ident(c.relname), a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE n.nspname = %s AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum
"""
INDEXES = """
SELECT c.relname, i.relname, x.indisunique, pg_get_expr(x.indpred, x.indrelid), x.indisprimary, x.indisvalid,
       ARRAY(SELECT coalesce(a.attname, '') FROM generate_series(0, x.indnkeyatts - 1) k
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[k] ORDER BY k),
       ARRAY(SELECT pg_get_indexdef(x.indexrelid, k + 1, true) FROM generate_series(0, x.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT x.indoption[k] & 1 FROM generate_series(0, x.indnkeyatts - 1) k ORDER BY k),
       ARRAY(SELECT coalesce(CASE WHEN o.collisdeterministic THEN o.collname ELSE 'nondeterministic' END, '')
             FROM generate_series(0, x.indnkeyatts - 1) k LEFT JOIN pg_collation o ON o.oid = x.indcollation[k]
             ORDER BY k),
       EXISTS (SELECT FROM pg_constraint q WHERE q.conindid = x.indexrelid AND q.contype = 'u')
FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname, i.relname
"""
FOREIGN_KEYS = """
SELECT c.relname, p.relname, q.confdeltype, q.confupdtype, q.condeferrable, q.condeferred, q.convalidated,
       ARRAY(SELECT attname FROM unnest(q.conkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute ON attrelid = q.conrelid AND attnum = k.n ORDER BY k.o),
       ARRAY(SELECT attname FROM unnest(q.confkey) WITH ORDINALITY k(n, o)
             JOIN pg_attribute ON attrelid = q.confrelid AND attnum = k.n ORDER BY k.o)
FROM pg_constraint q JOIN pg_class c ON c.oid = q.conrelid JOIN pg_class p ON p.oid = q.confrelid
WHERE q.contype = 'f' AND c.relnamespace = %s::regnamespace
"""
CHECKS = """
SELECT c.relname, pg_get_expr(q.conbin, q.conrelid) FROM pg_constraint q JOIN pg_class c ON c.oid = q.conrelid
WHERE q.contype = 'c' AND c.relnamespace = %s::regnamespace ORDER BY q.conname
"""
TRIGGERS = """
SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = %s::regnamespace ORDER BY t.tgname
"""
VIEWS = "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = %s::regnamespace ORDER BY relname"


class _AsText(Loader):
    """Times and JSON as Postgres spells them: Python's types do not hold all that Postgres does."""

    def load(self, data: Any) -> str:
        return bytes(data).decode()


def prepared(connection: Connection) -> Connection:
    """Set up a connection so that all it reads is exact."""
    for name in AS_TEXT:
        connection.adapters.register_loader(name, _AsText)
    connection.autocommit = True
    connection.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET extra_float_digits = 3")
    return connection


def described(db: Connection, schema: str) -> Database:
    """Everything declared in `schema`."""
    if db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone() is None:
        return Database({})
    spelled = quoted(schema)
    columns: dict[str, list[Column]] = defaultdict(list)
    for row in db.execute(COLUMNS, [schema]).fetchall():
        columns[row[0]].append(_column(db, row))
    for (bare,) in db.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = %s::regnamespace", [spelled]
    ).fetchall():
        columns.setdefault(bare, [])
    indexes, keys = _indexes(db, spelled)
    foreign, checks = _foreign_keys(db, spelled), defaultdict(list)
    for table, expression in db.execute(CHECKS, [spelled]).fetchall():
        checks[table].append(expression)
    tables = {
        name: Table(
            name,
            tuple(found),
            keys.get(name, ()),
            tuple(indexes[name]),
            tuple(foreign[name]),
            tuple(checks[name]),
        )
        for name, found in columns.items()
    }
    views = tuple(name for (name,) in db.execute(VIEWS, [spelled]).fetchall())
    return Database(tables, views, tuple(Trigger(*row) for row in db.execute(TRIGGERS, [spelled]).fetchall()))


def rows(db: Connection, schema: str, table: Table) -> Iterator[tuple[Any, ...]]:
    """All rows of a table, a column each."""
    names = ", ".join(quoted(column.name) for column in table.columns)
    return iter(db.execute(f"SELECT {names} FROM {quoted(schema)}.{quoted(table.name)}").fetchall())


def _column(db: Connection, row: tuple[Any, ...]) -> Column:
    _, name, declared, base, nullable, default, generated, collation, deterministic, identity, sequence = row
    collation = collation if deterministic else "nondeterministic"
    numbered = bool(identity) or "nextval(" in (default or "")
    following = _next(db, sequence) if numbered and sequence else None
    return Column(name, declared, base, nullable, default, generated, collation, numbered, following)


def _next(db: Connection, sequence: str) -> int | None:
    (last, called) = db.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone() or (0, False)
    declared = db.execute("SELECT seqincrement, seqmax FROM pg_sequence WHERE seqrelid = %s::regclass", [sequence])
    step, most = declared.fetchone() or (1, 0)
    following = int(last) + int(step) if called else int(last)
    return following if following <= most else None


def _indexes(db: Connection, schema: str) -> tuple[dict[str, list[Index]], dict[str, tuple[str, ...]]]:
    found: dict[str, list[Index]] = defaultdict(list)
    keys: dict[str, tuple[str, ...]] = {}
    for row in db.execute(INDEXES, [schema]).fetchall():
        table, name, unique, where, primary, valid, columns, texts, descending, collations, constraint = row
        if primary:
            keys[table] = tuple(columns)
            continue
        parts = tuple(
            Part(column, "" if column else text, bool(desc), collation)
            for column, text, desc, collation in zip(columns, texts, descending, collations, strict=True)
        )
        found[table].append(Index(name, parts, unique, where, constraint, valid))
    return found, keys


def _foreign_keys(db: Connection, schema: str) -> dict[str, list[ForeignKey]]:
    found: dict[str, list[ForeignKey]] = defaultdict(list)
    for row in db.execute(FOREIGN_KEYS, [schema]).fetchall():
        table, parent, delete, update, deferrable, deferred, validated, columns, targets = row
        wait = ("deferred" if deferred else "immediate") if deferrable else ""
        one = ForeignKey(
            tuple(columns), parent, tuple(targets), ACTIONS[delete], ACTIONS[update], wait, validated=validated
        )
        found[table].append(one)
    return found
