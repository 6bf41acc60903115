"""PostgREST keeps what every bulk store keeps, but for transactions and creating tables, which REST cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import BulkStore
from recon_cli.stores.bulk.postgrest import PostgrestStore
from tests.stores.bulk.conformance import BulkStoreConformance
from tests.support import postgrest
from tests.support.postgres import PostgresServer
from tests.support.postgrest import Rest


class RestBench:
    """A server whose pages are shorter than any table of the tests."""

    creates = False
    transactions = False

    def __init__(self, server: PostgresServer, stack: ExitStack) -> None:
        self._server, self._stack = server, stack
        self._made: list[str] = []
        self._rest = self._served()
        self.store: BulkStore = self._store(self._rest)

    def _served(self) -> Rest:
        given = postgrest.serving(self._server.database(), self._server.password, max_rows=3)
        return self._stack.enter_context(given)

    def _store(self, rest: Rest, **options: str) -> PostgrestStore:
        store = PostgrestStore(Place(rest.url, secret=lambda: rest.key, options={"replace": "true", **options}))
        self._stack.callback(store.close)
        return store

    def sql(self, *statements: str) -> None:
        self._made += [one for one in statements if one.startswith(("CREATE", "ALTER"))]
        self._rest.sql(*statements)

    def empty(self) -> PostgrestStore:
        other = self._served()
        other.sql(*self._made)
        return self._store(other)

    def missing(self) -> PostgrestStore:
        return self._store(self._rest, schema="nowhere")


@pytest.fixture
def bench(postgres_server: PostgresServer) -> Iterator[RestBench]:
    with ExitStack() as stack:
        yield RestBench(postgres_server, stack)


class TestPostgrest(BulkStoreConformance):
    pass
