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


SQL = ("sqlite", "postgres", "mariadb")


def opened(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Bench]:
    """A new, empty store."""
    made: Bench
    if kind == "memory":
        made = MemoryBench()
    elif kind == "sqlite":
        made = SqliteBench(folder / "one.db")
    elif kind == "postgres":
        made = PostgresBench(request.getfixturevalue("postgres_server"))
    else:
        made = MariaBench(request.getfixturevalue("mariadb_server"))
    yield made
    made.store.close()


@pytest.fixture(params=["memory", *SQL])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A new, empty store of each kind."""
    yield from opened(request.param, request, tmp_path)


@pytest.fixture(params=SQL)
def sql_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A new, empty store of each kind that has SQL of its own, for a second process to reach."""
    yield from opened(request.param, request, tmp_path)
