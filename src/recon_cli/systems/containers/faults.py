"""What is wrong with a target, in words and with the statement that mends it."""

from __future__ import annotations

from collections.abc import Iterator

from recon_cli.core.catalog import Catalog, DeclaredTable, Kind
from recon_cli.systems.containers.table import LOG_COLUMNS, READING_COLUMNS, Names
from recon_cli.systems.tables.columns import Dialect, Sort, TableColumn, dialect_of
from recon_cli.systems.tables.faults import Fault
from recon_cli.systems.tables.statements import add_column

_NO_FUNCTION = frozenset({"42883", "PGRST202"})


def faults(catalog: Catalog, names: Names) -> tuple[Fault, ...]:
    """Everything that is wrong with the target."""
    if catalog.schemaless:
        why = f"readings within a window are compared by the database itself, and {catalog.engine} has no SQL"
        return (Fault(names.logs, "no database", f"{why}; use SQLite, Postgres, MySQL or Supabase"),)
    dialect = dialect_of(catalog)
    found = [
        *_table(dialect, catalog.table(names.logs), names.logs, LOG_COLUMNS),
        *_table(dialect, catalog.table(names.readings), names.readings, READING_COLUMNS),
    ]
    if catalog.table(names.rules) is None:
        found.append(Fault(names.rules, "no table", "nothing says how long the window is"))
    return tuple(found)


def text_for_time(catalog: Catalog, names: Names) -> str | None:
    """A column of times that Postgres has as text: no statement makes times of those without touching every row."""
    if catalog.engine != "postgresql":
        return None
    times = {column.name for column in (*LOG_COLUMNS, *READING_COLUMNS) if column.sort is Sort.MOMENT}
    tables = filter(None, map(catalog.table, (names.logs, names.readings)))
    columns = ((table.name, one) for table in tables for one in table.columns)
    return next((f"{table}.{one.name}" for table, one in columns if one.name in times and one.kind is Kind.TEXT), None)


def explained(code: str, message: str, names: Names) -> Fault | None:
    """A refusal by the server as the fault of the table behind it, if it is one."""
    if code in _NO_FUNCTION or (code == "42P01" and names.logs in message):
        return Fault(names.taker, "no function", f"the target cannot take readings in yet (it says: {message})")
    if code == "P0002":
        return Fault(names.rules, "no window", "nothing says how long the window is")
    return None


def _table(
    dialect: Dialect, table: DeclaredTable | None, name: str, columns: tuple[TableColumn, ...]
) -> Iterator[Fault]:
    if table is None:
        yield Fault(name, "no table", "the target has no such table")
        return
    there = {one.name for one in table.columns}
    for column in columns:
        if column.name not in there:
            sql = add_column(dialect, name, column) if column.nullable else ""
            yield Fault(f"{name}.{column.name}", "missing column", "the table lacks it", sql)
