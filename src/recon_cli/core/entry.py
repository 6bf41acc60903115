"""What a file store says about its tree: entries, and listings that know whether they are complete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EntryType(StrEnum):
    """What an entry is; `link` is reported and never followed."""

    FILE = "file"
    DIR = "dir"
    LINK = "link"
    OTHER = "other"


class Precision(StrEnum):
    """How exactly `mtime` is known."""

    EXACT = "exact"
    """To the second (or better), in UTC by protocol: MDTM, MLSx, SFTP, local."""
    SECOND = "second"
    """To the second, from a listing whose time zone was measured or assumed."""
    MINUTE = "minute"
    """To the minute, from a listing."""
    DAY = "day"
    """To the day, from a listing of old files."""
    NONE = "none"
    """Not known; `mtime` is None."""


class Incomplete(StrEnum):
    """Why a directory is not proven complete."""

    DENIED = "denied"
    MISSING = "missing"
    TRUNCATED = "truncated"
    UNPARSED = "unparsed"
    LOOP = "loop"
    TIMEOUT = "timeout"
    DEPTH = "depth"
    HIDDEN = "hidden"
    """The server leaves names out by rule: dotfiles in an index page, all but model folders in an API's answer."""
    CUT = "cut"
    """The connection ended and could not be had again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory.

    `path` is relative to the scanned root, `/`-separated, without a leading slash, decoded. `raw_path` holds the
    server's bytes of the same path where `path` is not simply their UTF-8 decoding, and None otherwise; stores accept
    either for reading. `size_bytes` and `mtime` (aware, UTC) are None where unknown, never guessed; `note` says why.
    """

    path: str
    type: EntryType
    size_bytes: int | None = None
    mtime: datetime | None = None
    precision: Precision = Precision.NONE
    raw_path: bytes | None = None
    listed_by: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The directory that holds the entry; the root is the empty string."""
        return self.path.rpartition("/")[0]

    @property
    def ref(self) -> str | bytes:
        """What to hand back to the store to reach this very file: the raw bytes where they differ."""
        return self.path if self.raw_path is None else self.raw_path


@dataclass(frozen=True, slots=True)
class Listing:
    """One directory as it was listed.

    `incomplete` is None when the directory is proven complete, else the reason; `detail` is the server's own words.
    A row may be called orphan or missing only below listings that are complete, all the way up.
    """

    path: str
    entries: tuple[Entry, ...]
    listed_by: str
    incomplete: Incomplete | None = None
    detail: str = ""
    raw_path: bytes | None = None

    @property
    def complete(self) -> bool:
        """Whether every name of the directory is known to be in `entries`."""
        return self.incomplete is None
