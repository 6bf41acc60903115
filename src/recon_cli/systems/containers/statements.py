"""The statements that make the tables, for each engine; every one may be run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from recon_cli.systems.containers import function
from recon_cli.systems.containers.table import (
    LOG_COLUMNS,
    LOG_INDEXES,
    NOW,
    READING_COLUMNS,
    READING_INDEXES,
    Dialect,
    LogColumn,
    Names,
    Sort,
)

_WORDS: Mapping[Dialect, Mapping[Sort, str]] = {
    Dialect.POSTGRES: {
        Sort.UUID: "uuid",
        Sort.MOMENT: "timestamp with time zone",
        Sort.WORD: "text",
        Sort.TEXT: "text",
        Sort.SMALL: "smallint",
        Sort.REAL: "double precision",
        Sort.FLAG: "boolean",
    },
    Dialect.SQLITE: {
        **dict.fromkeys((Sort.UUID, Sort.MOMENT, Sort.WORD, Sort.TEXT), "TEXT"),
        Sort.SMALL: "INTEGER",
        Sort.REAL: "REAL",
        Sort.FLAG: "INTEGER",
    },
    Dialect.MYSQL: {
        Sort.UUID: "char(36) CHARACTER SET ascii COLLATE ascii_bin",
        Sort.MOMENT: "datetime(6)",
        Sort.WORD: "varchar(255)",
        Sort.TEXT: "longtext",
        Sort.SMALL: "smallint",
        Sort.REAL: "double",
        Sort.FLAG: "boolean",
    },
}
_DEFAULTS = {
    Dialect.POSTGRES: {NOW: "now()", "no": "false"},
    Dialect.SQLITE: {NOW: "(strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))", "no": "0"},
    Dialect.MYSQL: {NOW: "(utc_timestamp(6))", "no": "false"},
}
_MYSQL_OPTIONS = " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
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
    made = [
        _table(dialect, names.logs, LOG_COLUMNS, LOG_INDEXES, partitioned=partitioned),
        _table(dialect, names.readings, READING_COLUMNS, READING_INDEXES, partitioned=partitioned),
        _rules(dialect, names),
        *_indexes(dialect, names.logs, LOG_INDEXES),
        *_indexes(dialect, names.readings, READING_INDEXES),
        _window(dialect, names, window_s),
    ]
    if dialect is Dialect.POSTGRES:
        made += function.statements(names, partitioned=partitioned, exposed=exposed)
    if partitioned:
        made.append(ahead(names))
    made.append(adopt(dialect, names))
    if exposed:
        made += [
            f"ALTER TABLE {quoted(dialect, one)} ENABLE ROW LEVEL SECURITY" for one in (names.readings, names.rules)
        ]
        made.append("NOTIFY pgrst, 'reload schema'")
    return tuple(made)


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


def add_column(dialect: Dialect, table: str, column: LogColumn) -> str:
    """The statement that gives an existing table a column; it may be empty there."""
    return (
        f"ALTER TABLE {quoted(dialect, table)} ADD COLUMN {quoted(dialect, column.name)} {_WORDS[dialect][column.sort]}"
    )


def quoted(dialect: Dialect, name: str) -> str:
    """A name as an identifier."""
    mark = "`" if dialect is Dialect.MYSQL else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def _table(
    dialect: Dialect,
    table: str,
    columns: tuple[LogColumn, ...],
    indexes: Mapping[str, tuple[str, ...]],
    *,
    partitioned: bool,
) -> str:
    lines = [_line(dialect, one) for one in columns]
    key = "id, captured_at" if partitioned else "id"
    lines.append(f"PRIMARY KEY ({key})")
    if dialect is Dialect.MYSQL:
        lines += [f"KEY {quoted(dialect, f'{table}_{name}')} ({', '.join(parts)})" for name, parts in indexes.items()]
    after = _MYSQL_OPTIONS if dialect is Dialect.MYSQL else " PARTITION BY RANGE (captured_at)" if partitioned else ""
    body = ",\n  ".join(lines)
    return f"CREATE TABLE IF NOT EXISTS {quoted(dialect, table)} (\n  {body}\n){after}"


def _line(dialect: Dialect, column: LogColumn) -> str:
    words = [quoted(dialect, column.name), _WORDS[dialect][column.sort]]
    words += [] if column.nullable else ["NOT NULL"]
    words += [f"DEFAULT {_DEFAULTS[dialect][column.default]}"] if column.default else []
    return " ".join(words)


def _rules(dialect: Dialect, names: Names) -> str:
    word = "varchar(64)" if dialect is Dialect.MYSQL else "text"
    after = _MYSQL_OPTIONS if dialect is Dialect.MYSQL else ""
    table = quoted(dialect, names.rules)
    return f"CREATE TABLE IF NOT EXISTS {table} (name {word} PRIMARY KEY, value {word} NOT NULL){after}"


def _indexes(dialect: Dialect, table: str, indexes: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for name, parts in indexes.items() if dialect is not Dialect.MYSQL else ():
        index = quoted(dialect, f"{table}_{name}")
        yield f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(dialect, table)} ({', '.join(parts)})"


def _window(dialect: Dialect, names: Names, window_s: float) -> str:
    table, value = quoted(dialect, names.rules), f"'window_s', '{window_s:g}'"
    if dialect is Dialect.MYSQL:
        return f"INSERT IGNORE INTO {table} VALUES ({value})"
    return f"INSERT INTO {table} VALUES ({value}) ON CONFLICT DO NOTHING"
