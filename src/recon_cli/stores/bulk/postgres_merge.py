"""Rows into a table that has some: staged by COPY in a table of the same types, then compared and merged as sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from recon_cli.core.catalog import DeclaredColumn, Kind
from recon_cli.core.errors import DataError
from recon_cli.stores.bulk.base import Mode, Row, TableOutcome
from recon_cli.stores.bulk.postgres_copy import Target, copy_in
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote, run
from recon_cli.stores.bulk.postgres_view import expression

_BY_VALUE = frozenset(
    {Kind.BOOLEAN, Kind.INTEGER, Kind.BYTES, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.UUID, Kind.ENUM}
)
"""Kinds whose `=` is sameness; of all others the text is compared, for 1.0 is not 1.00 in a backup."""
_NAMED = 20
_CLASHES, _CLASH, _FILL = (quote(f"recon {word}") for word in ("clashes", "clash", "fill"))
_OPEN = {"numeric": "numeric", "character": "text", "bpchar": "text", "timestamp": "timestamp", "time": "time"}


def stage(connection: Connection, target: Target, progress: Callable[[int], None]) -> None:
    """The rows that come, in a temporary table."""
    name = _staged(target)
    columns = _columns(target)
    listed = ", ".join(_opened(target, column) for column in columns)
    run(connection, f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {listed} FROM {_rows(target)} WITH NO DATA")
    for column in columns:
        if not column.nullable:
            run(connection, f"ALTER TABLE {name} ALTER {quote(column.name)} SET NOT NULL")
    copy_in(connection, target, name, progress)
    _check_room(connection, target)
    if target.key:
        run(connection, f"ALTER TABLE {name} ADD PRIMARY KEY ({_listed(target.key)})")
    run(connection, f"ANALYZE {name}")


def _staged(target: Target) -> str:
    return f"pg_temp.{quote('recon stage ' + sha256(target.name.encode()).hexdigest()[:16])}"


def _table(target: Target) -> str:
    return quote(target.name)


def _rows(target: Target) -> str:
    """What stands after FROM: the rows of this table, not of those that inherit from it."""
    return _table(target) if "partition_by" in target.declared.options else f"ONLY {_table(target)}"


def _columns(target: Target) -> list[DeclaredColumn]:
    by_name = {column.name: column for column in target.declared.columns}
    return [by_name[name] for name in target.columns]


def _opened(target: Target, column: DeclaredColumn) -> str:
    """The column; where the snapshot declares another type, one with room, so that nothing is cut or rounded unseen."""
    wide = _wide(target, column)
    return f"{quote(column.name)}::{wide} AS {quote(column.name)}" if wide else quote(column.name)


def _wide(target: Target, column: DeclaredColumn) -> str | None:
    source = target.incoming.declared.column(column.name)
    if source is not None and source.declared == column.declared:
        return None
    if column.declared == "real":
        return "float8"
    if "(" not in column.declared or column.declared.endswith("]"):
        return None
    head = column.declared.partition("(")[0].partition(" ")[0]
    zoned = "tz" if column.declared.endswith("with time zone") else ""
    return f"{_OPEN[head]}{zoned}" if head in _OPEN else None


def _check_room(connection: Connection, target: Target) -> None:
    """Say which value a narrower column would have cut or rounded."""
    for column in _columns(target):
        wide = _wide(target, column)
        if wide is None:
            continue
        name = quote(column.name)
        keys = ", ".join(f"{quote(one)}::text" for one in target.key) or f"{name}::text"
        narrow = f"{name}::{column.declared}::{wide}"
        cut = f"SELECT {keys} FROM {_staged(target)} WHERE {narrow} IS DISTINCT FROM {name} LIMIT 1"
        for found in run(connection, cut).fetchall():
            raise DataError(
                f"{target.name}: the row ({', '.join(map(str, found))}) does not fit in column {column.name}",
                cause=f"{column.declared} would cut or round it",
            )


def delete_gone(connection: Connection, target: Target, mode: Mode) -> int:
    """Under `replace`: rows that the snapshot does not have."""
    if mode is not Mode.REPLACE:
        return 0
    if target.key:
        found = f"SELECT FROM {_staged(target)} s WHERE {_same_key(target)}"
        return run(connection, f"DELETE FROM {_rows(target)} t WHERE NOT EXISTS ({found})").rowcount
    numbered = _numbered(_rows(target), target, "tableoid AS home, ctid AS place,")
    kept = f"SELECT FROM {_numbered(_staged(target), target)} s WHERE s.line = n.line AND s.nth = n.nth"
    gone = f"SELECT home, place FROM {numbered} n WHERE NOT EXISTS ({kept})"
    return run(connection, f"DELETE FROM {_rows(target)} WHERE (tableoid, ctid) IN ({gone})").rowcount


def merge(connection: Connection, target: Target, mode: Mode, deleted: int) -> TableOutcome:
    """What a staged table does to the one that is there."""
    if not target.key:
        return _merge_keyless(connection, target, deleted)
    verdict = _judge(connection, target, mode)
    matched = _number(
        connection, f"SELECT count(*) FROM {_staged(target)} s JOIN {_rows(target)} t ON {_same_key(target)}"
    )
    clashes = _number(connection, f"SELECT count(*) FROM {verdict} WHERE {_CLASH}")
    wins = mode in {Mode.UPSERT, Mode.REPLACE}
    updated = _update(connection, target, verdict, wins=wins) if mode is not Mode.INSERT else 0
    first = () if wins else tuple(_first(connection, target, verdict))
    conflicts = 0 if wins else clashes
    return TableOutcome(
        target.name,
        inserted=_insert(connection, target),
        updated=updated,
        deleted=deleted,
        unchanged=matched - _number(connection, f"SELECT count(*) FROM {verdict}"),
        conflicts=conflicts,
        first_conflicts=first,
    )


def _judge(connection: Connection, target: Target, mode: Mode) -> str:
    """A temporary table with the keys of rows that differ, which columns clash, and whether any does."""
    name = f"pg_temp.{quote('recon verdict')}"
    rest = [column for column in _columns(target) if column.name not in target.key]
    # IS NULL would look into a row value
    both = "s.{0} IS DISTINCT FROM NULL AND t.{0} IS DISTINCT FROM NULL AND " if mode is Mode.MERGE else ""
    clashes = [f"({both.format(quote(one.name))}{_differs(one)})" for one in rest]
    empty = "t.{0} IS NOT DISTINCT FROM NULL AND s.{0} IS DISTINCT FROM NULL"
    fills = [f"({empty.format(quote(one.name))})" for one in rest]
    clash, fill = " OR ".join(clashes) or "FALSE", " OR ".join(fills) if mode is Mode.MERGE and fills else "FALSE"
    keys = ", ".join(f"s.{quote(one)}" for one in target.key)
    run(connection, f"DROP TABLE IF EXISTS {name}")
    run(
        connection,
        f"CREATE TEMP TABLE {name} ON COMMIT DROP AS SELECT {keys}, ARRAY[{', '.join(clashes)}]::bool[] AS {_CLASHES},"
        f" ({clash}) AS {_CLASH}, ({fill}) AS {_FILL} FROM {_staged(target)} s JOIN {_rows(target)} t"
        f" ON {_same_key(target)} WHERE {clash} OR {fill}",
    )
    return name


def _differs(column: DeclaredColumn) -> str:
    name = quote(column.name)
    if column.kind in _BY_VALUE:
        return f"s.{name} IS DISTINCT FROM t.{name}"
    return f's.{name}::text COLLATE "C" IS DISTINCT FROM t.{name}::text COLLATE "C"'


def _update(connection: Connection, target: Target, verdict: str, *, wins: bool) -> int:
    """The snapshot's cells where it `wins`, else only where a cell is empty."""
    rest = [quote(column.name) for column in _columns(target) if column.name not in target.key]
    if not rest:
        return 0
    taken = "s.{0}" if wins else "coalesce(t.{0}, s.{0})"
    changes = ", ".join(f"{name} = {taken.format(name)}" for name in rest)
    judged = " AND ".join(f"v.{quote(one)} = s.{quote(one)}" for one in target.key)
    sql = (
        f"UPDATE {_rows(target)} t SET {changes} FROM {_staged(target)} s JOIN {verdict} v ON {judged}"
        f" WHERE {_same_key(target)} AND v.{_CLASH if wins else _FILL}"
    )
    return run(connection, sql).rowcount


