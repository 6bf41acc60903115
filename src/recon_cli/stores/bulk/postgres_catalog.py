"""What a Postgres schema declares, from pg_catalog: tables, columns, keys, constraints, indexes, counters.

`search_path` is the schema alone while this runs, so that every expression names the schema's own things without it and
can be loaded into another schema. Not carried, and named in `settings["not_carried"]`: grants, row security policies,
rules, statistics objects, aggregates, foreign tables; what belongs to a single partition beside its bounds.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recon_cli.core.catalog import (
    Catalog,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredTable,
    Generated,
    Kind,
    Numbered,
)
from recon_cli.stores.bulk import postgres_catalog_sql as sql
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote
from recon_cli.stores.bulk.postgres_objects import read_objects

KINDS = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "float4": Kind.REAL,
    "float8": Kind.REAL,
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "name": Kind.TEXT,
    "bytea": Kind.BYTES,
    "numeric": Kind.DECIMAL,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timetz": Kind.TIMETZ,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ,
    "interval": Kind.INTERVAL,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
}
_GENERATED = {"": Generated.NO, "s": Generated.STORED, "v": Generated.VIRTUAL}
_NUMBERED = {"a": Numbered.ALWAYS, "d": Numbered.DEFAULT}
_ACTIONS = {"a": "", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What reading a table's rows needs. `toasted`: rows may be large; `source` is what stands after FROM."""

    source: str
    stored: tuple[DeclaredColumn, ...]
    key: tuple[DeclaredColumn, ...]
    toasted: bool


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence that belongs to a column."""

    name: str
    last: int | None
    options: Mapping[str, Any]


def read_shapes(connection: Connection, schema: str) -> dict[str, Shape]:
    """Every table's shape, by name."""
    columns = _columns(connection, schema)
    keys = {found[0]: found for found in ask(connection, sql.CONSTRAINTS, [schema]) if found[2] == "p"}
    shapes = {}
    for oid, name, kind, toast, *_ in ask(connection, sql.TABLES, [schema]):
        by_name = {column.name: column for column in columns[oid]}
        key = tuple(by_name[one] for one in keys[oid][4]) if oid in keys else ()
        only = "" if kind == "p" else "ONLY "
        stored = tuple(column for column in columns[oid] if column.generated is Generated.NO)
        shapes[name] = Shape(f"{only}{quote(schema)}.{quote(name)}", stored, key, bool(toast))
    return shapes


def read_catalog(connection: Connection, schema: str) -> Catalog:
    """Everything the schema declares."""
    columns = _columns(connection, schema)
    constraints = _by_table(ask(connection, sql.CONSTRAINTS, [schema]))
    indexes = _by_table(ask(connection, sql.INDEXES, [schema]))
    sequences = _owned(connection, schema)
    partitions = _by_table(ask(connection, sql.PARTITIONS, [schema]))
    tables = [
        _table(found, columns[found[0]], constraints[found[0]], indexes[found[0]], sequences, partitions[found[0]])
        for found in ask(connection, sql.TABLES, [schema])
    ]
    encoding, collation, version = ask(connection, sql.DATABASE)[0]
    settings: dict[str, str | int] = {"schema": schema, "encoding": encoding, "collation": collation}
    left = [f"{kind} {name}" for kind, name in ask(connection, sql.NOT_CARRIED, {"schema": schema})]
    if left:
        settings["not_carried"] = ", ".join(left)
    objects = read_objects(connection, schema)
    return Catalog("postgresql", tuple(tables), objects, settings, version)


def _by_table(found: Sequence[tuple[Any, ...]]) -> defaultdict[int, list[tuple[Any, ...]]]:
    grouped: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in found:
        grouped[row[0]].append(row)
    return grouped


def _columns(connection: Connection, schema: str) -> defaultdict[int, list[DeclaredColumn]]:
    grouped: defaultdict[int, list[DeclaredColumn]] = defaultdict(list)
    for oid, *rest in ask(connection, sql.COLUMNS, [schema]):
        grouped[oid].append(_column(*rest))
    return grouped


def _column(  # noqa: PLR0913, PLR0917  one parameter for each column of the query
    name: str,
    declared: str,
    type_name: str,
    type_kind: str,
    category: str,
    required: bool,  # noqa: FBT001  same
    expression: str | None,
    identity: str,
    generated: str,
    collation: str | None,
    comment: str | None,
    serial: str | None,
) -> DeclaredColumn:
    computed = _GENERATED[generated]
    numbered = Numbered.SERIAL if serial else _NUMBERED.get(identity, Numbered.NO)
    return DeclaredColumn(
        name,
        declared,
        kind_of(type_name, type_kind, category),
        nullable=not required,
        default=None if computed or serial else expression,
        numbered=numbered,
        generated=computed,
        expression=expression if computed else None,
        collation=collation,
        comment=comment,
    )


