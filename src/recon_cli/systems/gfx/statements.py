"""The statements that make the tables and the view, for each engine; every one may be run again."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from recon_cli.core.catalog import DeclaredColumn, DeclaredTable
from recon_cli.systems.gfx.table import (
    COLUMNS,
    ENUMS,
    USUAL,
    Dialect,
    GfxColumn,
    Names,
    declared,
    declared_column,
)

_RANK = "hand_count IS NULL, hand_count DESC, session_end_time IS NULL, session_end_time DESC, file_hash"
"""Nothing of this depends on when a row arrived."""
_MYSQL_OPTIONS = " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


def create(
    dialect: Dialect, names: Names = USUAL, *, exposed: bool = False, has: Collection[str] | None = None
) -> tuple[str, ...]:
    """Both tables, their indexes and the view, in order; what is there stays, but for the view.

    Args:
        dialect: whose SQL.
        names: what the tables are called.
        exposed: a REST server shows the schema to others (Supabase): tables that are made here are closed to all but
            the service's own key, and the server is told to look at the schema anew.
        has: the columns of the sessions table, where there is one already; see `latest`.
    """
    tables = declared(dialect, names)
    made = [*(_types() if dialect is Dialect.POSTGRES else ()), *(table_sql(dialect, one) for one in tables)]
    made += [] if dialect is Dialect.MYSQL else [index for one in tables for index in index_sql(dialect, one)]
    made += latest(dialect, names, has=has)
    if exposed:
        new = tables if has is None else tables[1:]
        made += [f"ALTER TABLE {quoted(dialect, one.name)} ENABLE ROW LEVEL SECURITY" for one in new]
        made.append("NOTIFY pgrst, 'reload schema'")
    return tuple(made)


def latest(dialect: Dialect, names: Names = USUAL, *, has: Collection[str] | None = None) -> tuple[str, ...]:
    """The view: of each session the export with most hands, then the one that ends last.

    Args:
        dialect: whose SQL. Postgres 15 or later: the view gives a reader no right that the table does not.
        names: what the tables are called.
        has: the columns that the table has, where it has not all of ours; those that rank an export it must have.
    """
    columns = ", ".join(quoted(dialect, one.name) for one in COLUMNS if has is None or one.name in has)
    view, table = quoted(dialect, names.latest), quoted(dialect, names.sessions)
    ranked = f"SELECT {columns}, row_number() OVER (PARTITION BY session_id ORDER BY {_RANK}) AS place FROM {table}"  # noqa: S608  our own names, quoted
    body = f"SELECT {columns} FROM ({ranked}) AS ranked WHERE place = 1"  # noqa: S608  same
    if dialect is Dialect.MYSQL:
        return (f"CREATE OR REPLACE SQL SECURITY INVOKER VIEW {view} AS {body}",)
    # Postgres replaces a view only by one that begins with the same columns.
    option = " WITH (security_invoker = true)" if dialect is Dialect.POSTGRES else ""
    return (f"DROP VIEW IF EXISTS {view}", f"CREATE VIEW {view}{option} AS {body}")


def add_column(dialect: Dialect, table: str, column: GfxColumn) -> str:
    """The statement that gives an existing table a column. It may be empty there: older rows have nothing to say."""
    made = declared_column(dialect, column)
    constant = made.default is None or made.default.startswith("'")
    line = _line(dialect, DeclaredColumn(made.name, made.declared, made.kind, True, made.default if constant else None))  # noqa: FBT003  nullable
    return f"ALTER TABLE {quoted(dialect, table)} ADD COLUMN {line}"


def add_unique(dialect: Dialect, table: str) -> str:
    """The statement that makes a content stand once."""
    unless = "" if dialect is Dialect.MYSQL else "IF NOT EXISTS "
    target = f"{quoted(dialect, table)} ({quoted(dialect, 'file_hash')})"
    return f"CREATE UNIQUE INDEX {unless}{quoted(dialect, f'{table}_file_hash_key')} ON {target}"


def drop_unique(dialect: Dialect, table: str, index: str, *, constraint: bool) -> str:
    """The statement that lifts a unique index; empty where the engine can only do it by making the table anew."""
    if dialect is Dialect.MYSQL:
        return f"ALTER TABLE {quoted(dialect, table)} DROP INDEX {quoted(dialect, index)}"
    if dialect is Dialect.POSTGRES and constraint:
        return f"ALTER TABLE {quoted(dialect, table)} DROP CONSTRAINT {quoted(dialect, index)}"
    return "" if constraint else f"DROP INDEX {quoted(dialect, index)}"


def quoted(dialect: Dialect, name: str) -> str:
    """A name as an identifier."""
    mark = "`" if dialect is Dialect.MYSQL else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def literal(word: str) -> str:
    """A word as an SQL string."""
    return "'" + word.replace("'", "''") + "'"


def _types() -> Iterator[str]:
    for sort, words in ENUMS.items():
        made = f"CREATE TYPE {sort} AS ENUM ({', '.join(map(literal, words))})"
        yield f"DO $$ BEGIN {made}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"


def table_sql(dialect: Dialect, table: DeclaredTable) -> str:
    """The statement that makes a table, where it is not there."""
    lines = [_line(dialect, column) for column in table.columns]
    lines.append(f"PRIMARY KEY ({', '.join(quoted(dialect, name) for name in table.key)})")
    for index in table.indexes:
        parts = ", ".join(quoted(dialect, part) for part in index.parts)
        if index.unique:
            lines.append(f"CONSTRAINT {quoted(dialect, index.name)} UNIQUE ({parts})")
        elif dialect is Dialect.MYSQL:
            lines.append(f"KEY {quoted(dialect, index.name)} ({parts})")
    if dialect is Dialect.SQLITE:
        lines += [_check(column) for column in COLUMNS if column.sort in ENUMS and table.column(column.name)]
    body = ",\n  ".join(lines)
    after = _MYSQL_OPTIONS if dialect is Dialect.MYSQL else ""
    return f"CREATE TABLE IF NOT EXISTS {quoted(dialect, table.name)} (\n  {body}\n){after}"


def index_sql(dialect: Dialect, table: DeclaredTable) -> Iterator[str]:
    """The statements that make the indexes that are no constraints."""
    for index in table.indexes:
        if not index.unique:
            parts = ", ".join(quoted(dialect, part) for part in index.parts)
            target = f"{quoted(dialect, table.name)} ({parts})"
            yield f"CREATE INDEX IF NOT EXISTS {quoted(dialect, index.name)} ON {target}"


def _line(dialect: Dialect, column: DeclaredColumn) -> str:
    words = [quoted(dialect, column.name), column.declared, "" if column.nullable else "NOT NULL"]
    if column.declared.startswith("char(") and dialect is Dialect.MYSQL:
        words.insert(2, "CHARACTER SET ascii COLLATE ascii_bin")
    return " ".join(filter(None, [*words, f"DEFAULT {column.default}" if column.default is not None else ""]))


def _check(column: GfxColumn) -> str:
    words = ", ".join(map(literal, ENUMS[column.sort]))
    return f"CHECK ({quoted(Dialect.SQLITE, column.name)} IN ({words}))"
