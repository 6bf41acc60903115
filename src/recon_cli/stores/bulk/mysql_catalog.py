"""What a MySQL or MariaDB database declares, from information_schema and SHOW CREATE.

`options` of a table: `engine`, `collation`, and `on_update` (JSON: column → expression) for columns that renew their
time. A part of an index that takes a column's beginning only is the expression `` `name`(10)``. Not carried, and named
in `settings["not_carried"]`: events, partitions.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from recon_cli.core.catalog import (
    Catalog,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredObject,
    DeclaredTable,
    Generated,
    Kind,
    Numbered,
)
from recon_cli.stores.bulk.mysql_link import Connection, ask, is_journal, literal, quote

MAKING = "recon: being created"
"""The comment of a table from its creation to the commit; empty and so marked, it is not there for anybody."""
_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"), Kind.INTEGER),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), Kind.TEXT),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Kind.BYTES),
    **dict.fromkeys(("geometry", "point", "linestring", "polygon", "multipoint", "multipolygon"), Kind.BYTES),
    **dict.fromkeys(("multilinestring", "geometrycollection", "geomcollection"), Kind.BYTES),
    **dict.fromkeys(("double", "float"), Kind.REAL),
    "decimal": Kind.DECIMAL,
    "datetime": Kind.TIMESTAMP,
    "timestamp": Kind.TIMESTAMPTZ,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "json": Kind.JSON,
    "enum": Kind.ENUM,
    "uuid": Kind.UUID,
}
_HERE = "table_schema = database()"
_TABLES = f"""
SELECT table_name, engine, table_collation, auto_increment, table_comment, create_options
FROM information_schema.tables WHERE {_HERE} AND table_type IN ('BASE TABLE', 'SEQUENCE') ORDER BY table_name"""
_COLUMNS = f"""
SELECT table_name, column_name, data_type, column_type, is_nullable, column_default, extra, generation_expression,
       collation_name, column_comment
FROM information_schema.columns WHERE {_HERE} ORDER BY table_name, ordinal_position"""
_INDEXES = f"""
SELECT table_name, index_name, non_unique, column_name, sub_part, index_type
FROM information_schema.statistics WHERE {_HERE} ORDER BY table_name, index_name, seq_in_index"""
_LINKS = """
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, k.referenced_column_name,
       r.delete_rule, r.update_rule
FROM information_schema.key_column_usage k
JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = database() AND k.referenced_table_name IS NOT NULL
ORDER BY k.table_name, k.constraint_name, k.ordinal_position"""
_MARIA_CHECKS = """
SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints
WHERE constraint_schema = database() ORDER BY table_name, constraint_name"""
_MYSQL_CHECKS = """
SELECT t.table_name, c.constraint_name, c.check_clause
FROM information_schema.check_constraints c JOIN information_schema.table_constraints t
  ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