def kind_of(type_name: str, type_kind: str, category: str) -> Kind:
    """The kind of a type, a domain's being that of the type under it."""
    if type_kind == "e":
        return Kind.ENUM
    return KINDS.get(type_name) or (Kind.ARRAY if category == "A" else Kind.OTHER)


def _owned(connection: Connection, schema: str) -> dict[tuple[int, str], _Sequence]:
    owned = {}
    for oid, column, name, expected, *options in ask(connection, sql.OWNED_SEQUENCES, [schema]):
        last, called = ask(connection, f"SELECT last_value, is_called FROM {quote(schema)}.{quote(name)}")[0]
        start, step = options[1], options[2]
        position = last if called else None if last == start else last - step
        odd = _odd_options(name if name != expected else "", *options)
        owned[oid, column] = _Sequence(name, position, odd)
    return owned


def _odd_options(name: str, *options: Any) -> dict[str, Any]:  # noqa: ANN401  rows of pg_sequence
    type_name, start, step, least, greatest, cache, cycle = options
    usual = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
    told = {"name": name, "type": type_name, "start": start, "step": step, "min": least, "max": greatest}
    told |= {"cache": cache, "cycle": cycle}
    plain = {"name": "", "start": 1, "step": 1, "min": 1, "max": usual.get(type_name), "cache": 1, "cycle": False}
    return told if any(told[word] != plain[word] for word in plain) else {}


def _table(
    found: tuple[Any, ...],
    columns: Sequence[DeclaredColumn],
    constraints: Sequence[tuple[Any, ...]],
    indexes: Sequence[tuple[Any, ...]],
    sequences: Mapping[tuple[int, str], _Sequence],
    partitions: Sequence[tuple[Any, ...]],
) -> DeclaredTable:
    oid, name, _, _, comment, options, unlogged, partition_key, parents = found
    key = next((one for one in constraints if one[2] == "p"), None)
    numbered = [(column.name, sequences[oid, column.name]) for column in columns if (oid, column.name) in sequences]
    words = {
        **({"with": ", ".join(options)} if options else {}),
        **({"unlogged": "yes"} if unlogged else {}),
        **({"partition_by": partition_key} if partition_key else {}),
        **({"partitions": json.dumps([list(one[1:]) for one in partitions])} if partitions else {}),
        **({"inherits": json.dumps(list(parents))} if parents else {}),
        **_constraint_options(constraints),
        **_sequence_options(numbered),
    }
    return DeclaredTable(
        name,
        tuple(columns),
        key=tuple(key[4]) if key else (),
        key_name=key[1] if key else None,
        indexes=tuple(_index(one) for one in indexes),
        foreign_keys=tuple(_foreign_key(one) for one in constraints if one[2] == "f"),
        checks=tuple(DeclaredCheck(one[3], one[1]) for one in constraints if one[2] == "c"),
        options=words,
        counter=numbered[0][1].last if numbered else None,
        comment=comment,
    )


def _sequence_options(numbered: Sequence[tuple[str, _Sequence]]) -> dict[str, str]:
    """What `counter` cannot say: sequences that are not the usual ones, and the counters of further columns."""
    words = {f"sequence:{column}": json.dumps(one.options) for column, one in numbered if one.options}
    return words | {f"counter:{column}": str(one.last) for column, one in numbered[1:] if one.last is not None}


def _constraint_options(constraints: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    words = {
        "not_valid": [one[1] for one in constraints if one[2] in "cf" and not one[9]],
        "no_inherit": [one[1] for one in constraints if one[2] == "c" and one[10]],
        "match_full": [one[1] for one in constraints if one[2] == "f" and one[11] == "f"],
    }
    told = {word: json.dumps(names) for word, names in words.items() if names}
    foreign = {f"schema:{one[1]}": one[13] for one in constraints if one[2] == "f" and one[13]}
    key = next((one for one in constraints if one[2] == "p" and _more_than_columns(one)), None)
    return told | foreign | ({"key": key[12]} if key else {})


def _more_than_columns(key: Sequence[Any]) -> bool:
    """Whether a primary key says more than its columns: INCLUDE, DEFERRABLE, WITHOUT OVERLAPS."""
    return not str(key[12]).endswith(")") or str(key[12]).count("(") > 1 or "WITHOUT OVERLAPS" in str(key[12])


def _foreign_key(found: Sequence[Any]) -> DeclaredForeignKey:
    _, name, _, _, columns, table, targets, deferrable, on_delete, *_ = found
    on_update, only = found[14:16]
    deleted = _ACTIONS[on_delete] + (f" ({', '.join(map(quote, only))})" if only else "")
    return DeclaredForeignKey(tuple(columns), table, tuple(targets), name, deleted, _ACTIONS[on_update], deferrable)


def _index(found: Sequence[Any]) -> DeclaredIndex:
    _, name, unique, method, parts, expressions, where, constraint, statement = found
    return DeclaredIndex(name, tuple(parts), unique, where, method, tuple(expressions), constraint, statement)
