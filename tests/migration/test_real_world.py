"""Twins of real-world files: all of a schema at once comes over fully right, or what cannot is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migration.landing import Landing, migrated, wrong
from tests.migration.twins import TWINS

NOT_YET: dict[str, str] = {}
"""What is not right yet, and why: a test that begins to pass must be taken out of here."""


def marked(name: str) -> object:
    """The twin as a parameter, with its mark."""
    return pytest.param(name, marks=[pytest.mark.xfail(reason=NOT_YET[name], strict=True)] if name in NOT_YET else [])


@pytest.mark.parametrize("name", [marked(name) for name in TWINS])
def test_a_twin_comes_over(name: str, tmp_path: Path, landing: Landing) -> None:
    twin = TWINS[name]
    source = twin.make(tmp_path / "source.db")
    assert wrong(twin, source, landing, migrated(source, landing)) == []
