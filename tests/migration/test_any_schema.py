"""Databases by chance come over fully right too, or what cannot is named."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from tests.migration.anything import fill
from tests.migration.features.registry import Feature
from tests.migration.landing import Landing, migrated, wrong

SEEDS = range(int(os.environ.get("RECON_MIGRATE_SEEDS", "12")))
"""How many; hundreds when something was changed that matters to all of them."""


@pytest.mark.parametrize("seed", SEEDS)
def test_a_database_by_chance_comes_over(seed: int, tmp_path: Path, landing: Landing) -> None:
    def build(db: sqlite3.Connection) -> None:
        fill(db, seed)

    feature = Feature(f"seed {seed}", build, refused=True)
    source = feature.make(tmp_path / "source.db")
    assert wrong(feature, source, landing, migrated(source, landing)) == []