def _insert(connection: Connection, target: Target) -> int:
    listed = _listed(target.columns)
    there = f"SELECT FROM {_rows(target)} t WHERE {_same_key(target)}"
    return run(
        connection,
        f"INSERT INTO {_table(target)} ({listed}) OVERRIDING SYSTEM VALUE"
        f" SELECT {listed} FROM {_staged(target)} s WHERE NOT EXISTS ({there})",
    ).rowcount


def _first(connection: Connection, target: Target, verdict: str) -> Iterator[tuple[Row, tuple[str, ...]]]:
    rest = [column.name for column in _columns(target) if column.name not in target.key]
    keys = [column for name in target.key for column in _columns(target) if column.name == name]
    shown = ", ".join(map(expression, keys))
    sql = f"SELECT {shown}, {_CLASHES} FROM {verdict} WHERE {_CLASH} ORDER BY {_listed(target.key)} LIMIT {_NAMED}"
    for *key, clashes in connection.execute(sql.encode(), binary=True).fetchall():
        yield tuple(key), tuple(name for name, clash in zip(rest, clashes, strict=True) if clash)


def _merge_keyless(connection: Connection, target: Target, deleted: int) -> TableOutcome:
    """Without a key a row is the same as one that says the same, each as often as it stands there."""
    listed = _listed(target.columns)
    into = f"{_table(target)} ({listed})" if listed else _table(target)  # a table may have no columns
    there = f"SELECT FROM {_numbered(_rows(target), target)} t WHERE t.line = s.line AND t.nth = s.nth"
    source = _numbered(_staged(target), target, f"{listed}," if listed else "")
    inserted = run(
        connection,
        f"INSERT INTO {into} OVERRIDING SYSTEM VALUE SELECT {listed} FROM {source} s WHERE NOT EXISTS ({there})",
    ).rowcount
    staged = _number(connection, f"SELECT count(*) FROM {_staged(target)}")
    return TableOutcome(target.name, inserted=inserted, deleted=deleted, unchanged=staged - inserted)


def _numbered(source: str, target: Target, more: str = "") -> str:
    cells = ", ".join(f"{quote(name)}::text" for name in target.columns)
    line = f'(ROW({cells})::text COLLATE "C")'
    return f"(SELECT {more} {line} AS line, row_number() OVER (PARTITION BY {line}) AS nth FROM {source})"


def _same_key(target: Target) -> str:
    return " AND ".join(f"t.{quote(one)} = s.{quote(one)}" for one in target.key)


def _number(connection: Connection, sql: str) -> int:
    return int(ask(connection, sql)[0][0])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))
