"""Whole schemas out of Postgres and into it, on a real server."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import pytest

from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import BulkStore
from recon_cli.stores.bulk.postgres import open_postgres
from tests.stores.bulk.conformance import BulkStoreConformance
from tests.support import postgres


@dataclass(frozen=True, slots=True)
class PostgresBench:
    """A new database of the test's server."""

    server: postgres.PostgresServer
    url: str
    store: BulkStore
    creates: bool = True
    transactions: bool = True

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.url, password=self.server.password) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, password=self.server.password) as connection:
            return connection.execute(sql.encode()).fetchall()

    def empty(self) -> BulkStore:
        return opened(self.server, self.server.database())

    def missing(self) -> BulkStore:
        return opened(self.server, self.server.url("nowhere"))


def opened(server: postgres.PostgresServer, url: str, **options: str | float) -> BulkStore:
    return open_postgres(Place(url, secret=lambda: server.password, options=options))


@pytest.fixture
def bench(postgres_server: postgres.PostgresServer) -> PostgresBench:
    url = postgres_server.database()
    return PostgresBench(postgres_server, url, opened(postgres_server, url))


class TestPostgres(BulkStoreConformance):
    """The whole suite."""
