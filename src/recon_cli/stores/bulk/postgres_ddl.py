"""Statements that create what a catalog declares on Postgres. `postgres_guard` has read what goes in unquoted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from recon_cli.core.catalog import (
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredTable,
    Generated,
    Numbered,
)
from recon_cli.stores.bulk.postgres_link import literal, quote
from recon_cli.stores.bulk.postgres_objects import sequence_words

_IDENTITY = {Numbered.ALWAYS: "ALWAYS", Numbered.DEFAULT: "BY DEFAULT", Numbered.AUTOINCREMENT: "BY DEFAULT"}
_ACTIONS = ("CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT", "NO ACTION")
_LATER = {"DEFERRABLE": "DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED": "DEFERRABLE INITIALLY DEFERRED"}


def create_table(table: DeclaredTable) -> Iterator[str]:
    """The table with columns, defaults and checks, its own sequences, partitions and comments; no keys, no indexes."""
    serial = [column for column in table.columns if column.numbered is Numbered.SERIAL]
    for column in serial:
        yield f"CREATE SEQUENCE {quote(_sequence(table, column))} {_sequence_options(table, column)}"
    yield _create(table)
    for column in serial:
        owner = f"{quote(table.name)}.{quote(column.name)}"
        yield f"ALTER SEQUENCE {quote(_sequence(table, column))} OWNED BY {owner}"
    for name, above, bound, method in json.loads(table.options.get("partitions", "[]")):
        divided = f" PARTITION BY {method}" if method else ""
        yield f"CREATE TABLE {quote(name)} PARTITION OF {quote(above)} {bound}{divided}"
    yield from _comments(table)


def _create(table: DeclaredTable) -> str:
    lines = [_column(table, column) for column in table.columns]
    lines += [
        _check(table, one.name, one.expression) for one in table.checks if one.name not in _names(table, "not_valid")
    ]
    kept = " UNLOGGED" if "unlogged" in table.options else ""
    divided = f" PARTITION BY {table.options['partition_by']}" if "partition_by" in table.options else ""
    given = f" WITH ({table.options['with']})" if "with" in table.options else ""
    return f"CREATE{kept} TABLE {quote(table.name)} ({', '.join(lines)}){divided}{given}"


def _check(table: DeclaredTable, name: str | None, expression: str) -> str:
    own = " NO INHERIT" if name in _names(table, "no_inherit") else ""
    return f"{_named(name)}CHECK ({expression}){own}"


def _named(name: str | None) -> str:
    return f"CONSTRAINT {quote(name)} " if name else ""


def _names(table: DeclaredTable, option: str) -> list[str]:
    return [str(name) for name in json.loads(table.options.get(option, "[]"))]


def _column(table: DeclaredTable, column: DeclaredColumn) -> str:
    words = [quote(column.name), column.declared]
    words += [f"COLLATE {column.collation}"] if column.collation else []
    words += ["NOT NULL"] if not column.nullable else []
    if column.generated is not Generated.NO:
        words.append(f"GENERATED ALWAYS AS ({column.expression}) {column.generated.value.upper()}")
    elif column.numbered is Numbered.SERIAL:
        words.append(f"DEFAULT nextval({literal(quote(_sequence(table, column)))}::regclass)")
    elif column.numbered is not Numbered.NO:
        words.append(f"GENERATED {_IDENTITY[column.numbered]} AS IDENTITY{_identity_options(table, column)}")
    elif column.default is not None:
        words.append(f"DEFAULT {column.default}")
    return " ".join(words)


def _sequence(table: DeclaredTable, column: DeclaredColumn) -> str:
    told = json.loads(table.options.get(f"sequence:{column.name}", "{}"))
    return str(told.get("name") or f"{table.name}_{column.name}_seq"[:63])


def _sequence_options(table: DeclaredTable, column: DeclaredColumn) -> str:
    told = json.loads(table.options.get(f"sequence:{column.name}", "{}"))
    if not told:
        return f"AS {column.declared if column.declared in {'smallint', 'integer'} else 'bigint'}"
    return sequence_words(
        told["type"], told["start"], told["step"], told["min"], told["max"], told["cache"], bool(told["cycle"])
    )


def _identity_options(table: DeclaredTable, column: DeclaredColumn) -> str:
    told = json.loads(table.options.get(f"sequence:{column.name}", "{}"))
    if not told:
        return ""
    words = _sequence_options(table, column).partition(" ")[2].partition(" ")[2]  # the column says which type
    return f" (SEQUENCE NAME {quote(_sequence(table, column))} {words})"


def _comments(table: DeclaredTable) -> Iterator[str]:
    if table.comment:
        yield f"COMMENT ON TABLE {quote(table.name)} IS {literal(table.comment)}"
    for column in table.columns:
        if column.comment:
            yield f"COMMENT ON COLUMN {quote(table.name)}.{quote(column.name)} IS {literal(column.comment)}"


def add_key(table: DeclaredTable) -> Iterator[str]:
    """The primary key; what the table inherits from."""
    if table.key:
        words = table.options.get("key") or f"PRIMARY KEY ({_listed(table.key)})"
        yield f"ALTER TABLE {quote(table.name)} ADD {_named(table.key_name)}{words}"
    for parent in json.loads(table.options.get("inherits", "[]")):
        yield f"ALTER TABLE {quote(table.name)} INHERIT {parent}"


def add_index(table: DeclaredTable, index: DeclaredIndex) -> str:
    """An index, or the unique or exclusion constraint that it serves."""
    if index.constraint is not None:
        words = (
            index.sql
            if index.sql and index.sql.startswith(("UNIQUE", "EXCLUDE"))
            else f"UNIQUE ({_listed(index.parts)})"
        )
        return f"ALTER TABLE {quote(table.name)} ADD {_named(index.constraint)}{words}"
    if index.sql:
        return index.sql
    parts = ", ".join(
        f"({part})" if place in index.expressions else quote(part) for place, part in enumerate(index.parts)
    )
    where = f" WHERE {index.where}" if index.where else ""
    begun = f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {quote(index.name)} ON {quote(table.name)}"
    return f"{begun} USING {quote(index.method or 'btree')} ({parts}){where}"


def add_foreign_key(table: DeclaredTable, key: DeclaredForeignKey) -> str:
    """A foreign key with its actions."""
    home = table.options.get(f"schema:{key.name}")
    target = f"{quote(home)}.{quote(key.table)}" if home else quote(key.table)
    words = [f"{_named(key.name)}FOREIGN KEY ({_listed(key.columns)}) REFERENCES {target}"]
    words += [f"({_listed(key.targets)})"] if key.targets else []
    words += ["MATCH FULL"] if key.name in _names(table, "match_full") else []
    words += [f"ON DELETE {_action(key.on_delete, key.columns)}"] if key.on_delete else []
    words += [f"ON UPDATE {_action(key.on_update, ())}"] if key.on_update else []
    words += [_LATER.get(key.deferrable.upper(), "")]
    words += ["NOT VALID"] if key.name in _names(table, "not_valid") else []
    return f"ALTER TABLE {quote(table.name)} ADD {' '.join(words)}"


def _action(text: str, columns: Sequence[str]) -> str:
    """The action's words; of a list of columns only what are columns of this key."""
    words = next((word for word in _ACTIONS if text.upper().startswith(word)), "NO ACTION")
    only = [name for name in columns if quote(name) in text]
    return f"{words} ({_listed(only)})" if only else words


def add_late_checks(table: DeclaredTable) -> Iterator[str]:
    """Checks that the rows there need not fulfil."""
    for one in table.checks:
        if one.name and one.name in _names(table, "not_valid"):
            yield f"ALTER TABLE {quote(table.name)} ADD {_check(table, one.name, one.expression)} NOT VALID"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(quote, names))
