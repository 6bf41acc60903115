"""A gate with each kind of target, for a `conftest.py` to import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.gate import Gate
from tests.support.recon import in_folder
from tests.support.targets import PostgresTarget, SqliteTarget, Target


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
