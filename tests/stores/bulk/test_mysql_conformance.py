"""MariaDB keeps what every bulk store keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import pytest

from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import BulkStore
from recon_cli.stores.bulk.mysql import MysqlBulk
from tests.stores.bulk.conformance import BulkStoreConformance
from tests.support.mariadb import MariaServer


class MariaBench:
    """One database of the test server, and as many empty ones as wanted."""

    creates = True
    transactions = True

    def __init__(self, server: MariaServer, stack: ExitStack) -> None:
        self._server, self._stack = server, stack
        self.url = server.database()
        self.store: BulkStore = self._store(self.url)

    def _store(self, url: str) -> MysqlBulk:
        store = MysqlBulk(Place(url, secret=lambda: self._server.password, options={"timeout_s": 5}))
        self._stack.callback(store.close)
        return store

    def sql(self, *statements: str) -> None:
        with closing(self._server.connect(urlsplit(self.url).path.strip("/"))) as connection:
            connection.autocommit(True)
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def empty(self) -> MysqlBulk:
        return self._store(self._server.database())

    def missing(self) -> MysqlBulk:
        return self._store(self._server.url("nowhere"))


@pytest.fixture
def bench(mariadb_server: MariaServer) -> Iterator[MariaBench]:
    with ExitStack() as stack:
        yield MariaBench(mariadb_server, stack)


class TestMariadb(BulkStoreConformance):
    pass
