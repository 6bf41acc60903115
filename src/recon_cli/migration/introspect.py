"""What the bulk store's catalog does not tell of a SQLite database and a migration needs.

The order and the collation of an index's parts, the columns of views, by which name a row number can be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import apsw

from recon_cli.core.catalog import Catalog, DeclaredTable, Kind
from recon_cli.stores.bulk.sqlite_open import ask

_ROW_NUMBERS = ("rowid", "_rowid_", "oid")
_EXPRESSION = -2


@dataclass(frozen=True, slots=True)
class IndexPart:
    """A column by name, or None for an expression."""

    column: str | None
    descending: bool
    collation: str


@dataclass(frozen=True, slots=True)
class Source:
    """A SQLite database as declared."""

    catalog: Catalog
    parts: Mapping[str, tuple[IndexPart, ...]]
    """Of each index, by its name."""
    view_columns: Mapping[str, tuple[str, ...]]
    key_collations: Mapping[str, Mapping[str, str]]
    """Of each table: its key's columns that are not compared by bytes."""


def read_source(db: apsw.Connection, catalog: Catalog) -> Source:
    """Everything declared."""
    parts = {index.name: _parts(db, index.name) for table in catalog.tables for index in table.indexes}
    views = {one.name: _columns(db, one.name) for one in catalog.objects if one.kind == "view"}
    keys = {table.name: _key_collations(db, table.name) for table in catalog.tables if "virtual" not in table.options}
    return Source(catalog, parts, views, keys)


def _parts(db: apsw.Connection, index: str) -> tuple[IndexPart, ...]:
    rows = ask(db, 'SELECT cid, name, "desc", coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno', (index,))
    return tuple(
        IndexPart(None if number == _EXPRESSION else name, bool(descending), str(collation).upper())
        for number, name, descending, collation in rows
    )


def _columns(db: apsw.Connection, view: str) -> tuple[str, ...]:
    try:
        return tuple(name for (name,) in ask(db, "SELECT name FROM pragma_table_info(?) ORDER BY cid", (view,)))
    except apsw.Error:  # a view that reads what is no longer there
        return ()


def _key_collations(db: apsw.Connection, table: str) -> dict[str, str]:
    names = ask(db, "SELECT name FROM pragma_index_list(?) WHERE origin = 'pk'", (table,))
    if not names:
        return {}
    rows = ask(db, "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", names[0])
    return {name: str(collation).upper() for name, collation in rows if str(collation).upper() != "BINARY"}


def row_number(table: DeclaredTable) -> str:
    """A name by which a table's row number can be asked for; empty where there is none."""
    if "without_rowid" in table.options:
        return ""
    if "virtual" in table.options:
        return f'"{table.key[0]}"'
    taken = {column.name.lower() for column in table.columns}
    return next((name for name in _ROW_NUMBERS if name not in taken), "")


def numbered(table: DeclaredTable) -> bool:
    """Whether the key is the row number itself."""
    if "virtual" in table.options:
        return True
    if len(table.key) != 1 or "without_rowid" in table.options:
        return False
    column = table.column(table.key[0])
    is_number = column is not None and column.declared.upper() == "INTEGER" and column.kind is Kind.INTEGER
    return is_number and column is not None and not column.nullable
