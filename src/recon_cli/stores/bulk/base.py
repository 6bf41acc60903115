"""BulkStore: whole tables out of a database and into it, fast and exactly. tests/stores/bulk/conformance.py holds it.

A RecordStore writes the few rows of a plan, one by one, with an undo; a BulkStore moves everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from recon_cli.core.catalog import Catalog, Cell, DeclaredTable
from recon_cli.core.lines import Block, Lines

SILENT_S = "silent_s"
"""An option of a place: after how many seconds without an answer a view is given up; without it, never."""

Row: TypeAlias = "tuple[Cell, ...]"
"""The cells of `DeclaredTable.stored`, in that order."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a table in key order: from `first` (included) to `end` (not included); None is open.

    Both are the cells of the whole key. A table without a key has one span only.
    """

    first: Row | None = None
    end: Row | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest key, and how many rows, of a table whose key is one integer column."""

    least: int
    greatest: int
    rows: int


class View(Protocol):
    """One state of a database, whatever others write meanwhile. All methods raise `ReconError`s only.

    Not for several threads at once.
    """

    consistency: str
    """What is promised, in words for an operator: "one transaction", "page by page: …"."""

    def catalog(self) -> Catalog:
        """Everything declared, without the engine's own tables and without recon's journals (`recon_marks` stays)."""

    def count(self, table: str) -> int:
        """How many rows, exactly."""

    def bounds(self, table: str) -> Bounds | None:
        """Of a table whose whole key is one integer column with only integers in it; None otherwise, or if empty."""

    def keys(self, table: str, *, start: Row | None = None, skip_rows: int = 0) -> Iterator[Row]:
        """The keys in key order from `start` (included) on, without the first `skip_rows` of them. Reads no rows."""

    def rows(self, table: str, span: Span = Span(), *, chunk_rows: int = 1000) -> Iterator[list[Row]]:
        """The rows of a span in key order, in lists of up to `chunk_rows`; a chunk is shorter where rows are large.

        The order is the same every time, whatever the physical order: by primary key as the engine orders it, without
        a key by rowid (SQLite) or by the whole row as text (others). Memory stays flat, also with rows of 40 MB.
        """


@runtime_checkable
class Writing(Protocol):
    """A view that can give rows written, where the compiled library is installed and knows the table."""

    def lines(self, table: str, span: Span, width: int) -> Iterator[list[Row] | Lines]:
        """The rows of a span in the order of `View.rows`, as lines (with the bytes that the rows have) or as rows.

        Rows only, where the key is not one integer in each of them. No `Lines` crosses a multiple of `width`, the range
        of keys of a shard.
        """


class Mode(StrEnum):
    """What an import does about rows that are there."""

    INSERT = "insert"
    """Only new keys; a key that is there with other content is a conflict."""
    UPSERT = "upsert"
    """The snapshot's row replaces the row of that key."""
    REPLACE = "replace"
    """The table's content becomes the snapshot's: rows that it does not have are deleted."""
    MERGE = "merge"
    """New keys are inserted, empty (NULL) cells filled; two different values are a conflict, the store's stands."""


class Aside(Protocol):
    """A place beside the database, made by its store, that another process fills with rows. It can be pickled."""

    def fill(self, chunks: Iterable[Block | list[Row]]) -> int:
        """Put the rows there; how many they were. Called once, in the other process."""


@dataclass(frozen=True, slots=True)
class Halves:
    """The rows of a table in two parts, for a store that can have the second one put aside meanwhile.

    `first` streams. `second` has another process fill a place; what it gives back waits for that and says how many rows
    there are.
    """

    first: Callable[[], Iterator[Block | list[Row]]]
    second: Callable[[Aside], Callable[[], int]]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A table to load. `rows` may be called more than once and streams from the start each time.

    The rows' columns are `declared.stored` (as the snapshot declares them, for `source_engine`). `blocks`: the same
    rows as lines (large ones as rows), where there are files. `halves`: likewise, where another process can help.
    """

    declared: DeclaredTable
    rows: Callable[[], Iterator[list[Row]]]
    count: int
    blocks: Callable[[], Iterator[Block | list[Row]]] | None = None
    halves: Halves | None = None


@dataclass(frozen=True, slots=True)
class Loading:
    """What to load and how. Everything happens in one transaction, or not at all.

    `source` declares where it comes from: another engine's types are translated. `trusted` allows the catalog's own SQL
    (views, triggers, functions, expressions that are not plain) to be run; without it a catalog that has such SQL makes
    the load refuse with GuardError before anything is written. `passing`: the database is thrown away unused, so that
    its views and triggers never run; a store may take those then. `objects` False leaves objects and indexes alone
    (a partial import). `commit` False: do everything, count, roll back (that is the plan).
    `prepared` is called with the outcome just before the commit; if it raises, nothing is written.
    """

    source: Catalog
    tables: Sequence[Incoming]
    mode: Mode = Mode.INSERT
    trusted: bool = False
    passing: bool = False
    objects: bool = True
    commit: bool = True
    prepared: Callable[[Loaded], None] = field(default=lambda _loaded: None)
    progress: Callable[[int], None] = field(default=lambda _rows: None)


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """What a load did to one table. `conflicts` counts; `first_conflicts` names up to 20 keys with the columns."""

    table: str
    created_table: bool = False
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    conflicts: int = 0
    first_conflicts: tuple[tuple[Row, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did, or would do. `notes` say what was translated and how (`amount: REAL → double precision`)."""

    tables: tuple[TableOutcome, ...]
    created_objects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Mapping[str, str | int] = field(default_factory=dict)


class BulkStore(Protocol):
    """A database as a whole. Nothing is connected before the first call. All methods raise `ReconError`s only."""

    url: str
    """Where it is, without any secret."""
    engine: str
    """As in `Catalog.engine`."""

    def gate(self) -> AbstractContextManager[str]:
        """Hold one state still just long enough: every `join` of the ticket while the gate is open sees that state.

        Also from other processes. Writers are held up for milliseconds at most (a SQLite WAL writer under 50 ms).
        """

    def join(self, ticket: str | None = None) -> AbstractContextManager[View]:
        """A view; with a ticket, of the gate's state. The view stays as it is until left, also after the gate closed.

        Raises NotFoundError when there is no such database.
        """

    def load(self, loading: Loading) -> Loaded:
        """Take tables in, in foreign-key order, past triggers, all in one transaction; see `Loading`.

        Tables that are missing are created, with keys, indexes, foreign keys, checks and counters; a table that is
        there is matched by column names: a column of the snapshot that the target lacks, or a NOT NULL column without
        default that the snapshot lacks, is a DataError that names it. A value its column cannot hold is a DataError
        that names table, key and column. A SQLite file that does not exist is built beside and renamed when complete.
        """

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
