"""The statements that make the tables and the view, for each engine; every one may be run again."""

from __future__ import annotations

from collections.abc import Collection

from recon_cli.systems.gfx.table import COLUMNS, USUAL, VOCABULARIES, Names, declared_tables
from recon_cli.systems.tables.columns import Dialect
from recon_cli.systems.tables.statements import RELOAD, closed, index_sql, quoted, table_sql, type_sql

_RANK = "hand_count IS NULL, hand_count DESC, session_end_time IS NULL, session_end_time DESC, file_hash"
"""Nothing of this depends on when a row arrived."""


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
    tables = declared_tables(dialect, names)
    made = [*(map(type_sql, VOCABULARIES) if dialect is Dialect.POSTGRES else ())]
    made += [table_sql(dialect, tables[0], COLUMNS), table_sql(dialect, tables[1])]
    made += [index for one in tables for index in index_sql(dialect, one)]
    made += latest(dialect, names, has=has)
    if exposed:
        made += [closed(one.name) for one in (tables if has is None else tables[1:])]
        made.append(RELOAD)
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
