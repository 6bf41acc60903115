"""What one line of a listing says, before names are decoded and times are put into UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from recon_cli.core.entry import EntryType, Precision


class Stamp(NamedTuple):
    """A time as listed: `moment` carries UTC as its zone, but only `exact` stamps were really given in UTC."""

    moment: datetime
    precision: Precision

    @property
    def exact(self) -> bool:
        """Whether the protocol itself defines the time as UTC."""
        return self.precision is Precision.EXACT


class Row(NamedTuple):
    """One name with what stands beside it; `unique` is the server's identity of the file where it tells one."""

    name: bytes
    type: EntryType
    size_bytes: int | None = None
    stamp: Stamp | None = None
    note: str = ""
    unique: bytes = b""


@dataclass(slots=True)
class Rows:
    """A parsed listing. `strange` holds the lines that no format explains; `dots` says that `.` or `..` was listed."""

    rows: list[Row] = field(default_factory=list)
    strange: list[bytes] = field(default_factory=list)
    dots: bool = False

    def names(self) -> set[bytes]:
        """The names alone."""
        return {row.name for row in self.rows}
