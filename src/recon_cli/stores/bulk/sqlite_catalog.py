"""What a SQLite database declares, from its pragmas and from the statements that it keeps.

Virtual tables are objects, and those that hold their own rows (FTS3 to 5 with content, R-tree, geopoly) are tables too,
with the option `virtual`: their rows are carried and put in anew, which builds the index again. A contentless FTS table
has no rows to carry, one with external content is rebuilt from its table. Shadow tables are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import apsw

from recon_cli.core.catalog import (
    Catalog,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredObject,
    DeclaredTable,
    Generated,
    Kind,
    Numbered,
)
from recon_cli.stores.bulk import sqlite_words as words
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted

KNOWN_COLLATIONS = frozenset({"BINARY", "NOCASE", "RTRIM"})
SEARCH = frozenset({"fts3", "fts4", "fts5"})
SPATIAL = frozenset({"rtree", "rtree_i32", "geopoly"})
_STRICT = {"INT": Kind.INTEGER, "INTEGER": Kind.INTEGER, "REAL": Kind.REAL, "TEXT": Kind.TEXT, "BLOB": Kind.BYTES}
_SETTINGS = ("user_version", "application_id", "encoding")
_VIRTUAL, _STORED = 2, 3


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of PRAGMA table_list, with its statement."""

    name: str
    type: str
    without_rowid: bool
    strict: bool
    sql: str


def listed(db: apsw.Connection) -> list[Listed]:
    """Tables, views, virtual and shadow tables by name, without SQLite's own."""
    kept = {
        name: sql or "" for name, sql in ask(db, "SELECT name, sql FROM sqlite_schema WHERE type IN ('table','view')")
    }
    found = ask(db, "SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main' ORDER BY name")
    return [
        Listed(name, kind, bool(without), bool(strict), kept.get(name, ""))
        for name, kind, without, strict in found
        if not name.lower().startswith("sqlite_")
    ]


def read_catalog(db: apsw.Connection) -> Catalog:
    """Everything declared."""
    counters = _counters(db)
    tables = []
    for one in listed(db):
        if one.type == "table":
            tables.append(_table(db, one, counters.get(one.name.lower())))
        elif one.type == "virtual" and (found := _virtual(db, one)) is not None:
            tables.append(found)
    settings = {name: _pragma(db, name) for name in _SETTINGS}
    return Catalog("sqlite", tuple(tables), _objects(db), settings, "3")


def _pragma(db: apsw.Connection, name: str) -> str | int:
    found: str | int = db.pragma(name)
    return found


def _counters(db: apsw.Connection) -> Mapping[str, int]:
    if not db.table_exists("main", "sqlite_sequence"):
        return {}
    rows = ask(db, "SELECT name, seq FROM sqlite_sequence WHERE typeof(seq) = 'integer'")
    return {str(name).lower(): seq for name, seq in rows}


def _objects(db: apsw.Connection) -> tuple[DeclaredObject, ...]:
    """In the order in which they were created: a trigger stands behind what it hangs on."""
    rows = ask(
        db,
        "SELECT type, name, sql, tbl_name FROM sqlite_schema WHERE type IN ('view', 'trigger')"
        " OR type = 'table' AND rootpage = 0 ORDER BY rowid",
    )
    return tuple(
        DeclaredObject("virtual table" if kind == "table" else kind, name, sql, table if kind == "trigger" else None)
        for kind, name, sql, table in rows
        if sql
    )


def _table(db: apsw.Connection, one: Listed, counter: int | None) -> DeclaredTable:
    said = words.written(one.sql)
    raw = ask(db, "SELECT * FROM pragma_table_xinfo(?)", (one.name,))
    alias = _row_number_alias(one, raw)
    columns = tuple(_column(db, one, row, said, alias) for row in raw if row[6] != 1)
    keys = sorted((row[5], row[1]) for row in raw if row[5])
    return DeclaredTable(
        one.name,
        columns,
        key=tuple(name for _, name in keys),
        key_name=said.key_name,
        indexes=_indexes(db, one.name, said),
        foreign_keys=_foreign_keys(db, one.name, said),
        checks=tuple(said.checks),
        options={name: "yes" for name in ("strict", "without_rowid") if getattr(one, name)},
        counter=counter,
        sql=one.sql,
    )


def _row_number_alias(one: Listed, raw: list[tuple[Any, ...]]) -> object:
    """The column that is the row number itself: INTEGER PRIMARY KEY, alone, and not DESC within the column."""
    keys = [row for row in raw if row[5]]
    if one.without_rowid or len(keys) != 1 or str(keys[0][2]).upper() != "INTEGER":
        return None
    return keys[0][1]


