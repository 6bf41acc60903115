"""RecordStore: the contract every store of records keeps. tests/stores/conformance.py holds each of them to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from recon_cli.core.canonical import Value
from recon_cli.core.plan import Change
from recon_cli.core.record import Fingerprint, Record
from recon_cli.core.schema import Schema


@dataclass(frozen=True, slots=True)
class Undo:
    """What it takes to put a target back as it was before `apply`.

    `changes` are the changes that were applied, each with the whole old row in `before` (None for a created row) and
    the whole new row in `after` (None for a deleted one); a store may keep a row number under a name that is no column;
    `created_tables` did not exist; `counters` are AUTOINCREMENT or sequence positions before; `base` and `result` are
    the fingerprints of each touched table before and after.
    """

    changes: tuple[Change, ...]
    created_tables: tuple[str, ...] = ()
    counters: Mapping[str, int | None] = field(default_factory=dict)
    base: Mapping[str, Fingerprint] = field(default_factory=dict)
    result: Mapping[str, Fingerprint] = field(default_factory=dict)


class RecordStore(Protocol):
    """Tables of records. All methods raise `ReconError`s only."""

    url: str
    """Where this store is, without any secret."""

    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """The column names of every table that exists, in their order there."""

    def read(self, table: str, key: tuple[str, ...] = ()) -> Iterator[Record]:
        """Every row with all its columns, ordered by `key` where given, streamed; a missing table is empty.

        Values are as exact as the engine has them: a SQLite cell keeps its storage class (a TIMESTAMP column's text
        stays text).
        """

    def fingerprint(self, table: str) -> Fingerprint:
        """The content of a table over all its columns, independent of row order; EMPTY if there is no such table."""

    def apply(
        self,
        changes: Sequence[Change],
        schemas: Mapping[str, Schema],
        *,
        base: Mapping[str, Fingerprint],
        prepared: Callable[[Undo], None],
    ) -> Undo:
        """Apply all changes in one transaction, or none.

        Inside the transaction, with other writers shut out of the touched tables: the fingerprint of every table in
        `base` is computed and must be equal, else GuardError ("the target moved on"); missing tables are created from
        `schemas`; the rows are written; the fingerprints are computed again and must be what the changes promise.
        `prepared` gets the Undo just before the commit: if it raises, nothing is written. Only columns named in a
        change are written; a change naming a column the table lacks is a DataError.
        """

    def revert(self, undo: Undo) -> None:
        """Take an `apply` back in one transaction: a dump taken before `apply` and one taken now are equal.

        Rows changed since make it refuse with GuardError; a target that is already back is left alone.
        """

    def insert_literal(self, schema: Schema, column: str, value: Value) -> Value:
        """How this engine would hand back `value` after writing it to `column` (TIMESTAMP text in SQLite, …)."""

    def probe(self) -> dict[str, str]:
        """What the engine is, for `recon doctor`."""

    def close(self) -> None:
        """Give connections back. Safe to call twice."""
