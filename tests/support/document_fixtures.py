"""Fixtures of the stores of documents, for the conftest of whoever needs them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from tests.stores.documents import KINDS, git_place, redis_place, upstash_place
from tests.support import firestore, redis_server
from tests.support.redis_server import RedisServer, Upstash


@pytest.fixture(scope="session")
def redis_server_() -> Iterator[RedisServer]:
    with redis_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with firestore.running(tmp_path_factory.mktemp("firestore")) as address:
        yield address


@pytest.fixture
def redis_db(redis_server_: RedisServer) -> Place:
    return redis_place(redis_server_)


@pytest.fixture
def upstash(redis_server_: RedisServer) -> Iterator[Upstash]:
    number = int(redis_server_.database().rpartition("/")[2])
    with redis_server.upstash(redis_server_, number) as rest:
        yield rest


@pytest.fixture
def firestore_db(firestore_address: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)
    return Place(f"firestore://recon-{secrets.token_hex(6)}", options={"timeout_s": 20})


@pytest.fixture(params=KINDS)
def documents_place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty store of each kind."""
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))
    if request.param == "redis":
        place: Place = request.getfixturevalue("redis_db")
    elif request.param == "upstash":
        place = upstash_place(request.getfixturevalue("upstash"))
    elif request.param == "firestore":
        place = request.getfixturevalue("firestore_db")
    else:
        place = git_place(tmp_path)
    return place