def _column(
    db: apsw.Connection, one: Listed, row: tuple[Any, ...], said: words.Written, alias: object
) -> DeclaredColumn:
    _, name, declared, not_null, default, _, hidden = row
    _, collation, _, _, counted = db.column_metadata("main", one.name, name)
    number = name == alias and _is_row_number(db, one.name)
    kind = _STRICT.get(declared.upper(), Kind.ANY) if one.strict else Kind.INTEGER if number else Kind.ANY
    return DeclaredColumn(
        name,
        declared,
        kind,
        nullable=not not_null and not number,
        default=str(default) if default is not None and not hidden else None,
        numbered=Numbered.AUTOINCREMENT if counted else Numbered.NO,
        generated={_VIRTUAL: Generated.VIRTUAL, _STORED: Generated.STORED}.get(hidden, Generated.NO),
        expression=said.generated.get(name.lower()) if hidden else None,
        collation=None if collation in (None, "BINARY") else collation,
        comment=said.notes.get(name.lower()),
    )


def _is_row_number(db: apsw.Connection, table: str) -> bool:
    """A key that is the row number has no index of its own; `INTEGER PRIMARY KEY DESC` has one, by an old mistake."""
    return not ask(db, "SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (table,))


def _indexes(db: apsw.Connection, table: str, said: words.Written) -> tuple[DeclaredIndex, ...]:
    found = []
    sources = dict(ask(db, "SELECT name, sql FROM sqlite_schema WHERE type = 'index'"))
    for name, unique, origin in ask(db, 'SELECT name, "unique", origin FROM pragma_index_list(?)', (table,)):
        if origin == "pk":
            continue
        raw = ask(db, "SELECT cid, name FROM pragma_index_xinfo(?) WHERE key", (name,))
        found.append(_index(name, raw, sources.get(name), said, unique=bool(unique)))
    return tuple(sorted(found, key=lambda index: index.name))


def _index(
    name: str, raw: list[tuple[Any, ...]], sql: str | None, said: words.Written, *, unique: bool
) -> DeclaredIndex:
    if sql is None:
        parts = tuple(str(column) for _, column in raw)
        lower = tuple(part.lower() for part in parts)
        named = next((constraint for constraint, columns in said.unique if columns == lower), "")
        return DeclaredIndex(name, parts, unique=True, constraint=named)
    text = words.written_index(sql)
    parts = tuple(
        column if column is not None else text.parts[place] if place < len(text.parts) else ""
        for place, (_, column) in enumerate(raw)
    )
    expressions = tuple(place for place, (number, _) in enumerate(raw) if number == -2)  # noqa: PLR2004  as documented
    return DeclaredIndex(name, parts, unique, text.where, expressions=expressions, sql=sql)


def _foreign_keys(db: apsw.Connection, table: str, said: words.Written) -> tuple[DeclaredForeignKey, ...]:
    """In the order in which they were written; SQLite counts them backwards."""
    raw = ask(
        db,
        'SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq',
        (table,),
    )
    found: dict[int, DeclaredForeignKey] = {}
    for number, parent, column, target, on_update, on_delete in raw:
        one = found.get(number) or DeclaredForeignKey(
            (), parent, (), on_delete=_action(on_delete), on_update=_action(on_update)
        )
        targets = (*one.targets, target) if target is not None else one.targets
        found[number] = replace(one, columns=(*one.columns, column), targets=targets)
    ordered = [replace(one, targets=one.targets or _key(db, one.table)) for one in found.values()]
    if len(said.references) != len(ordered):
        return tuple(ordered)
    return tuple(
        replace(one, name=name, deferrable=deferrable)
        for one, (name, deferrable) in zip(ordered, said.references, strict=True)
    )


def _action(text: str) -> str:
    return "" if text == "NO ACTION" else text


def _key(db: apsw.Connection, table: str) -> tuple[str, ...]:
    rows = ask(db, "SELECT name FROM pragma_table_xinfo(?) WHERE pk ORDER BY pk", (table,))
    return tuple(name for (name,) in rows)


def _virtual(db: apsw.Connection, one: Listed) -> DeclaredTable | None:
    """A virtual table that holds rows of its own, as a table; None where none can be carried."""
    name, arguments = words.module(one.sql)
    if name not in SEARCH | SPATIAL or (name in SEARCH and outside_content(arguments) is not None):
        return None
    try:
        raw = ask(db, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid", (one.name,))
        db.execute(f"SELECT 1 FROM {quoted(one.name)} LIMIT 0")
    except apsw.Error:  # a tokenizer of the program's own
        return None
    columns = tuple(DeclaredColumn(column) for (column,) in raw)
    if name in {"rtree", "rtree_i32"}:
        columns = (replace(columns[0], kind=Kind.INTEGER), *columns[1:])
    else:
        columns = (DeclaredColumn("rowid", "INTEGER", Kind.INTEGER), *columns)
    return DeclaredTable(one.name, columns, key=(columns[0].name,), options={"virtual": name})


def outside_content(arguments: tuple[str, ...]) -> str | None:
    """Where the content of an FTS table lies when not in itself: a table's name, empty for nowhere (contentless)."""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if equals and name.strip().lower() == "content":
            return words.unquoted(value.strip())
    return None
