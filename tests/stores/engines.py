"""How a test reaches each engine beside the store under test: other programs' SQL, and dumps."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import psycopg

from recon_cli.core.place import Place
from recon_cli.stores.base import RecordStore
from recon_cli.stores.memory import MemoryStore
from recon_cli.stores.registry import open_records
from tests.support.mariadb import MariaServer
from tests.support.postgres import PostgresServer, binaries


class MemoryBench:
    kind = "memory"
    url = "memory://"
    password = None

    def __init__(self) -> None:
        self.store = MemoryStore()

    def sql(self, *statements: str) -> None:
        raise NotImplementedError

    def dump(self) -> object:
        return {name: list(self.store.read(name)) for name in self.store.columns()}


class SqliteBench:
    kind = "sqlite"
    password = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self.store: RecordStore = open_records(Place(self.url, options={"timeout_s": 2}))

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def dump(self) -> object:
        if not self.path.exists():
            return None
        with closing(sqlite3.connect(self.path)) as connection:
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return list(connection.iterdump())


class PostgresBench:
    kind = "postgres"

    def __init__(self, server: PostgresServer) -> None:
        self.url, self.password = server.database(), server.password
        place = Place(self.url, secret=lambda: server.password, options={"timeout_s": 2})
        self.store: RecordStore = open_records(place)

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.url, password=self.password, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def dump(self) -> object:
        """As pg_dump writes it; the lines sorted, for rows have no order in Postgres."""
        done = subprocess.run(
            [binaries() / "pg_dump", "--inserts", "--no-owner", self.url],
            env={"PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            check=True,
        )
        return sorted(line for line in done.stdout.splitlines() if not line.startswith(("\\", "--")))


class MariaBench:
    kind = "mariadb"

    def __init__(self, server: MariaServer) -> None:
        self.server = server
        self.url, self.password = server.database(), server.password
        self.name = self.url.rpartition("/")[2]
        place = Place(self.url, secret=lambda: server.password, options={"timeout_s": 2})
        self.store: RecordStore = open_records(place)

    def sql(self, *statements: str) -> None:
        with self.server.connect(self.name) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def dump(self) -> object:
        """Definitions with their counters, and all rows."""
        with self.server.connect(self.name) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            found = {}
            for (table,) in cursor.fetchall():
                cursor.execute(f"SHOW CREATE TABLE `{table}`")
                definition = cursor.fetchall()
                cursor.execute(f"SELECT * FROM `{table}`")  # noqa: S608  a table of this test
                found[table] = (definition, sorted(map(repr, cursor.fetchall())))
            return found
