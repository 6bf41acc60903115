"""Fixtures of the targets, for the conftest of whoever needs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import mariadb, postgres
from tests.support.targets import MysqlTarget, PostgresTarget, RestTarget, SqliteTarget, Target, rest_of


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.MariaServer]:
    with mariadb.running() as server:
        yield server


@pytest.fixture
def lite(tmp_path: Path) -> SqliteTarget:
    return SqliteTarget(tmp_path / "target.db")


@pytest.fixture
def pg(postgres_server: postgres.PostgresServer) -> PostgresTarget:
    return PostgresTarget(postgres_server, postgres_server.database())


@pytest.fixture
def maria(mariadb_server: mariadb.MariaServer) -> MysqlTarget:
    return MysqlTarget(mariadb_server, mariadb_server.database())


@pytest.fixture
def rest(pg: PostgresTarget) -> Iterator[RestTarget]:
    with rest_of(pg) as target:
        yield target


@pytest.fixture(params=["lite", "pg", "maria", "rest"])
def target(request: pytest.FixtureRequest) -> Target:
    """An empty database of each kind."""
    made: Target = request.getfixturevalue(request.param)
    return made
