"""The target's tables: one row for each turn, and one for each file, which says how it is put together of turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredIndex, DeclaredTable, Generated, Numbered
from recon_cli.core.landing import Landing, Shelf
from recon_cli.core.report import Problem
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.core.search import Book
from recon_cli.systems.gfx import statements
from recon_cli.systems.gfx.statements import quoted
from recon_cli.systems.gfx.table import Dialect, GfxColumn, Sort, declared_column

TURNS = "conversations"
KEY = "turn_id"
FILE_KEY = "id"
TURN_COLUMNS = (
    GfxColumn(KEY, Sort.HASH, nullable=False),
    GfxColumn("room_id", Sort.TEXT, nullable=False),
    GfxColumn("content", Sort.TEXT, nullable=False),
    GfxColumn("timestamp", Sort.MOMENT),
    GfxColumn("ai_model", Sort.TEXT),
    GfxColumn("kind", Sort.TEXT),
    GfxColumn("speaker", Sort.TEXT),
    GfxColumn("said_at", Sort.TEXT),
    GfxColumn("scope", Sort.TEXT),
    GfxColumn("source", Sort.TEXT),
    GfxColumn("place", Sort.INT),
    GfxColumn("sort_key", Sort.TEXT),
)
"""`timestamp` is UTC, empty where no time is known; `said_at` is the time as written. `scope` says whether the row was
seen in its room's file, or only in the combined one. `place` is which turn of its file it is. By `sort_key`
turns are in order; one without a time stands behind the one before it in its file."""
FILE_COLUMNS = (
    GfxColumn(FILE_KEY, Sort.HASH, nullable=False),
    GfxColumn("source", Sort.TEXT, nullable=False),
    GfxColumn("path", Sort.TEXT, nullable=False),
    GfxColumn("room_id", Sort.TEXT, nullable=False),
    GfxColumn("size_bytes", Sort.BIG, nullable=False),
    GfxColumn("file_hash", Sort.HASH, nullable=False),
    GfxColumn("shortness", Sort.TEXT, nullable=False),
    GfxColumn("layout", Sort.TEXT, nullable=False),
)
"""`shortness` is less for a longer file: of a log that only grows the longest stands."""
MODEL = "ai_model"
NEEDED = (KEY, "room_id", "content")
ROOM, WHOLE = "room", "whole"
"""What `scope` says; a row of a room's own file stands before one of the combined file."""
_TYPES = {Sort.MOMENT: ColumnType.TIMESTAMP, Sort.INT: ColumnType.INTEGER, Sort.BIG: ColumnType.INTEGER}
_CODES = frozenset({"42P10", "42703", "PGRST204"})