WHERE c.constraint_schema = database() ORDER BY t.table_name, c.constraint_name"""
_LEFT = """
SELECT concat('event ', event_name) FROM information_schema.events WHERE event_schema = database()
UNION ALL SELECT DISTINCT concat('partitions of ', table_name) FROM information_schema.partitions
WHERE table_schema = database() AND partition_name IS NOT NULL"""
_DEFINER = re.compile(r"\bDEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*` ")


def is_mariadb(connection: Connection) -> bool:
    """Whether it is MariaDB; defaults and checks are told in other ways by MySQL."""
    return "mariadb" in str(ask(connection, "SELECT version()")[0][0]).lower()


def read_tables(connection: Connection) -> dict[str, DeclaredTable]:
    """Every table, by name."""
    maria = is_mariadb(connection)
    columns, indexes = _grouped(ask(connection, _COLUMNS)), _grouped(ask(connection, _INDEXES))
    links = _grouped(ask(connection, _LINKS))
    checks = _grouped(ask(connection, _MARIA_CHECKS if maria else _MYSQL_CHECKS))
    found = {}
    for name, *rest in ask(connection, _TABLES):
        if not is_journal(name) and rest[3] != MAKING:
            parts = (columns[name], indexes[name], links[name], checks[name])
            found[name] = _table(name, rest, parts, maria=maria)
    return found


def as_made(connection: Connection, table: DeclaredTable) -> DeclaredTable:
    """The table with the types that its columns have here; sees tables that information_schema does not show."""
    types = {row[0]: str(row[1]) for row in ask(connection, f"SHOW COLUMNS FROM {quote(table.name)}")}
    columns = tuple(
        replace(
            one, declared=types[one.name], kind=_KINDS.get(re.split(r"[( ]", types[one.name])[0].lower(), Kind.OTHER)
        )
        for one in table.columns
    )
    return replace(table, columns=columns)


def _grouped(rows: Sequence[tuple[Any, ...]]) -> defaultdict[str, list[tuple[Any, ...]]]:
    groups: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for name, *rest in rows:
        groups[name].append(tuple(rest))
    return groups


def _table(name: str, about: Sequence[Any], parts: tuple[list[tuple[Any, ...]], ...], *, maria: bool) -> DeclaredTable:
    engine, collation, counter, comment, _options = about
    columns, indexes, links, checks = parts
    documents = {column for column, *_ in columns for _, clause in checks if clause == f"json_valid(`{column}`)"}
    renewed = {row[0]: match[1] for row in columns if (match := re.search(r"on update (\S+)", row[5], re.IGNORECASE))}
    options = {"engine": engine or "", "collation": collation or ""}
    if renewed:
        options["on_update"] = json.dumps(renewed)
    key = tuple(row[2] for row in indexes if row[0] == "PRIMARY")
    return DeclaredTable(
        name,
        tuple(_column(row, documents, maria=maria) for row in columns),
        key,
        indexes=tuple(_indexes(indexes, {row[1] for row in links})),
        foreign_keys=tuple(_links(links)),
        checks=tuple(DeclaredCheck(clause, check) for check, clause in checks),
        options=options,
        counter=int(counter) - 1 if counter is not None else None,
        comment=comment or None,
    )


def _column(row: tuple[Any, ...], documents: set[str], *, maria: bool) -> DeclaredColumn:
    name, kind, declared, nullable, default, extra, made, collation, comment = row
    words = extra.lower()
    generated = Generated.NO
    if made:
        generated = Generated.STORED if "stored" in words or "persistent" in words else Generated.VIRTUAL
    return DeclaredColumn(
        name,
        declared,
        Kind.JSON if name in documents else _KINDS.get(kind.lower(), Kind.OTHER),
        nullable=nullable == "YES",
        default=None if generated else _default(default, kind, words, maria=maria),
        numbered=Numbered.AUTOINCREMENT if "auto_increment" in words else Numbered.NO,
        generated=generated,
        expression=made or None,
        collation=collation,
        comment=comment or None,
    )


def _default(default: str | None, kind: str, words: str, *, maria: bool) -> str | None:
    """As SQL: MariaDB tells it so, MySQL tells a literal without its quotes."""
    if default is None or (maria and default == "NULL"):
        return None
    if maria or "default_generated" in words or default.upper().startswith("CURRENT_TIMESTAMP"):
        return default
    number = kind.lower() in {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "decimal", "double", "float"}
    return default if number or re.fullmatch(r"b'[01]*'", default) else literal(default)


def _indexes(rows: Sequence[tuple[Any, ...]], links: set[str]) -> Iterator[DeclaredIndex]:
    """All but the primary key and those that a foreign key makes for itself."""
    grouped = _grouped(rows)
    for name, parts in grouped.items():
        if name == "PRIMARY" or name in links:
            continue
        unique, method = not parts[0][0], str(parts[0][3]).lower()
        told = tuple(f"{quote(column)}({length})" if length else column for _, column, length, _ in parts)
        cut = tuple(place for place, part in enumerate(parts) if part[2])
        yield DeclaredIndex(
            name, told, unique, method=method, expressions=cut, constraint=name if unique and not cut else None
        )


def _links(rows: Sequence[tuple[Any, ...]]) -> Iterator[DeclaredForeignKey]:
    for name, parts in _grouped(rows).items():
        columns, targets = tuple(part[0] for part in parts), tuple(part[2] for part in parts)
        deleted, updated = ("" if rule in {"RESTRICT", "NO ACTION"} else rule for rule in parts[0][3:5])
        yield DeclaredForeignKey(columns, parts[0][1], targets, name, deleted, updated)


def read_catalog(connection: Connection, database: str) -> Catalog:
    """Everything declared."""
    version, encoding, collation = ask(connection, "SELECT version(), @@character_set_database, @@collation_database")[
        0
    ]
    settings: dict[str, str | int] = {"schema": database, "encoding": encoding, "collation": collation}
    left = ", ".join(sorted(str(row[0]) for row in ask(connection, _LEFT)))
    if left:
        settings["not_carried"] = left
    tables = tuple(read_tables(connection).values())
    return Catalog("mysql", tables, tuple(_objects(connection, database)), settings, version)


def _objects(connection: Connection, database: str) -> Iterator[DeclaredObject]:
    """Functions and procedures, views in an order in which they can be created, triggers."""
    routines = "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = database()"
    for kind, name in ask(connection, f"{routines} ORDER BY routine_name"):
        body = ask(connection, f"SHOW CREATE {kind} {quote(name)}")[0][2]
        if body:  # without the privilege to see it, it is NULL
            yield DeclaredObject("function", name, _plain(body, database))
    yield from _views(connection, database)
    listed = (
        "SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE trigger_schema = database()"
        " ORDER BY event_object_table, action_timing, event_manipulation, action_order"
    )
    for name, table in ask(connection, listed):
        yield DeclaredObject(
            "trigger", name, _plain(ask(connection, f"SHOW CREATE TRIGGER {quote(name)}")[0][2], database), table
        )


def _views(connection: Connection, database: str) -> Iterator[DeclaredObject]:
    listed = f"SELECT table_name FROM information_schema.views WHERE {_HERE} ORDER BY table_name"
    left = {
        name: _plain(ask(connection, f"SHOW CREATE VIEW {quote(name)}")[0][1], database)
        for (name,) in ask(connection, listed)
    }
    while left:
        ready = [name for name in left if not any(quote(other) in left[name] for other in left if other != name)]
        for name in ready or list(left)[:1]:
            yield DeclaredObject("view", name, left.pop(name))


def _plain(statement: str, database: str) -> str:
    """Without who made it and without the name of the database it was in."""
    return _DEFINER.sub("", statement).replace(f"{quote(database)}.", "")
