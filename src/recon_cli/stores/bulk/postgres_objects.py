"""What a Postgres schema declares beside tables: as statements, in an order in which they can be created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recon_cli.core.catalog import DeclaredObject
from recon_cli.stores.bulk import postgres_catalog_sql as sql
from recon_cli.stores.bulk.postgres_link import Connection, ask, literal, quote


def read_objects(connection: Connection, schema: str) -> tuple[DeclaredObject, ...]:
    """Extensions in use, types, free sequences, functions, views in dependency order, triggers."""
    return (
        *_extensions(connection, schema),
        *_types(connection, schema),
        *_sequences(connection, schema),
        *_functions(connection, schema),
        *_views(connection, schema),
        *_triggers(connection, schema),
    )


def _extensions(connection: Connection, schema: str) -> Iterator[DeclaredObject]:
    """Only those that something in the schema uses."""
    for name, home in ask(connection, sql.EXTENSIONS, {"schema": schema}):
        placed = f" WITH SCHEMA {quote(home)}" if home else ""
        yield DeclaredObject("extension", name, f"CREATE EXTENSION {quote(name)}{placed}")


def _types(connection: Connection, schema: str) -> Iterator[DeclaredObject]:
    for name, labels in ask(connection, sql.ENUMS, [schema]):
        listed = ", ".join(map(literal, labels))
        yield DeclaredObject("type", name, f"CREATE TYPE {quote(name)} AS ENUM ({listed})")
    made = [(oid, name, _domain(name, *rest)) for oid, name, *rest in ask(connection, sql.DOMAINS, [schema])]
    made += [
        (oid, name, f"CREATE TYPE {quote(name)} AS ({', '.join(parts)})")
        for oid, name, parts in ask(connection, sql.COMPOSITES, [schema])
    ]
    made += [
        (oid, name, f"CREATE TYPE {quote(name)} AS RANGE (SUBTYPE = {under})")
        for oid, name, under in ask(connection, sql.RANGES, [schema])
    ]
    for _, name, statement in sorted(made):
        yield DeclaredObject("type", name, statement)


def _domain(
    name: str,
    declared: str,
    required: bool,  # noqa: FBT001  same
    default: str | None,
    collation: str | None,
    checks: Sequence[str] | None,
) -> str:
    words = [f"CREATE DOMAIN {quote(name)} AS {declared}"]
    words += [f"COLLATE {collation}"] if collation else []
    words += [f"DEFAULT {default}"] if default else []
    words += ["NOT NULL"] if required else []
    return " ".join([*words, *(checks or [])])


def _sequences(connection: Connection, schema: str) -> Iterator[DeclaredObject]:
    for name, *options in ask(connection, sql.FREE_SEQUENCES, [schema]):
        last, called = ask(connection, f"SELECT last_value, is_called FROM {quote(schema)}.{quote(name)}")[0]
        placed = f"SELECT pg_catalog.setval({literal(quote(name))}, {last}, {'true' if called else 'false'})"
        statement = f"CREATE SEQUENCE {quote(name)} {sequence_words(*options)};\n{placed}"
        yield DeclaredObject("sequence", name, statement)


def sequence_words(
    type_name: str,
    start: int,
    step: int,
    least: int,
    greatest: int,
    cache: int,
    cycle: bool,  # noqa: FBT001  same
) -> str:
    """The options of CREATE SEQUENCE, all of them."""
    bounds = f"MINVALUE {int(least)} MAXVALUE {int(greatest)} START WITH {int(start)} CACHE {int(cache)}"
    kind = type_name if type_name in {"smallint", "integer"} else "bigint"
    return f"AS {kind} INCREMENT BY {int(step)} {bounds}{' CYCLE' if cycle else ''}"


def _functions(connection: Connection, schema: str) -> Iterator[DeclaredObject]:
    for name, statement in ask(connection, sql.FUNCTIONS, [schema]):
        yield DeclaredObject("function", name, _unqualified(statement.rstrip("\n"), schema))


def _unqualified(statement: str, schema: str) -> str:
    """Functions are printed with their schema, all else is not."""
    head, _, rest = statement.partition("(")
    for home in (f" {quote(schema)}.", f" {schema}."):
        head = head.replace(home, " ", 1)
    return f"{head}({rest}"


def _views(connection: Connection, schema: str) -> Iterator[DeclaredObject]:
    found = {row[0]: row for row in ask(connection, sql.VIEWS, [schema])}
    indexes = ask(connection, sql.VIEW_INDEXES, [schema])
    for oid in _ordered({oid: row[5] for oid, row in found.items()}):
        _, name, stored, options, body, _ = found[oid]
        kind = "materialized view" if stored else "view"
        given = f" WITH ({', '.join(options)})" if options else ""
        statement = f"CREATE {kind.upper()} {quote(name)}{given} AS\n{body.strip().removesuffix(';')}"
        yield DeclaredObject(kind, name, statement)
        for index, of, text in indexes:
            if of == name:
                yield DeclaredObject("index", index, text, of)


def _ordered(needs: Mapping[int, Sequence[int]]) -> list[int]:
    """Each after what it needs; Postgres has no circles here."""
    done: dict[int, None] = {}

    def visit(one: int) -> None:
        if one in done:
            return
        for other in needs[one]:
            if other in needs:
                visit(other)
        done[one] = None

    for one in needs:
        visit(one)
    return list(done)


def _triggers(connection: Connection, schema: str) -> Iterator[DeclaredObject]:
    words: dict[str, Any] = {"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
    for name, table, statement, state in ask(connection, sql.TRIGGERS, [schema]):
        switch = f";\nALTER TABLE {quote(table)} {words[state]} TRIGGER {quote(name)}" if state in words else ""
        yield DeclaredObject("trigger", name, statement + switch, table)
