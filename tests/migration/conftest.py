"""One server for all; each test has a schema of its own in one database."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.migration.landing import Landing
from tests.support import postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def _landings(postgres_server: postgres.PostgresServer) -> Callable[[], Landing]:
    url, numbers = postgres_server.database(), itertools.count()

    def another() -> Landing:
        return Landing(url, postgres_server.password, f"s{next(numbers)}")

    return another


@pytest.fixture
def landing(_landings: Callable[[], Landing]) -> Iterator[Landing]:
    """A schema that does not exist yet."""
    one = _landings()
    yield one
    with psycopg.connect(one.url, password=one.password, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{one.schema}" CASCADE')
