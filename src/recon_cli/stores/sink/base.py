"""Sink: where the rows of an outbox land. A RecordStore applies a plan, a BulkStore moves all there is.

Not for several threads at once. Nothing is connected before the first call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from recon_cli.core.catalog import Catalog
from recon_cli.core.landing import Load

Cells: TypeAlias = "tuple[int | str | None, ...]"
"""Values as a target tells them: whole numbers exact, all else as text."""


class Sink(Protocol):
    """One target."""

    url: str
    """Where it is, without any secret."""
    engine: str
    """As in `Catalog.engine`."""
    changeable: bool
    """Whether `run` is possible at all."""

    def write(self, loads: Sequence[Load]) -> None:
        """Land the rows by the rules of their landings, in the order given.

        When it returns, they are committed. Written twice they are there once; in whatever order rows come, the same
        rows stand in the end. What the database computes itself stays. All or nothing, in one transaction; a REST
        target writes table after table, each in one, and after a failure the same may be written again.

        Raises:
            DeliveryError: classified by the target's SQLSTATE first, then by the HTTP status; nothing was written (of
                the table that failed), or the answer was lost. The next call connects anew where that is needed.
        """

    def catalog(self) -> Catalog:
        """What the target declares. Raises `ReconError`s; NotFoundError where there is no such database."""

    def run(self, statements: Sequence[str]) -> None:
        """Run DDL, all in one transaction where the engine can. A SQLite file that is not there is made.

        Raises:
            ReconError: a statement was refused; GuardError where `changeable` is False.
        """

    def read(self, table: str, columns: Sequence[str]) -> Iterator[Cells]:
        """These columns of every row, in no particular order, streamed.

        Raises:
            ReconError: it cannot be read.
        """

    def close(self) -> None:
        """Give connections back; safe to call twice."""
