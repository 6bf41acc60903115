"""Columns as a system declares them, once, and what each engine calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.catalog import Catalog, DeclaredColumn, Kind
from recon_cli.core.schema import Column, ColumnType, Schema


class Dialect(StrEnum):
    """A family of engines that take the same statements, named as in `Catalog.engine`."""

    POSTGRES = "postgresql"
    SQLITE = "sqlite"
    MYSQL = "mysql"


class Sort(StrEnum):
    """What a column holds, before any engine's word for it."""

    UUID = "uuid"
    BIG = "big"
    INT = "int"
    SMALL = "small"
    REAL = "real"
    FLAG = "flag"
    TEXT = "text"
    WORD = "word"
    """A text that is short, and looked for."""
    HASH = "hash"
    VOCABULARY = "vocabulary"
    """One of the column's `words`."""
    AMOUNTS = "amounts"
    """Whole numbers of 64 bits, several of them."""
    MOMENT = "moment"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that a column takes. `name` is what the type is called in Postgres."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column. `default` is SQL, or one of the defaults below; `sent` is whether recon writes it.

    What is not sent is left to the database.
    """

    name: str
    sort: Sort
    nullable: bool = True
    default: str | None = None
    sent: bool = True
    words: Vocabulary | None = None


NOW, NOW_US, NEW_ID, NO = "now", "now, in microseconds", "new id", "no"
"""Defaults that engines say differently. SQLite knows milliseconds: NOW_US gives as many digits as others write."""
_CORE = {
    **dict.fromkeys((Sort.BIG, Sort.INT, Sort.SMALL), ColumnType.INTEGER),
    **dict.fromkeys((Sort.AMOUNTS, Sort.DOCUMENT), ColumnType.JSON),
    Sort.REAL: ColumnType.REAL,
    Sort.FLAG: ColumnType.BOOLEAN,
    Sort.MOMENT: ColumnType.TIMESTAMP,
}
_WORDS: Mapping[Dialect, Mapping[Sort, tuple[str, Kind]]] = {
    Dialect.POSTGRES: {
        Sort.UUID: ("uuid", Kind.UUID),
        Sort.BIG: ("bigint", Kind.INTEGER),
        Sort.INT: ("integer", Kind.INTEGER),
        Sort.SMALL: ("smallint", Kind.INTEGER),
        Sort.REAL: ("double precision", Kind.REAL),
        Sort.FLAG: ("boolean", Kind.BOOLEAN),
        **dict.fromkeys((Sort.TEXT, Sort.WORD, Sort.HASH), ("text", Kind.TEXT)),
        Sort.AMOUNTS: ("bigint[]", Kind.ARRAY),
        Sort.MOMENT: ("timestamp with time zone", Kind.TIMESTAMPTZ),
        Sort.DOCUMENT: ("jsonb", Kind.JSONB),
    },
    Dialect.SQLITE: {
        **dict.fromkeys(Sort, ("TEXT", Kind.ANY)),
        **dict.fromkeys((Sort.BIG, Sort.INT, Sort.SMALL, Sort.FLAG), ("INTEGER", Kind.ANY)),
        Sort.REAL: ("REAL", Kind.ANY),
    },
    Dialect.MYSQL: {
        Sort.UUID: ("char(36)", Kind.TEXT),
        Sort.BIG: ("bigint", Kind.INTEGER),
        Sort.INT: ("int", Kind.INTEGER),
        Sort.SMALL: ("smallint", Kind.INTEGER),
        Sort.REAL: ("double", Kind.REAL),
        Sort.FLAG: ("boolean", Kind.INTEGER),
        Sort.WORD: ("varchar(255)", Kind.TEXT),
        Sort.HASH: ("char(64)", Kind.TEXT),
        **dict.fromkeys((Sort.TEXT, Sort.AMOUNTS, Sort.DOCUMENT), ("longtext", Kind.TEXT)),
        Sort.MOMENT: ("datetime(6)", Kind.TIMESTAMP),
    },
}
"""MySQL's own JSON type would write numbers anew."""
_DEFAULTS = {
    Dialect.POSTGRES: {NOW: "now()", NOW_US: "now()", NEW_ID: "gen_random_uuid()", NO: "false"},
    Dialect.SQLITE: {
        NOW: "(strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))",
        NOW_US: "(strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now'))",
        NEW_ID: (
            "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'"
            " || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
        ),
        NO: "0",
    },
    Dialect.MYSQL: {NOW: "(utc_timestamp(6))", NOW_US: "(utc_timestamp(6))", NEW_ID: "(uuid())", NO: "false"},
}


def dialect_of(catalog: Catalog) -> Dialect:
    """Whose SQL the target takes."""
    return Dialect.POSTGRES if catalog.engine == "postgrest" else Dialect(catalog.engine)


def declared(dialect: Dialect, columns: Iterable[TableColumn]) -> tuple[DeclaredColumn, ...]:
    """Columns in an engine's words."""
    return tuple(_declared(dialect, column) for column in columns)


def schema(table: str, columns: Iterable[TableColumn], key: str) -> Schema:
    """The table in the core's terms, with its key."""
    made = tuple(
        Column(one.name, _CORE.get(one.sort, ColumnType.TEXT), nullable=one.nullable, unique=one.name == key)
        for one in columns
    )
    return Schema(table, made, (key,))


def literal(word: str) -> str:
    """A word as an SQL string."""
    return "'" + word.replace("'", "''") + "'"


def _declared(dialect: Dialect, column: TableColumn) -> DeclaredColumn:
    word, kind = _vocabulary(dialect, column.words) if column.words else _WORDS[dialect][column.sort]
    default = _DEFAULTS[dialect].get(column.default or "", column.default)
    return DeclaredColumn(column.name, word, kind, column.nullable, default)


def _vocabulary(dialect: Dialect, known: Vocabulary) -> tuple[str, Kind]:
    if dialect is Dialect.MYSQL:
        return f"enum({','.join(map(literal, known.words))})", Kind.ENUM
    return (known.name, Kind.ENUM) if dialect is Dialect.POSTGRES else _WORDS[dialect][Sort.VOCABULARY]
