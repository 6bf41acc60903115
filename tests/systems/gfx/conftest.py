"""Real databases for the tables: each with one database, SQL of other programs, and what recon reads of its catalog."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psycopg
import pytest

from recon_cli.core.catalog import Catalog
from recon_cli.core.place import Place
from recon_cli.stores.bulk.registry import open_bulk
from recon_cli.systems.tables.columns import Dialect
from tests.support import mariadb, postgres


class Engine(Protocol):
    """One empty database."""

    dialect: Dialect

    def sql(self, *statements: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run statements (the last with values); the rows of the last."""

    def cell(self, value: Any) -> Any:
        """A value as the driver takes it."""

    def catalog(self) -> Catalog:
        """What the database declares, as recon reads it."""


def read_catalog(place: Place) -> Catalog:
    store = open_bulk(place)
    try:
        with store.join() as view:
            return view.catalog()
    finally:
        store.close()


class Sqlite:
    dialect = Dialect.SQLITE

    def __init__(self, path: Path) -> None:
        self.path = path

    def sql(self, *statements: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for statement in statements[:-1]:
                connection.execute(statement)
            return connection.execute(statements[-1], values).fetchall()

    def cell(self, value: Any) -> Any:
        return json.dumps(value) if isinstance(value, list) else str(value) if isinstance(value, datetime) else value

    def catalog(self) -> Catalog:
        return read_catalog(Place(f"sqlite:///{self.path}"))


class Postgres:
    dialect = Dialect.POSTGRES

    def __init__(self, server: postgres.PostgresServer) -> None:
        self.url, self.password = server.database(), server.password
        self.connection = psycopg.connect(self.url, password=self.password, autocommit=True)

    def sql(self, *statements: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        for statement in statements[:-1]:
            self.connection.execute(statement.encode())
        marked = statements[-1].replace("?", "%s") if values else statements[-1]
        cursor = self.connection.execute(marked.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def cell(self, value: Any) -> Any:
        return value

    def catalog(self) -> Catalog:
        return read_catalog(Place(self.url, secret=lambda: self.password))


class Maria:
    dialect = Dialect.MYSQL

    def __init__(self, server: mariadb.MariaServer) -> None:
        self.server, self.url = server, server.database()
        self.connection = server.connect(urlsplit(self.url).path.strip("/"))
        self.connection.autocommit(True)

    def sql(self, *statements: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            for statement in statements[:-1]:
                cursor.execute(statement)
            marked = statements[-1].replace("?", "%s") if values else statements[-1]
            cursor.execute(marked, values or None)
            return list(cursor.fetchall())

    def cell(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.replace(tzinfo=None)
        return json.dumps(value) if isinstance(value, list) else value

    def catalog(self) -> Catalog:
        return read_catalog(Place(self.url, secret=lambda: self.server.password))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.MariaServer]:
    with mariadb.running() as server:
        yield server


@pytest.fixture
def pg(postgres_server: postgres.PostgresServer) -> Iterator[Postgres]:
    made = Postgres(postgres_server)
    with closing(made.connection):
        yield made


@pytest.fixture
def maria(mariadb_server: mariadb.MariaServer) -> Iterator[Maria]:
    made = Maria(mariadb_server)
    with closing(made.connection):
        yield made


@pytest.fixture
def lite(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path / "gfx.db")


@pytest.fixture(params=["lite", "pg", "maria"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty database of each kind."""
    made: Engine = request.getfixturevalue(request.param)
    return made


def put(engine: Engine, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row as any program would; one that is there already stays."""
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    words = {Dialect.MYSQL: ("INSERT IGNORE", "")}.get(engine.dialect, ("INSERT", " ON CONFLICT DO NOTHING"))
    statement = f"{words[0]} INTO {table} ({columns}) VALUES ({marks}){words[1]}"
    engine.sql(statement, values=tuple(engine.cell(value) for value in row.values()))
