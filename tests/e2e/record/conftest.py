"""A gate with each kind of target, and one that two machines can write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gate import Gate
from tests.support.gate_fixtures import gate, monthly, small
from tests.support.recon import in_folder
from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest, target

__all__ = ["gate", "lite", "maria", "mariadb_server", "monthly", "pg", "postgres_server", "rest", "small", "target"]


@pytest.fixture(params=["lite", "pg"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Gate:
    """A gate whose target two machines can write to."""
    found = Gate(in_folder(tmp_path), request.getfixturevalue(request.param))
    found.init()
    return found
