"""The target's tables: one row for each turn, and one for each file, which says how it is put together of turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recon_cli.core.catalog import Catalog, DeclaredIndex, DeclaredTable
from recon_cli.core.landing import Landing, Shelf
from recon_cli.core.search import Book
from recon_cli.systems.tables.columns import Dialect, Sort, TableColumn, declared, dialect_of, schema
from recon_cli.systems.tables.faults import Fault, must_be_given, uniques, worst_first
from recon_cli.systems.tables.statements import (
    RELOAD,
    add_column,
    add_unique,
    closed,
    index_sql,
    nullable,
    table_sql,
)

TURNS = "conversations"
KEY = "turn_id"
FILE_KEY = "id"
TURN_COLUMNS = (
    TableColumn(KEY, Sort.HASH, nullable=False),
    TableColumn("room_id", Sort.TEXT, nullable=False),
    TableColumn("content", Sort.TEXT, nullable=False),
    TableColumn("timestamp", Sort.MOMENT),
    TableColumn("ai_model", Sort.TEXT),
    TableColumn("kind", Sort.TEXT),
    TableColumn("speaker", Sort.TEXT),
    TableColumn("said_at", Sort.TEXT),
    TableColumn("scope", Sort.TEXT),
    TableColumn("source", Sort.TEXT),
    TableColumn("place", Sort.INT),
    TableColumn("sort_key", Sort.TEXT),
)
"""`timestamp` is UTC, empty where no time is known; `said_at` is the time as written. `scope` says whether the row was
seen in its room's file, or only in the combined one. `place` is which turn of its file it is. By `sort_key`
turns are in order; one without a time stands behind the one before it in its file."""
FILE_COLUMNS = (
    TableColumn(FILE_KEY, Sort.HASH, nullable=False),
    TableColumn("source", Sort.TEXT, nullable=False),
    TableColumn("path", Sort.TEXT, nullable=False),
    TableColumn("room_id", Sort.TEXT, nullable=False),
    TableColumn("size_bytes", Sort.BIG, nullable=False),
    TableColumn("file_hash", Sort.HASH, nullable=False),
    TableColumn("shortness", Sort.TEXT, nullable=False),
    TableColumn("layout", Sort.TEXT, nullable=False),
)
"""`shortness` is less for a longer file: of a log that only grows the longest stands."""
MODEL = "ai_model"
NEEDED = (KEY, "room_id", "content")
ROOM, WHOLE = "room", "whole"
"""What `scope` says; a row of a room's own file stands before one of the combined file."""
_CODES = frozenset({"42P10", "42703", "PGRST204"})


@dataclass(frozen=True, slots=True)
class Names:
    """What the tables are called."""

    turns: str = TURNS

    @property
    def files(self) -> str:
        """Where the layouts of files are."""
        return f"{self.turns}_files"


def landings(names: Names, *, files: bool) -> tuple[Landing, ...]:
    """Turns, then files: a file's row never comes before the turns that it names."""
    turns = Landing(
        schema(names.turns, TURN_COLUMNS, KEY),
        rank=("scope", "room_id", "source", "place"),
        private=frozenset({"content", "speaker"}),
        shelf=Shelf(
            "conversation:{room_id}",
            (("id", KEY), ("content", "content"), ("timestamp", "timestamp"), ("aiModel", MODEL)),
            ("sort_key",),
        ),
    )
    whole = Landing(
        schema(names.files, FILE_COLUMNS, FILE_KEY), rank=("shortness", "file_hash"), private=frozenset({"layout"})
    )
    return (turns, whole) if files else (turns,)


def book(names: Names) -> Book:
    """What can be asked of the turns."""
    return Book(
        names.turns,
        KEY,
        "timestamp",
        (KEY, "room_id", "timestamp", "said_at", MODEL, "kind", "speaker", "content", "sort_key"),
        equal={"id": KEY, "room": "room_id", "model": MODEL, "kind": "kind", "speaker": "speaker", "source": "source"},
        texts=("content",),
        orders=("sort_key",),
        groups={"room": "room_id", "model": MODEL, "kind": "kind", "speaker": "speaker", "source": "source"},
        order="sort_key",
    )


def faults(catalog: Catalog, names: Names, *, files: bool) -> tuple[Fault, ...]:
    """What keeps rows from being written as they are."""
    if catalog.schemaless:
        return ()
    dialect = dialect_of(catalog)
    wanted = [(names.turns, TURN_COLUMNS, KEY), *([(names.files, FILE_COLUMNS, FILE_KEY)] if files else [])]
    found: list[Fault] = []
    for name, columns, key in wanted:
        table = catalog.table(name)
        if table is None:
            why = "the target has no such table; `recon sync init` makes it"
            found.append(Fault(name, "no table", why))
        else:
            found += _of_table(catalog, dialect, table, columns, key)
    return worst_first(found)


def migration(catalog: Catalog, names: Names, *, files: bool, exposed: bool) -> tuple[str, ...]:
    """The statements that make the target fit; nothing is dropped."""
    if catalog.schemaless:
        return ()
    dialect = dialect_of(catalog)
    made: list[str] = []
    for table in declared_tables(dialect, names)[: 2 if files else 1]:
        if catalog.table(table.name) is None:
            made += _create(dialect, table, exposed=exposed)
    made += [one.sql for one in faults(catalog, names, files=files) if one.sql]
    return (*made, RELOAD) if exposed and made else tuple(made)


def explained(code: str, message: str, names: Names) -> Fault | None:
    """A refusal that is the table's fault."""
    return Fault(names.turns, "not as it was", f"the server says: {message}") if code in _CODES else None


def declared_tables(dialect: Dialect, names: Names) -> tuple[DeclaredTable, DeclaredTable]:
    """Both tables as an engine declares them."""
    by_room = (DeclaredIndex(f"{names.turns}_room_idx", ("room_id", "timestamp")),)
    indexes = () if dialect is Dialect.MYSQL else by_room  # MySQL indexes no text of any length
    return (
        DeclaredTable(names.turns, declared(dialect, TURN_COLUMNS), (KEY,), indexes=indexes),
        DeclaredTable(names.files, declared(dialect, FILE_COLUMNS), (FILE_KEY,)),
    )


def _create(dialect: Dialect, table: DeclaredTable, *, exposed: bool) -> Iterator[str]:
    yield table_sql(dialect, table)
    yield from index_sql(dialect, table)
    if exposed:
        yield closed(table.name)


def _of_table(
    catalog: Catalog, dialect: Dialect, table: DeclaredTable, columns: tuple[TableColumn, ...], key: str
) -> Iterator[Fault]:
    needed = {*NEEDED, FILE_KEY, "source", "path", "size_bytes", "file_hash", "shortness", "layout"}
    for one in columns:
        there = table.column(one.name)
        if there is None:
            sql = add_column(dialect, table.name, one)
            must = one.name in needed and not one.nullable
            yield Fault(table.name, "missing column", f"it has no column `{one.name}`", sql, blocks=must)
        elif one.nullable and not there.nullable:
            sql = nullable(dialect, table.name, there)
            yield Fault(table.name, "not null", f"`{one.name}` has to be empty where nothing is known", sql)
    if catalog.engine != "postgrest" and (key,) not in [one.parts for one in uniques(table)]:
        sql = add_unique(dialect, table.name, key)
        yield Fault(table.name, "no key", f"nothing makes a `{key}` stand once", sql)
    ours = {one.name for one in columns}
    for other in table.columns:
        if other.name not in ours and must_be_given(dialect, table, other):
            yield Fault(table.name, "unknown column", f"`{other.name}` has to hold a value, and recon writes none")
