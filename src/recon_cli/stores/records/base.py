"""Reader: answers queries about one target's records. Nothing is connected before the first call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

from recon_cli.core.canonical import Value
from recon_cli.core.search import Book, Query

Row: TypeAlias = "Mapping[str, Value]"
"""One record by column; the moment, and every other time, is an aware datetime in UTC."""


class Reader(Protocol):
    """One target, to be read."""

    url: str
    """Where it is, without any secret."""

    def rows(self, book: Book, query: Query) -> Iterator[Row]:
        """The records asked for, in the order asked for, streamed: memory does not grow with their number.

        Raises:
            NotFoundError: there is no such table.
            ReconError: it cannot be read.
        """

    def counts(self, book: Book, by: Sequence[str], query: Query) -> Iterator[tuple[tuple[str, ...], int]]:
        """How many there are for each group, by the groups' values; `by` are columns, or `search.DAY` (in UTC).

        Raises:
            ReconError: it cannot be read.
        """

    def close(self) -> None:
        """Give connections back; safe to call twice."""
