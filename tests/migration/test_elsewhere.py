"""Other targets than the newest Postgres: older ones, MariaDB."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import mariadb, postgres
from tests.support.recon import in_folder

APP = """
CREATE TABLE people(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, at TIMESTAMP, price REAL);
INSERT INTO people(name, at, price) VALUES ('가', '2026-01-01 00:00:00', 1.5), ('b', NULL, 0.1);
CREATE TABLE parts(id INTEGER PRIMARY KEY, person INTEGER REFERENCES people(id), body BLOB);
INSERT INTO parts VALUES (1, 1, x'00ff');
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(APP)
    return path


@pytest.mark.parametrize("version", [16, 15])
def test_an_older_postgres_is_filled_and_equal(version: int, source: Path, tmp_path: Path) -> None:
    with postgres.running(version) as server:
        recon, url = in_folder(tmp_path, RECON_STORES_PASSWORD=server.password), server.database()
        recon("migrate", source, url)
        assert recon("migrate", "verify", source, url, "--json").document["equal"]


def test_mariadb_is_filled_and_equal(source: Path, tmp_path: Path) -> None:
    with mariadb.running() as server:
        recon, url = in_folder(tmp_path, RECON_STORES_PASSWORD=server.password), server.database()
        recon("migrate", source, url)
        assert recon("migrate", "verify", source, url, "--json").document["equal"]
        recon("migrate", source, url, expect=5)
        recon("migrate", source, url, "--on-exists", "upsert")
