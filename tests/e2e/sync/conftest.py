"""Sites for the end-to-end tests of sync: a NAS of small files, a real target, and `recon` between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.nas import Nas, Site
from tests.support.recon import in_folder
from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest
from tests.support.targets import PostgresTarget, RestTarget, SqliteTarget, Target

__all__ = ["lite", "maria", "mariadb_server", "pg", "postgres_server", "rest"]

MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    """Make one: `site(target)`; the target has its tables, and refuses what is poisoned."""

    def make(target: Target, *, more: str = "", timeout_s: float = 10) -> Site:
        found = Site(in_folder(tmp_path), target, Nas(tmp_path / "nas"))
        found.nas.root.mkdir()
        found.settings(more=more, timeout_s=timeout_s)
        found.init()
        return found

    return make


@pytest.fixture
def to_sqlite(site: MakeSite, lite: SqliteTarget) -> Site:
    return site(lite)


@pytest.fixture
def to_postgres(site: MakeSite, pg: PostgresTarget) -> Site:
    return site(pg)


@pytest.fixture
def to_rest(site: MakeSite, rest: RestTarget) -> Site:
    return site(rest)


@pytest.fixture(params=["to_sqlite", "to_postgres", "to_rest"])
def anywhere(request: pytest.FixtureRequest) -> Site:
    """A site with a target of each kind."""
    made: Site = request.getfixturevalue(request.param)
    return made
