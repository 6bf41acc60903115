"""Targets, stores of documents and a folder of logs for the tests of conversations."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.document_fixtures import (
    documents_place,
    firestore_address,
    firestore_db,
    redis_db,
    redis_server_,
    upstash,
)
from tests.support.recon import Recon, in_folder
from tests.support.target_fixtures import lite, maria, mariadb_server, pg, postgres_server, rest, target
from tests.systems.conversations import twin

__all__ = [
    "documents_place",
    "firestore_address",
    "firestore_db",
    "lite",
    "maria",
    "mariadb_server",
    "pg",
    "postgres_server",
    "redis_db",
    "redis_server_",
    "rest",
    "target",
    "upstash",
]


@pytest.fixture
def recon(tmp_path: Path) -> Recon:
    settings = "[syncs.talk]\nsystem = 'conversations'\nfrom = 'logs'\nsettle_s = 0.05\n"
    (tmp_path / "recon.toml").write_text(f"version = 1\n{settings}")
    return in_folder(tmp_path)


@pytest.fixture
def logs(tmp_path: Path) -> twin.Twin:
    """The twin's files, in the folder `logs`."""
    made = twin.made(saves=96)
    twin.write(tmp_path / "logs", made)
    return made
