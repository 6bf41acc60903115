"""Real targets for sync: each an empty database, its place, and SQL as any other program would ask it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg

from recon_cli.core.place import Place
from tests.support import mariadb, postgres, postgrest
from tests.support.postgrest_faults import Faults


class Target(Protocol):
    """One empty database."""

    name: str
    place: Place
    env: dict[str, str]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""

    def make(self, *statements: str) -> None:
        """Run DDL as its owner."""


@dataclass
class SqliteTarget:
    path: Path
    name: str = "sqlite"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return Place(f"sqlite:///{self.path}")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as db:
            return db.execute(sql).fetchall()

    def make(self, *statements: str) -> None:
        for statement in statements:
            self.ask(statement)


@dataclass
class PostgresTarget:
    server: postgres.PostgresServer
    url: str
    name: str = "postgres"

    @property
    def place(self) -> Place:
        return Place(self.url, secret=lambda: self.server.password)

    @property
    def env(self) -> dict[str, str]:
        return {"RECON_STORES_PASSWORD": self.server.password}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, password=self.server.password, autocommit=True) as link:
            cursor = link.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def make(self, *statements: str) -> None:
        for statement in statements:
            self.ask(statement)


@dataclass
class MysqlTarget:
    server: mariadb.MariaServer
    url: str
    name: str = "mysql"

    @property
    def place(self) -> Place:
        return Place(self.url, secret=lambda: self.server.password)

    @property
    def env(self) -> dict[str, str]:
        return {"RECON_STORES_PASSWORD": self.server.password}

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        link = self.server.connect(urlsplit(self.url).path.strip("/"))
        with closing(link), link.cursor() as cursor:
            link.autocommit(True)
            cursor.execute(sql)
            return list(cursor.fetchall())

    def make(self, *statements: str) -> None:
        for statement in statements:
            self.ask(statement)


@dataclass
class RestTarget:
    """PostgREST's double in front of a real Postgres."""

    behind: PostgresTarget
    rest: postgrest.Rest
    name: str = "rest"

    @property
    def place(self) -> Place:
        return Place(self.rest.url, secret=lambda: self.rest.key, options={"timeout_s": 10})

    @property
    def env(self) -> dict[str, str]:
        return {"RECON_STORES_PASSWORD": self.rest.key}

    @property
    def faults(self) -> Faults:
        return self.rest.faults

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.behind.ask(sql)

    def make(self, *statements: str) -> None:
        self.behind.make(*statements)


@contextmanager
def rest_of(behind: PostgresTarget) -> Iterator[RestTarget]:
    """A REST server in front of a database."""
    with postgrest.serving(behind.url, behind.server.password) as rest:
        yield RestTarget(behind, rest)
