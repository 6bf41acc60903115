"""PostgresBulk: a whole schema out of Postgres and into it. Exported snapshots keep several readers on one state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import Loaded, Loading, View
from recon_cli.stores.bulk.postgres_link import Link, ask, run, snapshot_name
from recon_cli.stores.bulk.postgres_view import PostgresView

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def open_postgres(place: Place) -> PostgresBulk:
    """A bulk store on one schema (`schema`, by default `public`): `postgresql://user@host/database?sslmode=require`."""
    return PostgresBulk(place)


class PostgresBulk:
    """One schema of one Postgres database; nothing is connected before the first call."""

    engine = "postgresql"

    def __init__(self, place: Place) -> None:
        self._link = Link(place)
        self.url = self._link.url

    @contextmanager
    def gate(self) -> Iterator[str]:
        """`pg_export_snapshot()`: nobody is held up."""
        with self._link.connection() as connection:
            run(connection, BEGIN)
            yield str(ask(connection, "SELECT pg_export_snapshot()")[0][0])

    @contextmanager
    def join(self, ticket: str | None = None) -> Iterator[View]:
        """A read-only transaction; with a ticket, on the gate's snapshot."""
        with self._link.connection() as connection:
            run(connection, BEGIN)
            if ticket is not None:
                run(connection, f"SET TRANSACTION SNAPSHOT {snapshot_name(ticket)}")
            view = PostgresView(self._link, connection)
            try:
                yield view
            finally:
                view.close()

    def load(self, loading: Loading) -> Loaded:
        """One transaction; see `postgres_load`."""
        from recon_cli.stores.bulk.postgres_load import load  # noqa: PLC0415  its grammar is dear, and reading needs none

        return load(self._link, loading)

    def close(self) -> None:
        """Every connection is closed when its work is done."""
