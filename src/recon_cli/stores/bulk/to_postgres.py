"""Another engine's tables as Postgres tables: pure decisions about types, and cells as the new columns hold them.

Nothing is guessed and nothing is rounded. A SQLite column becomes what its rows really hold: `bigint`, `double
precision`, `text` or `bytea`. One that holds several storage classes, or text that Postgres cannot hold, becomes `text`
with one JSON cell per value (as snapshots write it) and the comment `recon:cells DECLARED`; every other column whose
declared type is not spelled as the new one has the comment `recon:type DECLARED`. So the way back is exact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from recon_cli.core import canonical
from recon_cli.core.catalog import (
    Catalog,
    Cell,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredTable,
    Generated,
    Kind,
    Numbered,
)
from recon_cli.stores.bulk.base import Incoming
from recon_cli.stores.bulk.held import Held, look

Convert: TypeAlias = Callable[[Cell], Cell]

CELLS = "recon:cells"
DECLARED = "recon:type"
_TYPES = {int: "bigint", float: "double precision", str: "text", bytes: "bytea", bool: "boolean"}
_KINDS = {
    "bigint": Kind.INTEGER,
    "double precision": Kind.REAL,
    "text": Kind.TEXT,
    "bytea": Kind.BYTES,
    "boolean": Kind.BOOLEAN,
}
_OF_KIND = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.REAL: "double precision",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
    Kind.DECIMAL: "numeric",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp without time zone",
    Kind.TIMESTAMPTZ: "timestamp with time zone",
    Kind.TIMETZ: "time with time zone",
    Kind.UUID: "uuid",
    Kind.JSON: "json",
    Kind.JSONB: "jsonb",
}
"""Kinds whose canonical text Postgres gives back letter by letter; a MySQL time may be 838 hours, so it stays text."""
_BUILT_IN = re.compile(
    r"(?:(?P<whole>smallint|integer|bigint)|(?P<real>real|double precision)|numeric|character varying|character"
    r"|date|(?:time|timestamp)(?:\(\d\))? with(?:out)? time zone|interval|uuid|jsonb?|inet|cidr|macaddr|xml|money"
    r"|tsvector|bit|bit varying)(?:\([\d, -]+\))?"
)
_INDEXED_BYTES = 2600
"""A row of a btree index has 2704 bytes at most (a third of a page)."""
_DATED = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.TIMETZ})
_PRECISION = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")


def for_postgres(source: Catalog, tables: Sequence[Incoming]) -> tuple[Catalog, list[Incoming], list[str]]:
    """The catalog and its tables as Postgres has them; how each thing was translated. Rows are read once, to see."""
    if source.engine == "postgresql":
        return source, list(tables), []
    notes: list[str] = []
    translated = [_incoming(source, one, notes) for one in tables]
    found = [one.declared for one in translated]
    ready = [replace(one, declared=_keyed(one.declared, found, notes)) for one in translated]
    notes += [f"{one.kind} {one.name} left out: it is written for {source.engine}" for one in source.objects]
    return Catalog("postgresql", tuple(one.declared for one in ready)), ready, notes


def _incoming(source: Catalog, incoming: Incoming, notes: list[str]) -> Incoming:
    table = incoming.declared
    held = look(incoming.rows(), len(table.stored))
    profile = {column.name: one for column, one in zip(table.stored, held, strict=True)}
    return replace(incoming, declared=translate(source.engine, table, profile, notes))


def translate(engine: str, table: DeclaredTable, held: Mapping[str, Held], notes: list[str]) -> DeclaredTable:
    """One table as Postgres declares it; foreign keys are looked at when all tables are known."""
    table = _indexable(table, held, notes)
    columns = tuple(_column(engine, table, column, held.get(column.name, Held()), notes) for column in table.columns)
    kept = tuple(column for column in columns if column.generated is Generated.NO)
    left = [column.name for column in columns if column.generated is not Generated.NO]
    notes += [f"{table.name}.{name}: generated column left out" for name in left]
    translated = replace(table, columns=kept, options={}, sql=None, key_name=None)
    return replace(
        translated,
        checks=tuple(_checks(translated, table.checks, notes)),
        indexes=tuple(_indexes(translated, table.indexes, notes)),
        counter=table.counter,
    )


def _indexable(table: DeclaredTable, held: Mapping[str, Held], notes: list[str]) -> DeclaredTable:
    """Without the indexes that Postgres cannot have; a key with a NULL in it can only be UNIQUE there."""

    def fits(parts: Sequence[str]) -> bool:
        return sum(held[name].longest for name in parts if name in held) <= _INDEXED_BYTES

    long = [index for index in table.indexes if not fits(index.parts)]
    notes += [
        f"{table.name}: index {index.name} left out, for it holds values of over {_INDEXED_BYTES} bytes"
        for index in long
    ]
    table = replace(table, indexes=tuple(index for index in table.indexes if index not in long))
    if not fits(table.key):
        notes.append(f"{table.name}: primary key left out, for it holds values of over {_INDEXED_BYTES} bytes")
        return replace(table, key=())
    if not any(name in held and held[name].empty for name in table.key):
        return table
    notes.append(f"{table.name}: primary key → UNIQUE, for there are NULLs in it")
    unique = DeclaredIndex("", table.key, unique=True, constraint=table.key_name or "")
    return replace(table, key=(), indexes=(*table.indexes, unique))


def _column(engine: str, table: DeclaredTable, column: DeclaredColumn, held: Held, notes: list[str]) -> DeclaredColumn:
    if "strict" in table.options and column.declared.upper() == "ANY":
        column = replace(column, declared="")  # ANY keeps what comes in a STRICT table only
    declared = _type(engine, column, held)
    cells = declared is None
    new = declared or "text"
    comment = _comment(engine, column, new, cells=cells)
    if cells or new.lower() != column.declared.lower():
        told = "text with one JSON cell per value" if cells else new
        notes.append(f"{table.name}.{column.name}: {column.declared or 'no type'} → {told}")
    numbered = _numbered(engine, table, column, new)
    default = None if cells or numbered is not Numbered.NO else _default(column.default, new)
    if column.default is not None and default is None and column.numbered is Numbered.NO:
        notes.append(f"{table.name}.{column.name}: default {column.default} left out")
    if column.collation and column.collation.upper() not in {"BINARY", "C"}:
        notes.append(
            f"{table.name}.{column.name}: collation {column.collation} left out, text compares letter by letter"
        )
    required = not column.nullable or column.name in table.key or numbered is not Numbered.NO
    return replace(
        column,
        declared=new,
        kind=_KINDS.get(new, column.kind),
        nullable=not required,
        default=default,
        numbered=numbered,
        collation='"C"' if new == "text" and engine == "sqlite" else None,
        comment=comment,
    )


def _type(engine: str, column: DeclaredColumn, held: Held) -> str | None:
    """The Postgres type; None where every value has to be a JSON cell."""
    if engine == "sqlite":
        return _once(column, held) or _type_of_cells(column, held)
    if column.kind is Kind.ANY or held.odd:
        return _type_of_cells(column, held)
    if engine == "postgrest" and column.declared and "." not in column.declared:
        return column.declared  # there is a Postgres behind it; types of its own have a schema
    if column.kind is Kind.INTEGER and held.wide:
        return "numeric(20,0)"
    if column.kind in _DATED and held.undated:
        return "text"
    if column.kind is Kind.DECIMAL:
        found = _PRECISION.search(column.declared)
        return f"numeric{found[0]}" if found else "numeric"
    return _OF_KIND.get(column.kind, "text")


def _once(column: DeclaredColumn, held: Held) -> str | None:
    """The Postgres type that the column had before it came to SQLite, if its rows are still of that sort."""
    mark, _, declared = (column.comment or "").partition(" ")
    found = _BUILT_IN.fullmatch(declared) if mark == DECLARED and not held.odd else None
    wanted = {int} if found and found["whole"] else {float} if found and found["real"] else {str}
    return declared if found and held.classes <= wanted else None


def _type_of_cells(column: DeclaredColumn, held: Held) -> str | None:
    if not held.classes:
        return _of_affinity(column.declared)
    if len(held.classes) > 1 or held.odd or held.wide:
        return None
    (only,) = held.classes
    return _TYPES[only]


def _of_affinity(declared: str) -> str:
    """The type of a column that holds nothing (https://sqlite.org/datatype3.html, section 3.1)."""
    words = declared.upper()
    for parts, chosen in (
        (("INT", "BOOL"), "bigint"),
        (("CHAR", "CLOB", "TEXT", "DATE", "TIME", "JSON"), "text"),
        (("BLOB",), "bytea"),
        (("REAL", "FLOA", "DOUB", "NUM", "DEC"), "double precision"),
    ):
        if any(part in words for part in parts):
            return chosen
    return "text"


def _comment(engine: str, column: DeclaredColumn, new: str, *, cells: bool) -> str | None:
    told = None
    if engine == "sqlite" and column.comment == f"{DECLARED} {new}":
        return None
    if cells:
        told = f"{CELLS} {column.declared}".rstrip()
    elif engine == "sqlite" and (column.declared, new) != ("TEXT", "text"):
        counted = " AUTOINCREMENT" if column.numbered is Numbered.AUTOINCREMENT else ""
        told = f"{DECLARED} {column.declared}{counted}".rstrip()
    return told if engine == "sqlite" else "\n".join(part for part in (told, column.comment) if part) or None


def _numbered(engine: str, table: DeclaredTable, column: DeclaredColumn, new: str) -> Numbered:
    """An identity for what the other engine numbers by itself, SQLite's INTEGER PRIMARY KEY among them."""
    rowid = engine == "sqlite" and table.key == (column.name,) and column.declared.upper() == "INTEGER"
    alone = rowid and "without_rowid" not in table.options
    if new == "bigint" and (alone or column.numbered is not Numbered.NO):
        return Numbered.DEFAULT
    return Numbered.NO


# what may be said again in Postgres: literals, and comparisons of columns with literals of their own type

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_STRING = r"'(?:[^'\\\0]|'')*'"
_NAME = r'(?:"(?:[^"]|"")+"|`\w+`|\[\w+\]|[^\W\d]\w*)'
_COMPARED = re.compile(
    rf"\s*(?P<name>{_NAME})\s*(?:(?P<sign><=|>=|<>|!=|==|=|<|>)\s*(?P<one>{_NUMBER}|{_STRING})"
    rf"|IN\s*\(\s*(?P<many>(?:{_NUMBER}|{_STRING})(?:\s*,\s*(?:{_NUMBER}|{_STRING}))*)\s*\)"
    rf"|BETWEEN\s+(?P<low>{_NUMBER})\s+AND\s+(?P<high>{_NUMBER})|IS\s+(?P<negated>NOT\s+)?NULL)\s*",
    re.IGNORECASE,
)
_CLOCK = "to_char(CURRENT_TIMESTAMP AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
_CLOCKS = {"CURRENT_TIMESTAMP": _CLOCK, "DATETIME('NOW')": _CLOCK}


def _default(default: str | None, new: str) -> str | None:
    """The default as Postgres means it, if it is a literal of the column's type, or the clock in a text column."""
    if default is None:
        return None
    text = _unwrapped(default)
    clock = _CLOCKS.get(text.upper().replace(" ", ""))
    if text.upper() == "NULL" or (clock and new == "text"):
        return clock or "NULL"
    if text.upper() in {"TRUE", "FALSE"} and new in {"bigint", "boolean"}:
        return text.lower() if new == "boolean" else str(int(text.upper() == "TRUE"))
    return text if _fits(text, new) else None


def _unwrapped(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and "(" not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def _fits(text: str, new: str) -> bool:
    if new == "bigint":
        return re.fullmatch(r"[-+]?\d{1,18}", text) is not None
    if new.startswith(("double", "numeric")):
        return re.fullmatch(_NUMBER, text) is not None
    return new == "text" and re.fullmatch(_STRING, text) is not None


def _checks(table: DeclaredTable, checks: Sequence[DeclaredCheck], notes: list[str]) -> list[DeclaredCheck]:
    kept = []
    for check in checks:
        told = _comparison(table, check.expression)
        if told is None:
            notes.append(f"{table.name}: check {check.expression} left out")
        else:
            kept.append(replace(check, expression=told))
    return kept


def _comparison(table: DeclaredTable, expression: str) -> str | None:
    """Comparisons joined by AND, or by OR; None if it is anything else."""
    for word in ("AND", "OR"):
        parts = re.split(rf"(?<=[\w')\"])\s+{word}\s+(?=[\w(\"`\[])", expression, flags=re.IGNORECASE)
        told = [_one_comparison(table, part) for part in parts]
        if all(told):
            return f" {word} ".join(str(one) for one in told)
    return None


def _one_comparison(table: DeclaredTable, text: str) -> str | None:
    found = _COMPARED.fullmatch(_unwrapped(text) if "IN" not in text.upper() else text)
    column = table.column(_unquoted(found["name"])) if found else None
    if found is None or column is None or (column.comment or "").startswith(CELLS):
        return None
    name = '"' + column.name.replace('"', '""') + '"'
    if found["many"]:
        literals = re.findall(rf"{_NUMBER}|{_STRING}", found["many"])
        return f"{name} IN ({', '.join(literals)})" if all(_alike(one, column) for one in literals) else None
    if found["low"]:
        return f"{name} BETWEEN {found['low']} AND {found['high']}" if _alike(found["low"], column) else None
    if found["one"]:
        sign = {"==": "=", "!=": "<>"}.get(found["sign"], found["sign"])
        return f"{name} {sign} {found['one']}" if _alike(found["one"], column) else None
    return f"{name} IS {'NOT ' if found['negated'] else ''}NULL"


def _alike(literal: str, column: DeclaredColumn) -> bool:
    if literal.startswith("'"):
        return column.declared == "text"
    return column.declared in {"bigint", "double precision"}


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[0] in '"`[' else name


def _indexes(table: DeclaredTable, indexes: Sequence[DeclaredIndex], notes: list[str]) -> list[DeclaredIndex]:
    kept = []
    names = {column.name for column in table.columns}
    for number, index in enumerate(indexes):
        where = _comparison(table, index.where) if index.where else None
        if index.expressions or not names.issuperset(index.parts) or (index.where and where is None):
            notes.append(f"{table.name}: index {index.name} left out")
            continue
        own = f"{table.name}_unique_{number}" if index.constraint is not None else index.name
        constraint = None if index.constraint is None else index.constraint or own[:63]
        kept.append(replace(index, name=own[:63], where=where, method="btree", constraint=constraint, sql=None))
    return kept


def _keyed(table: DeclaredTable, tables: Sequence[DeclaredTable], notes: list[str]) -> DeclaredTable:
    """Foreign keys between columns of one type only; others cannot stand in Postgres."""
    kept = []
    for key in table.foreign_keys:
        parent = next((one for one in tables if one.name.lower() == key.table.lower()), None)
        targets = key.targets or (parent.key if parent else ())
        if parent is not None and not _same_types(table, key, parent, targets):
            notes.append(f"{table.name}: foreign key to {key.table} left out, for the columns have different types")
            continue
        kept.append(replace(key, table=parent.name if parent else key.table, targets=targets))
    return replace(table, foreign_keys=tuple(kept))


def _same_types(table: DeclaredTable, key: DeclaredForeignKey, parent: DeclaredTable, targets: Sequence[str]) -> bool:
    pairs = [(table.column(one), parent.column(other)) for one, other in zip(key.columns, targets, strict=False)]
    unique = targets == parent.key or any(
        index.unique and set(index.parts) == set(targets) and not index.where for index in parent.indexes
    )
    return unique and all(one and other and one.declared == other.declared for one, other in pairs)


# cells


def converters(source: DeclaredTable, target: DeclaredTable, *, foreign: bool) -> list[tuple[int, Convert]]:
    """For the columns that hold something else than the cells that come: their place in a row, and what to do.

    `foreign`: the rows come from another engine. Those of a Postgres snapshot hold JSON cells as text already.
    """
    found: list[tuple[int, Convert]] = []
    for place, column in enumerate(source.stored):
        there = target.column(column.name)
        if there is None:
            continue
        if foreign and (there.comment or "").startswith(CELLS):
            found.append((place, json_cell))
        elif (column.kind is Kind.BYTES) != (there.kind is Kind.BYTES):
            found.append((place, _only_bytes if there.kind is Kind.BYTES else _never_bytes))
    return found


def json_cell(cell: Cell) -> str:
    """A value as snapshots write it: plain JSON, tagged where JSON has no word for it."""
    return json.dumps(canonical.encode(cell), ensure_ascii=False, separators=(",", ":"))


def cell_of(text: str) -> Cell:
    """The inverse of `json_cell`."""
    return canonical.decode(json.loads(text))  # type: ignore[return-value]  # it was a cell


def _only_bytes(cell: Cell) -> Cell:
    if not isinstance(cell, bytes):
        raise TypeError("the column holds bytes")
    return cell


def _never_bytes(cell: Cell) -> Cell:
    if isinstance(cell, bytes):
        raise TypeError("the column holds no bytes")
    return cell
