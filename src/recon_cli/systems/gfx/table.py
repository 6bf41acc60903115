"""The target's tables: one row for each content, one for each place it was seen at, and a view of the latest.

Each content is a row of its own, found by `file_hash`: a session that grows is exported again and again, and an older
export that arrives late must not stand in a newer one's place. Columns are declared once here, for every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.catalog import DeclaredColumn, DeclaredIndex, DeclaredTable, Kind
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.systems.gfx.fields import TableType

SESSIONS = "gfx_sessions"


class Dialect(StrEnum):
    """A family of engines that take the same statements, named as in `Catalog.engine`."""

    POSTGRES = "postgresql"
    SQLITE = "sqlite"
    MYSQL = "mysql"


class SyncStatus(StrEnum):
    """What a row says about its own delivery. Rows that recon writes are SYNCED; the others are older services'."""

    PENDING = "pending"
    SYNCED = "synced"
    UPDATED = "updated"
    FAILED = "failed"
    ARCHIVED = "archived"


class Sort(StrEnum):
    """What a column holds, before any engine's word for it."""

    UUID = "uuid"
    BIG = "big"
    INT = "int"
    TEXT = "text"
    HASH = "hash"
    TABLE_TYPE = "table_type"
    SYNC_STATUS = "sync_status"
    AMOUNTS = "amounts"
    MOMENT = "moment"
    DOCUMENT = "document"


ENUMS: Mapping[Sort, tuple[str, ...]] = {
    Sort.TABLE_TYPE: tuple(TableType),
    Sort.SYNC_STATUS: tuple(SyncStatus),
}
"""Columns with a fixed vocabulary. The sort is also the name of the type in Postgres."""


@dataclass(frozen=True, slots=True)
class GfxColumn:
    """One column. `default` is a value or `now`; `sent` is whether recon writes it, or leaves it to the database."""

    name: str
    sort: Sort
    nullable: bool = True
    default: str | None = None
    sent: bool = True


_NOW, _NEW_ID = "now", "new id"
COLUMNS = (
    GfxColumn("id", Sort.UUID, nullable=False, default=_NEW_ID, sent=False),
    GfxColumn("session_id", Sort.BIG, nullable=False),
    GfxColumn("file_name", Sort.TEXT, nullable=False),
    GfxColumn("file_hash", Sort.HASH, nullable=False),
    GfxColumn("nas_path", Sort.TEXT),
    GfxColumn("table_type", Sort.TABLE_TYPE, nullable=False, default="'UNKNOWN'"),
    GfxColumn("event_title", Sort.TEXT),
    GfxColumn("software_version", Sort.TEXT),
    GfxColumn("payouts", Sort.AMOUNTS),
    GfxColumn("hand_count", Sort.INT),
    GfxColumn("player_count", Sort.INT),
    GfxColumn("total_duration_seconds", Sort.INT),
    GfxColumn("session_created_at", Sort.MOMENT),
    GfxColumn("session_start_time", Sort.MOMENT),
    GfxColumn("session_end_time", Sort.MOMENT),
    GfxColumn("raw_json", Sort.DOCUMENT, nullable=False),
    GfxColumn("sync_status", Sort.SYNC_STATUS, nullable=False, default="'pending'"),
    GfxColumn("sync_error", Sort.TEXT, sent=False),
    GfxColumn("sync_source", Sort.TEXT),
    GfxColumn("processed_at", Sort.MOMENT, default=_NOW, sent=False),
    GfxColumn("created_at", Sort.MOMENT, default=_NOW, sent=False),
    GfxColumn("updated_at", Sort.MOMENT, default=_NOW, sent=False),
    GfxColumn("gfx_pc_id", Sort.TEXT),
)
SENT = tuple(column.name for column in COLUMNS if column.sent)
"""What recon writes into a row of the sessions table, by the table's order."""
REQUIRED = ("session_id", "file_hash", "raw_json")
"""Without these a row would not be the file."""
OBSERVED = (
    GfxColumn("id", Sort.HASH, nullable=False),
    GfxColumn("gfx_pc_id", Sort.TEXT, nullable=False),
    GfxColumn("nas_path", Sort.TEXT, nullable=False),
    GfxColumn("file_hash", Sort.HASH, nullable=False),
    GfxColumn("first_seen", Sort.MOMENT, nullable=False, default=_NOW),
    GfxColumn("last_seen", Sort.MOMENT, nullable=False, default=_NOW),
)