@dataclass(frozen=True, slots=True)
class Names:
    """What the tables are called."""

    turns: str = TURNS

    @property
    def files(self) -> str:
        """Where the layouts of files are."""
        return f"{self.turns}_files"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a target."""

    name: str
    trouble: str
    why: str
    sql: str = ""
    blocks: bool = True

    def problem(self) -> Problem:
        """The fault as a report shows it."""
        return Problem(self.name, self.trouble, f"{self.why}; to mend it: {self.sql}" if self.sql else self.why)


def landings(names: Names, *, files: bool) -> tuple[Landing, ...]:
    """Turns, then files: a file's row never comes before the turns that it names."""
    turns = Landing(
        _schema(names.turns, TURN_COLUMNS, KEY),
        rank=("scope", "room_id", "source", "place"),
        private=frozenset({"content", "speaker"}),
        shelf=Shelf(
            "conversation:{room_id}",
            (("id", KEY), ("content", "content"), ("timestamp", "timestamp"), ("aiModel", MODEL)),
            ("sort_key",),
        ),
    )
    whole = Landing(
        _schema(names.files, FILE_COLUMNS, FILE_KEY), rank=("shortness", "file_hash"), private=frozenset({"layout"})
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
    dialect = _dialect(catalog)
    wanted = [(names.turns, TURN_COLUMNS, KEY), *([(names.files, FILE_COLUMNS, FILE_KEY)] if files else [])]
    found: list[Fault] = []
    for name, columns, key in wanted:
        table = catalog.table(name)
        if table is None:
            why = "the target has no such table; `recon sync init` makes it"
            found.append(Fault(name, "no table", why))
        else:
            found += _of_table(catalog, dialect, table, columns, key)
    return tuple(sorted(found, key=lambda one: not one.blocks))


def migration(catalog: Catalog, names: Names, *, files: bool, exposed: bool) -> tuple[str, ...]:
    """The statements that make the target fit; nothing is dropped."""
    if catalog.schemaless:
        return ()
    dialect = _dialect(catalog)
    made: list[str] = []
    for table in declared(dialect, names)[: 2 if files else 1]:
        if catalog.table(table.name) is None:
            made += _create(dialect, table, exposed=exposed)
    made += [one.sql for one in faults(catalog, names, files=files) if one.sql]
    return (*made, "NOTIFY pgrst, 'reload schema'") if exposed and made else tuple(made)


def explained(code: str, message: str, names: Names) -> Fault | None:
    """A refusal that is the table's fault."""
    return Fault(names.turns, "not as it was", f"the server says: {message}") if code in _CODES else None


def declared(dialect: Dialect, names: Names) -> tuple[DeclaredTable, DeclaredTable]:
    """Both tables as an engine declares them."""
    by_room = (DeclaredIndex(f"{names.turns}_room_idx", ("room_id", "timestamp")),)
    indexes = () if dialect is Dialect.MYSQL else by_room  # MySQL indexes no text of any length
    turns = tuple(declared_column(dialect, one) for one in TURN_COLUMNS)
    files = tuple(declared_column(dialect, one) for one in FILE_COLUMNS)
    return DeclaredTable(names.turns, turns, (KEY,), indexes=indexes), DeclaredTable(names.files, files, (FILE_KEY,))


def writable(table: DeclaredTable, columns: tuple[GfxColumn, ...]) -> tuple[str, ...]:
    """Our columns that the table has and takes."""
    there = {one.name for one in table.columns if one.generated is Generated.NO}
    return tuple(one.name for one in columns if one.name in there)


def _create(dialect: Dialect, table: DeclaredTable, *, exposed: bool) -> Iterator[str]:
    yield statements.table_sql(dialect, table)
    if dialect is not Dialect.MYSQL:
        yield from statements.index_sql(dialect, table)
    if exposed:
        yield f"ALTER TABLE {quoted(dialect, table.name)} ENABLE ROW LEVEL SECURITY"


def _of_table(
    catalog: Catalog, dialect: Dialect, table: DeclaredTable, columns: tuple[GfxColumn, ...], key: str
) -> Iterator[Fault]:
    needed = {*NEEDED, FILE_KEY, "source", "path", "size_bytes", "file_hash", "shortness", "layout"}
    for one in columns:
        there = table.column(one.name)
        if there is None:
            sql = statements.add_column(dialect, table.name, one)
            must = one.name in needed and not one.nullable
            yield Fault(table.name, "missing column", f"it has no column `{one.name}`", sql, blocks=must)
        elif one.nullable and not there.nullable:
            sql = _nullable(dialect, table.name, there)
            yield Fault(table.name, "not null", f"`{one.name}` has to be empty where nothing is known", sql)
    if catalog.engine != "postgrest" and not _is_unique(table, key):
        name, unless = f"{table.name}_{key}_key", "" if dialect is Dialect.MYSQL else "IF NOT EXISTS "
        where = f"{quoted(dialect, table.name)} ({quoted(dialect, key)})"
        sql = f"CREATE UNIQUE INDEX {unless}{quoted(dialect, name)} ON {where}"
        yield Fault(table.name, "no key", f"nothing makes a `{key}` stand once", sql)
    ours = {one.name for one in columns}
    for other in table.columns:
        if other.name not in ours and not _fills_itself(other):
            yield Fault(table.name, "unknown column", f"`{other.name}` has to hold a value, and recon writes none")


def _is_unique(table: DeclaredTable, key: str) -> bool:
    return table.key == (key,) or any(one.unique and one.parts == (key,) and not one.where for one in table.indexes)


def _fills_itself(column: DeclaredColumn) -> bool:
    computed = column.generated is not Generated.NO or column.numbered is not Numbered.NO
    whole = column.declared.upper() == "INTEGER"  # SQLite numbers such a key by itself
    return column.nullable or column.default is not None or computed or whole


def _nullable(dialect: Dialect, table: str, column: DeclaredColumn) -> str:
    if dialect is Dialect.POSTGRES:
        return f"ALTER TABLE {quoted(dialect, table)} ALTER COLUMN {quoted(dialect, column.name)} DROP NOT NULL"
    if dialect is Dialect.MYSQL:
        return f"ALTER TABLE {quoted(dialect, table)} MODIFY {quoted(dialect, column.name)} {column.declared} NULL"
    return ""


def _dialect(catalog: Catalog) -> Dialect:
    return Dialect.POSTGRES if catalog.engine == "postgrest" else Dialect(catalog.engine)


def _schema(table: str, columns: tuple[GfxColumn, ...], key: str) -> Schema:
    made = tuple(Column(one.name, _TYPES.get(one.sort, ColumnType.TEXT), nullable=one.nullable) for one in columns)
    return Schema(table, made, (key,))
