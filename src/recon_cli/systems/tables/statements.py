"""Statements that make tables, for each engine; every one may be run again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recon_cli.core.catalog import DeclaredColumn, DeclaredTable
from recon_cli.systems.tables.columns import Dialect, TableColumn, Vocabulary, declared, literal

MYSQL_OPTIONS = " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
RELOAD = "NOTIFY pgrst, 'reload schema'"
"""Tells a REST server to look at the schema anew."""


def table_sql(dialect: Dialect, table: DeclaredTable, columns: Iterable[TableColumn] = (), *, by: str = "") -> str:
    """The statement that makes a table, where it is not there.

    Args:
        dialect: whose SQL.
        table: the table in the engine's words.
        columns: those whose vocabulary a check has to keep, where the engine has no type for it (SQLite).
        by: the column by whose ranges the table is partitioned (Postgres).
    """
    lines = [_line(dialect, column) for column in table.columns]
    lines.append(f"PRIMARY KEY ({_listed(dialect, table.key)})")
    for index in table.indexes:
        if index.unique:
            lines.append(f"CONSTRAINT {quoted(dialect, index.name)} UNIQUE ({_listed(dialect, index.parts)})")
        elif dialect is Dialect.MYSQL:
            lines.append(f"KEY {quoted(dialect, index.name)} ({_listed(dialect, index.parts)})")
    if dialect is Dialect.SQLITE:
        lines += [_check(column.name, column.words) for column in columns if column.words]
    body = ",\n  ".join(lines)
    after = MYSQL_OPTIONS if dialect is Dialect.MYSQL else f" PARTITION BY RANGE ({quoted(dialect, by)})" if by else ""
    return f"CREATE TABLE IF NOT EXISTS {quoted(dialect, table.name)} (\n  {body}\n){after}"


def index_sql(dialect: Dialect, table: DeclaredTable) -> Iterator[str]:
    """The statements that make the indexes that are no constraints; in MySQL the table's own statement has them."""
    for index in table.indexes if dialect is not Dialect.MYSQL else ():
        if not index.unique:
            target = f"{quoted(dialect, table.name)} ({_listed(dialect, index.parts)})"
            yield f"CREATE INDEX IF NOT EXISTS {quoted(dialect, index.name)} ON {target}"


def type_sql(known: Vocabulary) -> str:
    """The statement that makes a vocabulary's type (Postgres)."""
    made = f"CREATE TYPE {known.name} AS ENUM ({', '.join(map(literal, known.words))})"
    return f"DO $$ BEGIN {made}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"


def add_column(dialect: Dialect, table: str, column: TableColumn) -> str:
    """The statement that gives an existing table a column. It may be empty there: older rows have nothing to say."""
    (made,) = declared(dialect, (column,))
    constant = made.default is None or made.default.startswith("'")
    line = _line(dialect, DeclaredColumn(made.name, made.declared, made.kind, True, made.default if constant else None))  # noqa: FBT003  nullable
    return f"ALTER TABLE {quoted(dialect, table)} ADD COLUMN {line}"


def add_unique(dialect: Dialect, table: str, column: str) -> str:
    """The statement that makes each value of a column stand once."""
    unless = "" if dialect is Dialect.MYSQL else "IF NOT EXISTS "
    target = f"{quoted(dialect, table)} ({quoted(dialect, column)})"
    return f"CREATE UNIQUE INDEX {unless}{quoted(dialect, f'{table}_{column}_key')} ON {target}"


def drop_unique(dialect: Dialect, table: str, index: str, *, constraint: bool) -> str:
    """The statement that lifts a unique index; empty where the engine can only do it by making the table anew."""
    if dialect is Dialect.MYSQL:
        return f"ALTER TABLE {quoted(dialect, table)} DROP INDEX {quoted(dialect, index)}"
    if dialect is Dialect.POSTGRES and constraint:
        return f"ALTER TABLE {quoted(dialect, table)} DROP CONSTRAINT {quoted(dialect, index)}"
    return "" if constraint else f"DROP INDEX {quoted(dialect, index)}"


def nullable(dialect: Dialect, table: str, column: DeclaredColumn) -> str:
    """The statement that lets a column be empty; empty where the engine can only do it by making the table anew."""
    if dialect is Dialect.POSTGRES:
        return f"ALTER TABLE {quoted(dialect, table)} ALTER COLUMN {quoted(dialect, column.name)} DROP NOT NULL"
    if dialect is Dialect.MYSQL:
        return f"ALTER TABLE {quoted(dialect, table)} MODIFY {quoted(dialect, column.name)} {column.declared} NULL"
    return ""


def closed(table: str) -> str:
    """The statement that closes a table to all but the service's own key, where a REST server shows it (Postgres)."""
    return f"ALTER TABLE {quoted(Dialect.POSTGRES, table)} ENABLE ROW LEVEL SECURITY"


def quoted(dialect: Dialect, name: str) -> str:
    """A name as an identifier."""
    mark = "`" if dialect is Dialect.MYSQL else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def _line(dialect: Dialect, column: DeclaredColumn) -> str:
    words = [quoted(dialect, column.name), column.declared, "" if column.nullable else "NOT NULL"]
    if column.declared.startswith("char(") and dialect is Dialect.MYSQL:
        words.insert(2, "CHARACTER SET ascii COLLATE ascii_bin")
    return " ".join(filter(None, [*words, f"DEFAULT {column.default}" if column.default is not None else ""]))


def _check(name: str, known: Vocabulary) -> str:
    return f"CHECK ({quoted(Dialect.SQLITE, name)} IN ({', '.join(map(literal, known.words))}))"


def _listed(dialect: Dialect, names: Iterable[str]) -> str:
    return ", ".join(quoted(dialect, name) for name in names)
