"""The target's tables: one row for each content, one for each place it was seen at, and a view of the latest.

Each content is a row of its own, found by `file_hash`: a session that grows is exported again and again, and an older
export that arrives late must not stand in a newer one's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.catalog import DeclaredIndex, DeclaredTable
from recon_cli.core.schema import Schema
from recon_cli.systems.gfx.fields import TableType
from recon_cli.systems.tables.columns import NEW_ID, NOW, Dialect, Sort, TableColumn, Vocabulary, declared, schema

SESSIONS = "gfx_sessions"


class SyncStatus(StrEnum):
    """What a row says about its own delivery. Rows that recon writes are SYNCED; the others are older services'."""

    PENDING = "pending"
    SYNCED = "synced"
    UPDATED = "updated"
    FAILED = "failed"
    ARCHIVED = "archived"


TABLE_TYPES = Vocabulary("table_type", tuple(TableType))
SYNC_STATUSES = Vocabulary("sync_status", tuple(SyncStatus))
VOCABULARIES = (TABLE_TYPES, SYNC_STATUSES)
COLUMNS = (
    TableColumn("id", Sort.UUID, nullable=False, default=NEW_ID, sent=False),
    TableColumn("session_id", Sort.BIG, nullable=False),
    TableColumn("file_name", Sort.TEXT, nullable=False),
    TableColumn("file_hash", Sort.HASH, nullable=False),
    TableColumn("nas_path", Sort.TEXT),
    TableColumn("table_type", Sort.VOCABULARY, nullable=False, default="'UNKNOWN'", words=TABLE_TYPES),
    TableColumn("event_title", Sort.TEXT),
    TableColumn("software_version", Sort.TEXT),
    TableColumn("payouts", Sort.AMOUNTS),
    TableColumn("hand_count", Sort.INT),
    TableColumn("player_count", Sort.INT),
    TableColumn("total_duration_seconds", Sort.INT),
    TableColumn("session_created_at", Sort.MOMENT),
    TableColumn("session_start_time", Sort.MOMENT),
    TableColumn("session_end_time", Sort.MOMENT),
    TableColumn("raw_json", Sort.DOCUMENT, nullable=False),
    TableColumn("sync_status", Sort.VOCABULARY, nullable=False, default="'pending'", words=SYNC_STATUSES),
    TableColumn("sync_error", Sort.TEXT, sent=False),
    TableColumn("sync_source", Sort.TEXT),
    TableColumn("processed_at", Sort.MOMENT, default=NOW, sent=False),
    TableColumn("created_at", Sort.MOMENT, default=NOW, sent=False),
    TableColumn("updated_at", Sort.MOMENT, default=NOW, sent=False),
    TableColumn("gfx_pc_id", Sort.TEXT),
)
"""Payouts are 64 bits wide: in won they pass 2**31."""
SENT = tuple(column.name for column in COLUMNS if column.sent)
"""What recon writes into a row of the sessions table, by the table's order."""
REQUIRED = ("session_id", "file_hash", "raw_json")
"""Without these a row would not be the file."""
OBSERVED = (
    TableColumn("id", Sort.HASH, nullable=False),
    TableColumn("gfx_pc_id", Sort.TEXT, nullable=False),
    TableColumn("nas_path", Sort.TEXT, nullable=False),
    TableColumn("file_hash", Sort.HASH, nullable=False),
    TableColumn("first_seen", Sort.MOMENT, nullable=False, default=NOW),
    TableColumn("last_seen", Sort.MOMENT, nullable=False, default=NOW),
)


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
    return schema(names.sessions, COLUMNS, "file_hash"), schema(names.observations, OBSERVED, "id")


def declared_tables(dialect: Dialect, names: Names = USUAL) -> tuple[DeclaredTable, DeclaredTable]:
    """Both tables as an engine declares them."""
    unique = f"{names.sessions}_file_hash_key"
    indexes = (
        DeclaredIndex(unique, ("file_hash",), unique=True, constraint=unique),
        DeclaredIndex(f"{names.sessions}_session_id_idx", ("session_id",)),
    )
    seen = (DeclaredIndex(f"{names.observations}_file_hash_idx", ("file_hash",)),)
    return (
        DeclaredTable(names.sessions, declared(dialect, COLUMNS), ("id",), indexes=indexes),
        DeclaredTable(names.observations, declared(dialect, OBSERVED), ("id",), indexes=seen),
    )
