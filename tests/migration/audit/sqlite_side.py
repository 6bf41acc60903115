"""What the SQLite file declares and holds, read with the standard library alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.migration.audit.model import Column, Database, ForeignKey, Index, Part, Table, Trigger
from tests.migration.audit.sqlite_words import Written, index_written, table_written, tokens

LAST = 2**63 - 1
BUILT_IN = {"BINARY", "NOCASE", "RTRIM"}
Rows = Iterator[tuple[object, ...]]


class Text(bytes):
    """TEXT as its bytes, whatever they are; a BLOB stays `bytes`."""

    __slots__ = ()


def opened(path: Path) -> sqlite3.Connection:
    """A reader; nothing is written to the file."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = str
    for (sql,) in connection.execute("SELECT sql FROM sqlite_schema WHERE sql LIKE '%collate%'").fetchall():
        every = tokens(sql)
        for place, token in enumerate(every[:-1]):
            if token.keyword == "COLLATE" and every[place + 1].name.upper() not in BUILT_IN:
                connection.create_collation(every[place + 1].name, _by_code)
    return connection


def _by_code(one: str, other: str) -> int:
    """Stands for a collation of the application's own, so that its tables can be read at all."""
    return (one > other) - (one < other)


def quoted(name: str) -> str:
    """A name as an identifier of either engine."""
    return '"' + name.replace('"', '""') + '"'


def described(db: sqlite3.Connection) -> Database:
    """Everything declared."""
    listed = {
        name: (kind, without_rowid)
        for schema, name, kind, _, without_rowid, _ in db.execute("PRAGMA table_list")
        if schema == "main" and not name.lower().startswith("sqlite_")
    }
    sql = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
    tables = {
        name: _virtual(db, name, sql[name]) if kind == "virtual" else _table(db, name, sql[name], bool(keyed))
        for name, (kind, keyed) in listed.items()
        if kind in {"table", "virtual"}
    }
    return Database(
        tables,
        tuple(name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")),
        tuple(Trigger(*row) for row in db.execute("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'")),
        tuple(name for name, (kind, _) in listed.items() if kind == "shadow"),
    )


def rows(db: sqlite3.Connection, table: Table) -> Rows:
    """All rows, a column each; TEXT as `Text`."""
    names = ", ".join(f"{quoted(table.name)}.{quoted(column.name)}" for column in table.columns)
    return bytes_of(db, f"SELECT {names} FROM {quoted(table.name)}")


def bytes_of(db: sqlite3.Connection, query: str) -> Rows:
    """A query's rows, TEXT as `Text`."""
    db.text_factory = Text
    try:
        yield from db.execute(query).fetchall()
    finally:
        db.text_factory = str


def _table(db: sqlite3.Connection, name: str, sql: str, without_rowid: bool) -> Table:  # noqa: FBT001  one caller
    written = table_written(sql)
    found = db.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
    key = [row for row in sorted(found, key=lambda row: row[5]) if row[5]]
    rowid = len(key) == 1 and key[0][2].upper() == "INTEGER" and not without_rowid and not _by_index(db, name)
    columns = tuple(
        Column(
            column,
            declared,
            nullable=not (not_null or (rowid and in_key) or (without_rowid and in_key)),
            default=default,
            generated=hidden in {2, 3},
            collation=_for(written.collations, column) or "BINARY",
            numbered=bool(rowid and in_key),
            next_number=_next(db, name, column, written) if rowid and in_key else None,
        )
        for _, column, declared, not_null, default, in_key, hidden in found
        if hidden != 1
    )
    keys = _foreign_keys(db, name, written)
    return Table(
        name,
        columns,
        tuple(row[1] for row in key),
        tuple(_indexes(db, name)),
        keys,
        tuple(written.checks),
        without_rowid=without_rowid,
    )


def _for(found: dict[str, str], column: str) -> str:
    return next((value for name, value in found.items() if name.lower() == column.lower()), "")


def _by_index(db: sqlite3.Connection, name: str) -> bool:
    """INTEGER PRIMARY KEY DESC is no rowid: an index enforces it."""
    return any(row[3] == "pk" for row in db.execute(f"PRAGMA index_list({quoted(name)})"))


def _next(db: sqlite3.Connection, name: str, column: str, written: Written) -> int | None:
    (last,) = db.execute(f"SELECT max({quoted(column)}) FROM {quoted(name)}").fetchone()
    given = 0
    if written.autoincrement:
        with suppress(sqlite3.OperationalError):
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ? COLLATE NOCASE", (name,)).fetchone()
            given = int(row[0] or 0) if row else 0
    highest = max(last if last is not None else 0, given)
    return None if highest >= LAST else highest + 1


def _virtual(db: sqlite3.Connection, name: str, sql: str) -> Table:
    every = tokens(sql)
    using = next(place for place, token in enumerate(every) if token.keyword == "USING")
    columns: tuple[Column, ...] = ()
    with suppress(sqlite3.Error):  # a module that this library does not have
        found = db.execute(f"PRAGMA table_xinfo({quoted(name)})").fetchall()
        columns = tuple(Column(row[1], row[2]) for row in found if row[6] != 1)
    return Table(name, columns, virtual=every[using + 1].name.lower())


def _indexes(db: sqlite3.Connection, table: str) -> Iterator[Index]:
    for _, name, unique, origin, *_ in db.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
        if origin == "pk":
            continue
        (sql,) = db.execute("SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = ?", (name,)).fetchone()
        texts, where = index_written(sql) if sql else ([], None)
        parts = tuple(
            Part(column or "", "" if column else texts[place], bool(desc), collation)
            for place, cid, column, desc, collation, is_key in db.execute(f"PRAGMA index_xinfo({quoted(name)})")
            if is_key and (column is not None or cid == -2)
        )
        yield Index(name, parts, bool(unique), where, origin == "u")


def _foreign_keys(db: sqlite3.Connection, name: str, written: Written) -> tuple[ForeignKey, ...]:
    grouped: dict[int, list[tuple[str, ...]]] = {}
    for row in db.execute(f"PRAGMA foreign_key_list({quoted(name)})").fetchall():
        grouped.setdefault(row[0], []).append(row)
    found = []
    for number, parts in sorted(grouped.items(), reverse=True):
        first = parts[0]
        targets = tuple(str(part[4]) for part in parts) if first[4] is not None else ()
        place = max(grouped) - number
        deferred = written.deferred[place] if place < len(written.deferred) else ""
        columns = tuple(str(part[3]) for part in parts)
        found.append(ForeignKey(columns, first[2], targets, first[6], first[5], deferred))
    return tuple(found)
