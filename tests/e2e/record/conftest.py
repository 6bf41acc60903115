"""A gate with each kind of target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gate import Gate
from tests.support.recon import in_folder
from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest, target
from tests.support.targets import PostgresTarget, SqliteTarget, Target

__all__ = ["lite", "maria", "mariadb_server", "pg", "postgres_server", "rest", "target"]


@pytest.fixture
def gate(tmp_path: Path, target: Target) -> Gate:
    found = Gate(in_folder(tmp_path), target)
    found.init()
    return found


@pytest.fixture
def small(tmp_path: Path, lite: SqliteTarget) -> Gate:
    found = Gate(in_folder(tmp_path), lite)
    found.init()
    return found


@pytest.fixture
def monthly(tmp_path: Path, pg: PostgresTarget) -> Gate:
    found = Gate(in_folder(tmp_path), pg)
    found.init("--partition", "month")
    return found


@pytest.fixture(params=["lite", "pg"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Gate:
    """A gate whose target two machines can write to."""
    found = Gate(in_folder(tmp_path), request.getfixturevalue(request.param))
    found.init()
    return found
