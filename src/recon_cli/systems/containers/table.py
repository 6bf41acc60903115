"""The target's tables: `container_logs` as readers know it, every reading with the log that stands for it, the window.

A log is a reading that is more than the window after the last log of its number. Columns are declared once here, for
every engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recon_cli.core.landing import Landing, Window
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.core.search import Book

LOGS = "container_logs"
WINDOW_S = 300.0
"""Five minutes."""


class Dialect(StrEnum):
    """A family of engines that take the same statements, named as in `Catalog.engine`."""

    POSTGRES = "postgresql"
    SQLITE = "sqlite"
    MYSQL = "mysql"


class Sort(StrEnum):
    """What a column holds, before any engine's word for it."""

    UUID = "uuid"
    MOMENT = "moment"
    WORD = "word"
    """A text that is short, and looked for."""
    TEXT = "text"
    SMALL = "small"
    REAL = "real"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class LogColumn:
    """One column. `sent` is whether recon sends it; `now` whether the database fills it in with the present time."""

    name: str
    sort: Sort
    nullable: bool = True
    sent: bool = True
    default: str = ""


NOW = "now"
_ID = LogColumn("id", Sort.UUID, nullable=False)
_COMMON = (
    LogColumn("captured_at", Sort.MOMENT, nullable=False),
    LogColumn("container_owner", Sort.WORD, nullable=False),
    LogColumn("container_number", Sort.WORD, nullable=False),
    LogColumn("source_video", Sort.WORD),
    LogColumn("cropped_image_ref", Sort.TEXT),
)
_CREATED = LogColumn("created_at", Sort.MOMENT, sent=False, default=NOW)
LOG_COLUMNS = (_ID, *_COMMON, _CREATED)
READING_COLUMNS = (
    _ID,
    *_COMMON,
    LogColumn("check_digit", Sort.SMALL),
    LogColumn("confidence", Sort.REAL),
    LogColumn("notes", Sort.TEXT),
    LogColumn("log_id", Sort.UUID, sent=False),
    LogColumn("pinned", Sort.FLAG, nullable=False, sent=False, default="no"),
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
_TYPES = {
    Sort.MOMENT: ColumnType.TIMESTAMP,
    Sort.SMALL: ColumnType.INTEGER,
    Sort.REAL: ColumnType.REAL,
    Sort.FLAG: ColumnType.BOOLEAN,
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
    columns = tuple(
        Column(one.name, _TYPES.get(one.sort, ColumnType.TEXT), nullable=one.nullable, unique=one.name == "id")
        for one in READING_COLUMNS
        if one.sent
    )
    window = Window(names.logs, names.rules, names.taker, GROUP, "captured_at", "id", "log_id", "pinned", COPIED)
    return Landing(Schema(names.readings, columns, ("id",)), keys=(("id", "captured_at"),), window=window)


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
