"""Record: one row with an identity key, whatever store it lives in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from recon_cli.core import canonical
from recon_cli.core.canonical import Value

Key: TypeAlias = tuple[Value, ...]
"""What makes two records the same thing: the values of the key columns, in the schema's order."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: the table it belongs to and its values by column name."""

    table: str
    values: Mapping[str, Value]

    def key(self, columns: tuple[str, ...]) -> Key:
        """The values of `columns`, in that order; a missing column is None."""
        return tuple(self.values.get(name) for name in columns)

    def digest(self) -> str:
        """SHA-256 (hex) of the values, independent of column order."""
        return canonical.digest(self.values)

    def with_values(self, **changed: Value) -> Record:
        """The same record with some values replaced."""
        return replace(self, values={**self.values, **changed})


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A table's content in one line: how many rows, and the order-independent sum of their digests (hex)."""

    rows: int
    digest: str

    def plus(self, *digests: str) -> Fingerprint:
        """The fingerprint after adding rows with these digests."""
        return Fingerprint(self.rows + len(digests), canonical.sum_digests(digests, start=self.digest))

    def minus(self, *digests: str) -> Fingerprint:
        """The fingerprint after removing rows with these digests."""
        return Fingerprint(self.rows - len(digests), canonical.sum_digests(digests, start=self.digest, sign=-1))


EMPTY = Fingerprint(0, "0" * 64)
"""The fingerprint of a table without rows, and of a table that does not exist."""
