"""From the staged rows into a table that is there: counted, named and written in set operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from recon_cli.core.catalog import DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import DataError
from recon_cli.stores.bulk.base import Mode, Row, TableOutcome
from recon_cli.stores.bulk.mysql_link import Connection, ask, expression, quote, reader, run

_NAMED = 20
_BYTEWISE = frozenset({Kind.TEXT, Kind.JSON, Kind.ENUM, Kind.OTHER})


def merge(
    connection: Connection, table: DeclaredTable, stage: str, columns: Sequence[DeclaredColumn], mode: Mode
) -> TableOutcome:
    """Bring the staged rows in.

    Raises:
        DataError: the table has no key by which rows could be told apart, and is not empty.
    """
    if not table.key or not {*table.key} <= {column.name for column in columns}:
        return _without_key(connection, table, stage, columns, mode)
    return _Merging(connection, table, stage, columns).go(mode)


def _without_key(
    connection: Connection, table: DeclaredTable, stage: str, columns: Sequence[DeclaredColumn], mode: Mode
) -> TableOutcome:
    deleted = run(connection, f"DELETE FROM {quote(table.name)}") if mode is Mode.REPLACE else 0
    if ask(connection, f"SELECT 1 FROM {quote(table.name)} LIMIT 1"):
        hint = "import with `--mode replace`, or give the table a primary key"
        raise DataError(f"`{table.name}` has no key to tell rows apart, and is not empty", hint=hint)
    names = ", ".join(quote(column.name) for column in columns)
    inserted = run(connection, f"INSERT INTO {quote(table.name)} ({names}) SELECT {names} FROM {quote(stage)}")
    return TableOutcome(table.name, inserted=inserted, deleted=deleted)


class _Merging:
    """One table `t`, its staged rows `s`, joined by the key."""

    def __init__(
        self, connection: Connection, table: DeclaredTable, stage: str, columns: Sequence[DeclaredColumn]
    ) -> None:
        self._connection, self._table, self._columns = connection, table, columns
        self._names = [quote(column.name) for column in columns]
        self._cells = [column for column in columns if column.name not in table.key]
        on = " AND ".join(f"s.{quote(name)} = t.{quote(name)}" for name in table.key)
        self._joined = f"{quote(table.name)} t JOIN {quote(stage)} s ON {on}"
        self._new = f"{quote(stage)} s LEFT JOIN {quote(table.name)} t ON {on} WHERE t.{quote(table.key[0])} IS NULL"
        self._gone = f"{quote(table.name)} t LEFT JOIN {quote(stage)} s ON {on} WHERE s.{quote(table.key[0])} IS NULL"

    def go(self, mode: Mode) -> TableOutcome:
        """Count first, then write."""
        different = self._any(_differ(column) for column in self._cells)
        matched = self._count("")
        if mode is Mode.MERGE:
            changed, clash = self._any(map(_empty, self._cells)), self._any(map(_clash, self._cells))
            untouched = f"NOT ({changed}) AND NOT ({clash})"
        else:
            changed = "FALSE" if mode is Mode.INSERT else different
            clash = different if mode is Mode.INSERT else "FALSE"
            untouched = f"NOT ({different})"
        conflicts = self._count(clash)
        first = tuple(self._first(mode)) if conflicts else ()
        unchanged = self._count(untouched) if matched else 0
        updated = self._update(changed, mode)
        deleted = run(self._connection, f"DELETE t FROM {self._gone}") if mode is Mode.REPLACE else 0
        inserted = self._insert()
        return TableOutcome(
            self._table.name,
            inserted=inserted,
            updated=updated,
            deleted=deleted,
            unchanged=unchanged,
            conflicts=conflicts,
            first_conflicts=first,
        )

    @staticmethod
    def _any(conditions: Iterable[str]) -> str:
        return " OR ".join(conditions) or "FALSE"

    def _count(self, condition: str) -> int:
        if condition == "FALSE":
            return 0
        where = f" WHERE {condition}" if condition else ""
        return int(ask(self._connection, f"SELECT count(*) FROM {self._joined}{where}")[0][0])

    def _first(self, mode: Mode) -> list[tuple[Row, tuple[str, ...]]]:
        tell = _clash if mode is Mode.MERGE else _differ
        flags = [tell(column) for column in self._cells]
        key = [column for name in self._table.key if (column := self._table.column(name)) is not None]
        wanted = ", ".join([*(expression(column).replace("`", "t.`", 1) for column in key), *flags])
        order = ", ".join(f"t.{quote(name)}" for name in self._table.key)
        where = self._any(flags)
        found = ask(
            self._connection, f"SELECT {wanted} FROM {self._joined} WHERE {where} ORDER BY {order} LIMIT {_NAMED}"
        )
        readers = [reader(column) or (lambda cell: cell) for column in key]
        return [
            (
                tuple(read(cell) for read, cell in zip(readers, row, strict=False)),
                tuple(column.name for column, flag in zip(self._cells, row[len(key) :], strict=True) if flag),
            )
            for row in found
        ]

    def _update(self, changed: str, mode: Mode) -> int:
        if changed == "FALSE":
            return 0
        updated = self._count(changed)
        names = [quote(column.name) for column in self._cells]
        values = [f"coalesce(t.{name}, s.{name})" if mode is Mode.MERGE else f"s.{name}" for name in names]
        sets = ", ".join(f"t.{name} = {value}" for name, value in zip(names, values, strict=True))
        run(self._connection, f"UPDATE {self._joined} SET {sets} WHERE {changed}")
        return updated

    def _insert(self) -> int:
        names, values = ", ".join(self._names), ", ".join(f"s.{name}" for name in self._names)
        return run(
            self._connection, f"INSERT INTO {quote(self._table.name)} ({names}) SELECT {values} FROM {self._new}"
        )


def _differ(column: DeclaredColumn) -> str:
    """Null-safe, and text byte by byte."""
    ours, theirs = f"s.{quote(column.name)}", f"t.{quote(column.name)}"
    if column.kind in _BYTEWISE:
        ours, theirs = f"CAST({ours} AS BINARY)", f"CAST({theirs} AS BINARY)"
    return f"NOT ({ours} <=> {theirs})"


def _empty(column: DeclaredColumn) -> str:
    name = quote(column.name)
    return f"(t.{name} IS NULL AND s.{name} IS NOT NULL)"


def _clash(column: DeclaredColumn) -> str:
    name = quote(column.name)
    return f"(t.{name} IS NOT NULL AND s.{name} IS NOT NULL AND {_differ(column)})"
