"""Feed: how one application's files become rows on their way to a table. `recon sync` carries them, and knows no more.

A `System` rebuilds rows from what survived; a feed sends each file once, as it is. Pure: a feed opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from recon_cli.core.catalog import Catalog
from recon_cli.core.landing import Landing, Parcel, Shape
from recon_cli.core.report import Problem

SYSTEM, SOURCE, PATH, HASH, SEEN = "system", "source", "path", "file_hash", "seen"
"""What the `meta` of every letter says: the feed, who wrote the file, where it lies, its hash, when it was seen."""


class Spot(NamedTuple):
    """Where a file was seen: whose it is, and its path below the root, in the one spelling that is compared."""

    source: str
    path: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """A file, or an item of the outbox, that gives no row. `waits`: a later look may find it whole."""

    reason: str
    detail: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """What was given and is no record: where, why, and what it said; it becomes a dead letter of the table."""

    where: str
    why: Unfit
    table: str
    payload: bytes


class Sending(NamedTuple):
    """A file as it goes into the outbox: its table and identity there. The payload are the file's own bytes.

    `notes` are what was taken all the same, such as a number that stands twice; `refused` are rows of it that will give
    none.
    """

    table: str
    key: str
    file_hash: str
    notes: tuple[Problem, ...] = ()
    older: tuple[str, ...] = ()
    """Other hashes under which an older program may know this content."""
    refused: tuple[Refused, ...] = ()


class Fault(Protocol):
    """One thing that is wrong with a target. `blocks`: no row, or not every row, could be written as it is."""

    @property
    def blocks(self) -> bool:
        """Whether it has to be mended first."""

    @property
    def sql(self) -> str:
        """What mends it; empty where no statement can."""

    @property
    def why(self) -> str:
        """In words."""

    def problem(self) -> Problem:
        """As a report shows it."""


class Sources(Protocol):
    """Who writes where, below the root."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders to look into; the empty one is the root."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Entries that could not be taken."""

    def owner(self, path: str) -> str | None:
        """Whose file this is; None for one that nobody wants."""


class Feed(Protocol):
    """One application's files, on their way to one main table."""

    name: str
    table: str
    """The main table."""
    registry: str
    """Where the list of sources lies below the root, unless configured; empty if there is none."""

    def sources(self, registry: bytes | None, folders: Iterable[str]) -> Sources:
        """Who writes where: by the registry's bytes, or by the folders at the root where there is none.

        Raises:
            ConfigError: the registry cannot be read, or is not written to its end.
        """

    def wants(self, path: str) -> bool:
        """Whether a path, by its name, may be one of the files."""

    def spelled(self, path: str) -> str:
        """A path in the one spelling that is compared and stored."""

    def sending(self, raw: bytes, spot: Spot) -> Sending | Unfit:
        """The file as it is to be sent, or why it is not. Raises nothing, whatever the bytes."""

    def sighting(self, spot: Spot, file_hash: str, first: str, last: str) -> tuple[str, str, bytes] | None:
        """Table, key and payload of a letter that says from when to when (ISO times) a content was seen at a spot.

        None where sightings are not kept.
        """

    def parcels(self, table: str, payload: bytes, meta: Mapping[str, str]) -> tuple[Parcel, ...] | Unfit:
        """The rows of an item of the outbox: of a file, of a sighting, or of an older service's queue."""

    def landings(self) -> tuple[Landing, ...]:
        """The tables, the main one first, in the order in which they are to be written."""

    def shapes(self, catalog: Catalog) -> tuple[Shape, ...]:
        """What of the landings a target takes; a table that it lacks is left out."""

    def faults(self, catalog: Catalog) -> Sequence[Fault]:
        """Everything that is wrong with the target, what blocks first."""

    def migration(self, catalog: Catalog, *, exposed: bool) -> tuple[str, ...]:
        """The statements that make the target fit, from whatever it is; they drop no row and no column."""

    def explained(self, code: str, message: str) -> Fault | None:
        """A refusal by the server as the fault of the table behind it, if it is one; else the row is to blame."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A file put together of rows: its path below a folder. `exact`: it is byte for byte the one that was sent."""

    path: str
    raw: bytes
    exact: bool = True


class Rebuilds(Feed, Protocol):
    """A feed whose rows give the files back."""

    def needed(self) -> Mapping[str, tuple[str, ...]]:
        """Which columns of which tables it takes."""

    def rebuilt(self, rows: Mapping[str, Iterable[Mapping[str, str]]], host: str) -> Iterable[Rebuilt | Problem]:
        """The files of one host (empty: of all) out of all rows of these tables; a cell without a value is empty."""