_CORE = {
    **dict.fromkeys((Sort.BIG, Sort.INT), ColumnType.INTEGER),
    **dict.fromkeys((Sort.AMOUNTS, Sort.DOCUMENT), ColumnType.JSON),
    Sort.MOMENT: ColumnType.TIMESTAMP,
}
_WORDS: Mapping[Dialect, Mapping[Sort, tuple[str, Kind]]] = {
    Dialect.POSTGRES: {
        Sort.UUID: ("uuid", Kind.UUID),
        Sort.BIG: ("bigint", Kind.INTEGER),
        Sort.INT: ("integer", Kind.INTEGER),
        Sort.TEXT: ("text", Kind.TEXT),
        Sort.HASH: ("text", Kind.TEXT),
        Sort.TABLE_TYPE: ("table_type", Kind.ENUM),
        Sort.SYNC_STATUS: ("sync_status", Kind.ENUM),
        Sort.AMOUNTS: ("bigint[]", Kind.ARRAY),
        Sort.MOMENT: ("timestamp with time zone", Kind.TIMESTAMPTZ),
        Sort.DOCUMENT: ("jsonb", Kind.JSONB),
    },
    Dialect.SQLITE: {sort: ("INTEGER" if sort in {Sort.BIG, Sort.INT} else "TEXT", Kind.ANY) for sort in Sort},
    Dialect.MYSQL: {
        Sort.UUID: ("char(36)", Kind.TEXT),
        Sort.BIG: ("bigint", Kind.INTEGER),
        Sort.INT: ("int", Kind.INTEGER),
        Sort.TEXT: ("longtext", Kind.TEXT),
        Sort.HASH: ("char(64)", Kind.TEXT),
        **{sort: (f"enum({','.join(repr(str(word)) for word in words)})", Kind.ENUM) for sort, words in ENUMS.items()},
        Sort.AMOUNTS: ("longtext", Kind.TEXT),
        Sort.MOMENT: ("datetime(6)", Kind.TIMESTAMP),
        Sort.DOCUMENT: ("longtext", Kind.TEXT),
    },
}
"""Payouts are 64 bits wide everywhere: in won they pass 2**31. MySQL's own JSON type would write numbers anew."""
_DEFAULTS = {
    Dialect.POSTGRES: {_NOW: "now()", _NEW_ID: "gen_random_uuid()"},
    Dialect.SQLITE: {
        _NOW: "(strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))",
        _NEW_ID: (
            "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'"
            " || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
        ),
    },
    Dialect.MYSQL: {_NOW: "(utc_timestamp(6))", _NEW_ID: "(uuid())"},
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the tables are called; all follow from the first."""

    sessions: str = SESSIONS

    @property
    def observations(self) -> str:
        """Where each content was seen."""
        return f"{self.sessions}_observations"

    @property
    def latest(self) -> str:
        """The view of the fullest export of each session."""
        return f"{self.sessions}_latest"


USUAL = Names()


def schemas(names: Names = USUAL) -> tuple[Schema, Schema]:
    """Sessions, keyed by content, and observations, keyed by PC, path and content (as one hash)."""
    return _schema(names.sessions, COLUMNS, "file_hash"), _schema(names.observations, OBSERVED, "id")


def declared(dialect: Dialect, names: Names = USUAL) -> tuple[DeclaredTable, DeclaredTable]:
    """Both tables as an engine declares them."""
    unique = f"{names.sessions}_file_hash_key"
    indexes = (
        DeclaredIndex(unique, ("file_hash",), unique=True, constraint=unique),
        DeclaredIndex(f"{names.sessions}_session_id_idx", ("session_id",)),
    )
    seen = (DeclaredIndex(f"{names.observations}_file_hash_idx", ("file_hash",)),)
    return (
        DeclaredTable(names.sessions, _declared(dialect, COLUMNS), ("id",), indexes=indexes),
        DeclaredTable(names.observations, _declared(dialect, OBSERVED), ("id",), indexes=seen),
    )


def declared_column(dialect: Dialect, column: GfxColumn) -> DeclaredColumn:
    """A column in an engine's words."""
    word, kind = _WORDS[dialect][column.sort]
    default = _DEFAULTS[dialect].get(column.default or "", column.default)
    return DeclaredColumn(column.name, word, kind, column.nullable, default)


def _declared(dialect: Dialect, columns: tuple[GfxColumn, ...]) -> tuple[DeclaredColumn, ...]:
    return tuple(declared_column(dialect, column) for column in columns)


def _schema(table: str, columns: tuple[GfxColumn, ...], key: str) -> Schema:
    made = tuple(
        Column(one.name, _CORE.get(one.sort, ColumnType.TEXT), nullable=one.nullable, unique=one.name == key)
        for one in columns
    )
    return Schema(table, made, (key,))
