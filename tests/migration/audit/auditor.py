"""Lay a SQLite file and a Postgres schema beside each other and say in words what got lost without a word."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.migration.audit import expressions, postgres_side, shape, sqlite_side
from tests.migration.audit.behave import Row
from tests.migration.audit.model import Column, Database, Table
from tests.migration.audit.rows import Differences, compared, in_words
from tests.migration.audit.sqlite_side import Text, quoted
from tests.migration.audit.told import Told
from tests.migration.audit.values import RULE, verdict

CLASSES = {int: "integer", float: "real", Text: "text", bytes: "blob"}
PAIRS = 200
"""So many rows are tried for pairs that expressions are then asked about."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both ends, opened and described."""

    file: sqlite3.Connection
    server: postgres_side.Connection
    schema: str
    source: Database
    target: Database
    told: Told
    default_collation: str


def audit(file: Path, server: postgres_side.Connection, schema: str, told: Told) -> list[str]:
    """What is not there, not the same, or new, and not told; nothing where the migration is fully right."""
    postgres_side.prepared(server)
    with closing(sqlite_side.opened(file)) as db:
        source, target = sqlite_side.described(db), postgres_side.described(server, schema)
        row = server.execute("SELECT datcollate FROM pg_database WHERE datname = current_database()").fetchone()
        server.execute(f"SET search_path = {quoted(schema)}")
        return list(_findings(Sides(db, server, schema, source, target, told, row[0] if row else "")))


def _findings(sides: Sides) -> Iterator[str]:
    source, target, told = sides.source, sides.target, sides.told
    readable = [name for name, table in source.tables.items() if not table.virtual or _content(sides, table)]
    names = shape.named("table", "", readable, target.tables, told)
    yield from names.words
    for name, table in source.tables.items():
        if table.virtual and not told.names(name):
            yield f"virtual table {name} ({table.virtual}): nothing says what became of it"
        if name in names.there:
            yield from _table(sides, table, target.tables[names.there[name]])
    yield from shape.foreign_keys(source, target, names.there, told)
    yield from shape.others(source, target, told)
    for view in source.views:
        if view in target.views:
            yield from _view(sides, view)


def _content(sides: Sides, table: Table) -> bool:
    """Whether a virtual table has rows of its own that this library can read."""
    if not table.columns:
        return False
    options = sides.file.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table.name,)).fetchone()[0]
    if "content=" in options.replace(" ", "").lower():
        return False  # the rows are those of another table, or of none
    try:
        sides.file.execute(f"SELECT * FROM {quoted(table.name)}").fetchone()
    except sqlite3.Error:
        return False
    return True


def _table(sides: Sides, one: Table, other: Table) -> Iterator[str]:
    told = sides.told
    extra = {"rowid"} if one.virtual else set()  # content too: other tables point at it
    found_there = [column.name for column in other.columns if column.name not in extra]
    there = shape.named("column", one.name, [column.name for column in one.columns], found_there, told)
    yield from there.words
    was = list(sqlite_side.rows(sides.file, one))
    became = list(postgres_side.rows(sides.server, sides.schema, other))
    found = compared(one, other, there.there, was, became)
    yield from in_words(found, one, told)
    if one.virtual:
        return
    pairs = _pairs(found, one, other, there.there, was, became)
    yield from shape.columns(one, other, there.there, told)
    yield from shape.key(one, other, there.there, told)
    yield from shape.types(one, other, there.there, _classes(one, was))
    yield from shape.byte_order(sides.default_collation, other)
    yield from expressions.checks(sides.server, one, other, there.there, pairs, told)
    yield from expressions.indexes(sides.server, one, other, there.there, pairs, told)
    yield from expressions.defaults(sides.server, one, other, there.there, told)


def _classes(one: Table, rows: list[Row]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for column, cell in zip(one.columns, row, strict=True):
            if cell is not None:
                found[column.name].add(CLASSES[type(cell)])
    return found


def _pairs(
    found: Differences, one: Table, other: Table, names: dict[str, str], was: list[Row], became: list[Row]
) -> list[tuple[Row, Row]]:
    """Some rows that are the same on both sides, for expressions to be asked about."""
    places = {column.name: place for place, column in enumerate(other.columns)}
    columns = [
        (place, places[names[column.name]], other.columns[places[names[column.name]]].base)
        for place, column in enumerate(one.columns)
        if column.name in names
    ]

    def fits(row: Row, there: Row) -> bool:
        said = (verdict(row[place], there[at], base) for place, at, base in columns)
        return all(one is None or one.startswith(RULE) for one in said)

    pairs = [(row, next((there for there in became[:PAIRS] if fits(row, there)), None)) for row in was[:8]]
    return [(row, there) for row, there in pairs if there is not None]


def _view(sides: Sides, name: str) -> Iterator[str]:
    try:
        cursor = sides.file.execute(f"SELECT * FROM {quoted(name)}")
    except sqlite3.Error:
        return  # it cannot be read there either
    titles = [each[0] for each in cursor.description]
    was = list(sqlite_side.bytes_of(sides.file, f"SELECT * FROM {quoted(name)}"))
    try:
        found = sides.server.execute(f"SELECT * FROM {quoted(sides.schema)}.{quoted(name)}")
    except psycopg.Error as error:
        yield f"view {name} cannot be read: {error}"
        return
    types = sides.server.adapters.types
    columns = []
    for each in found.description or []:
        known = types.get(each.type_code)
        base = known.name if known else ""
        columns.append(Column(each.name, "", "computed" if base == "float8" else base))
    if [column.name for column in columns] != titles and not sides.told.names(name):
        yield f"view {name}: columns were {titles} and are {[column.name for column in columns]}"
        return
    one, other = Table(name, tuple(Column(title, "") for title in titles)), Table(name, tuple(columns))
    same = dict(zip(titles, (column.name for column in columns), strict=True))
    differences = compared(one, other, same, was, found.fetchall())
    differences.rules.clear()  # they are those of the tables, where they have to be told
    yield from in_words(differences, one, sides.told)
