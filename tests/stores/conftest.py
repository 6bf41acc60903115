"""Real servers, one of each per test session (and per xdist worker)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.conformance import Bench
from tests.stores.engines import MariaBench, MemoryBench, PostgresBench, SqliteBench
from tests.support import mariadb, postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.PostgresServer]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.MariaServer]:
    with mariadb.running() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "postgres", "mariadb"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A new, empty store of each kind."""
    made: Bench
    if request.param == "memory":
        made = MemoryBench()
    elif request.param == "sqlite":
        made = SqliteBench(tmp_path / "one.db")
    elif request.param == "postgres":
        made = PostgresBench(request.getfixturevalue("postgres_server"))
    else:
        made = MariaBench(request.getfixturevalue("mariadb_server"))
    yield made
    made.store.close()


@pytest.fixture
def sql_bench(bench: Bench) -> Bench:
    """Every store that has SQL of its own."""
    if isinstance(bench, MemoryBench):
        pytest.skip("memory has no SQL and no second process")
    return bench
