"""Targets and a NAS for the tests of sync."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.recon import Recon, in_folder
from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest, target

__all__ = ["lite", "maria", "mariadb_server", "pg", "postgres_server", "recon", "rest", "target"]


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    return in_folder(tmp_path)
