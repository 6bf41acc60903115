"""The statements that make the tables, for each engine; every one may be run again."""

from __future__ import annotations

from datetime import date

from recon_cli.systems.containers import function
from recon_cli.systems.containers.table import Names, declared_tables
from recon_cli.systems.tables.columns import Dialect
from recon_cli.systems.tables.statements import MYSQL_OPTIONS, RELOAD, closed, index_sql, quoted, table_sql

_AHEAD = 3
"""Months whose partitions are made before their first reading comes."""


def create(
    dialect: Dialect, names: Names, window_s: float, *, partitioned: bool = False, exposed: bool = False
) -> tuple[str, ...]:
    """All tables with their indexes, the window, the rows that were there as readings, and Postgres's functions.

    Args:
        dialect: whose SQL.
        names: what the tables are called.
        window_s: how long the window is, where none is known yet.
        partitioned: tables that are made here are partitioned by month (Postgres).
        exposed: a REST server shows the schema to others: new tables are closed to all but the service's key.
    """
    tables = declared_tables(dialect, names, partitioned=partitioned)
    made = [
        *(table_sql(dialect, one, by="captured_at" if partitioned else "") for one in tables),
        _rules(dialect, names),
        *(index for one in tables for index in index_sql(dialect, one)),
        _window(dialect, names, window_s),
    ]
    if dialect is Dialect.POSTGRES:
        made += function.statements(names, partitioned=partitioned, exposed=exposed)
        made += telling(names)
    if partitioned:
        made.append(ahead(names))
    made.append(adopt(dialect, names))
    if exposed:
        made += [closed(names.readings), closed(names.rules), RELOAD]
    return tuple(made)


def telling(names: Names) -> tuple[str, ...]:
    """Postgres tells whoever listens that logs came in, whichever program inserts them."""
    told, logs = f"{names.logs}_told", quoted(Dialect.POSTGRES, names.logs)
    function = (
        f'CREATE OR REPLACE FUNCTION "{told}"() RETURNS trigger LANGUAGE plpgsql'
        f" AS $told$ BEGIN PERFORM pg_notify(TG_ARGV[0], ''); RETURN NULL; END $told$"
    )
    trigger = f'CREATE TRIGGER "{told}" AFTER INSERT ON {logs} FOR EACH STATEMENT EXECUTE FUNCTION "{told}"(\'{told}\')'
    once = f"SELECT FROM pg_trigger WHERE tgname = '{told}' AND tgrelid = '{logs}'::regclass"
    return function, f"DO $once$ BEGIN IF NOT EXISTS ({once}) THEN {trigger}; END IF; END $once$"


def ahead(names: Names, since: date | None = None) -> str:
    """The statement that makes the partitions of this month and the next ones."""
    start = f"timestamp '{since:%Y-%m-01}'" if since else "date_trunc('month', now() AT TIME ZONE 'UTC')"
    months = f"generate_series({start}, {start} + interval '{_AHEAD} months', interval '1 month') AS m"
    return f'SELECT "{names.logs}_month"(m) FROM {months}'


def adopt(dialect: Dialect, names: Names) -> str:
    """Rows that another program wrote become readings that stand in any case."""
    at = "l.captured_at"
    if dialect is Dialect.SQLITE:
        at = f"coalesce(strftime('%Y-%m-%d %H:%M:%f000+00:00', {at}), {at})"
    common = "container_owner, container_number, source_video, cropped_image_ref"
    logs, readings = quoted(dialect, names.logs), quoted(dialect, names.readings)
    told = ", ".join(f"l.{one}" for one in common.split(", "))
    return (
        f"INSERT INTO {readings} (id, captured_at, {common}, log_id, pinned)"
        f" SELECT l.id, {at}, {told}, l.id, {'1' if dialect is Dialect.SQLITE else 'true'} FROM {logs} l"
        f" WHERE l.captured_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {readings} r WHERE r.id = l.id)"
    )


def _rules(dialect: Dialect, names: Names) -> str:
    word = "varchar(64)" if dialect is Dialect.MYSQL else "text"
    after = MYSQL_OPTIONS if dialect is Dialect.MYSQL else ""
    table = quoted(dialect, names.rules)
    return f"CREATE TABLE IF NOT EXISTS {table} (name {word} PRIMARY KEY, value {word} NOT NULL){after}"


def _window(dialect: Dialect, names: Names, window_s: float) -> str:
    table, value = quoted(dialect, names.rules), f"'window_s', '{window_s:g}'"
    if dialect is Dialect.MYSQL:
        return f"INSERT IGNORE INTO {table} VALUES ({value})"
    return f"INSERT INTO {table} VALUES ({value}) ON CONFLICT DO NOTHING"
