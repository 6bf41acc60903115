"""The target's tables: `container_logs` as readers know it, every reading with the log that stands for it, the window.

A log is a reading that is more than the window after the last log of its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recon_cli.core.catalog import DeclaredIndex, DeclaredTable
from recon_cli.core.landing import Landing, Window
from recon_cli.core.search import Book
from recon_cli.systems.tables.columns import NO, NOW_US, Dialect, Sort, TableColumn, declared, schema

LOGS = "container_logs"
WINDOW_S = 300.0
"""Five minutes."""


_ID = TableColumn("id", Sort.UUID, nullable=False)
_COMMON = (
    TableColumn("captured_at", Sort.MOMENT, nullable=False),
    TableColumn("container_owner", Sort.WORD, nullable=False),
    TableColumn("container_number", Sort.WORD, nullable=False),
    TableColumn("source_video", Sort.WORD),
    TableColumn("cropped_image_ref", Sort.TEXT),
)
_CREATED = TableColumn("created_at", Sort.MOMENT, sent=False, default=NOW_US)
LOG_COLUMNS = (_ID, *_COMMON, _CREATED)
READING_COLUMNS = (
    _ID,
    *_COMMON,
    TableColumn("check_digit", Sort.SMALL),
    TableColumn("confidence", Sort.REAL),
    TableColumn("notes", Sort.TEXT),
    TableColumn("log_id", Sort.UUID, sent=False),
    TableColumn("pinned", Sort.FLAG, nullable=False, sent=False, default=NO),
    _CREATED,
)
COPIED = ("id", *(one.name for one in _COMMON))
"""What a log takes over from its reading."""
GROUP = ("container_owner", "container_number")
LOG_INDEXES: Mapping[str, tuple[str, ...]] = {
    "number_idx": ("container_number", "container_owner", "captured_at", "id"),
    "owner_idx": ("container_owner", "captured_at", "id"),
    "source_idx": ("source_video", "captured_at", "id"),
    "captured_at_idx": ("captured_at", "id"),
    "created_at_idx": ("created_at", "id"),
}
"""One for each search: by number, by owner, by source, by time; and the last for `tail`."""
READING_INDEXES: Mapping[str, tuple[str, ...]] = {
    "number_idx": ("container_owner", "container_number", "captured_at", "id"),
    "log_idx": ("log_id",),
    "captured_at_idx": ("captured_at", "id"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the tables are called; all follow from the first."""

    logs: str = LOGS

    @property
    def readings(self) -> str:
        """Every reading."""
        return f"{self.logs}_readings"

    @property
    def rules(self) -> str:
        """How long the window is."""
        return f"{self.logs}_rules"

    @property
    def taker(self) -> str:
        """The function that takes readings in (Postgres)."""
        return f"{self.logs}_take"


USUAL = Names()


def landing(names: Names = USUAL) -> Landing:
    """Readings land; the window says which of them are logs."""
    sent = schema(names.readings, (one for one in READING_COLUMNS if one.sent), "id")
    window = Window(names.logs, names.rules, names.taker, GROUP, "captured_at", "id", "log_id", "pinned", COPIED)
    return Landing(sent, keys=(("id", "captured_at"),), window=window)


def declared_tables(dialect: Dialect, names: Names, *, partitioned: bool) -> tuple[DeclaredTable, DeclaredTable]:
    """Logs and readings as an engine declares them; `partitioned` by month (Postgres)."""
    key = ("id", "captured_at") if partitioned else ("id",)

    def made(table: str, columns: tuple[TableColumn, ...], indexes: Mapping[str, tuple[str, ...]]) -> DeclaredTable:
        wanted = tuple(DeclaredIndex(f"{table}_{name}", parts) for name, parts in indexes.items())
        return DeclaredTable(table, declared(dialect, columns), key, indexes=wanted)

    return made(names.logs, LOG_COLUMNS, LOG_INDEXES), made(names.readings, READING_COLUMNS, READING_INDEXES)


def book(names: Names = USUAL) -> Book:
    """What can be asked of the logs."""
    return Book(
        names.logs,
        "id",
        "captured_at",
        tuple(one.name for one in LOG_COLUMNS),
        {"owner": "container_owner", "number": "container_number", "source": "source_video", "id": "id"},
        ("container_owner", "container_number", "source_video", "cropped_image_ref"),
        ("container_owner", "container_number", "created_at"),
        {"owner": "container_owner", "number": "container_number", "source": "source_video"},
        arrived="created_at",
    )
