"""How a test reaches a store of documents: a new, empty one of each kind, and what is in it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from recon_cli.core.place import Place
from recon_cli.stores.base import RecordStore
from recon_cli.stores.registry import open_records
from tests.support.redis_server import RedisServer, Upstash
from tests.support.system import require

KINDS = ("redis", "upstash", "firestore", "git")


class DocumentBench:
    """A bench as in conformance.py."""

    password = None

    def __init__(self, place: Place, kind: str) -> None:
        self.place, self.kind, self.url = place, kind, place.url
        self.store: RecordStore = open_records(place)

    def sql(self, *statements: str) -> None:
        raise NotImplementedError

    def dump(self) -> object:
        """Every row, whatever connection is open."""
        store = open_records(self.place)
        try:
            return {name: sorted(map(repr, store.read(name))) for name in store.columns()}
        finally:
            store.close()


def redis_place(server: RedisServer) -> Place:
    return Place(server.database(), secret=lambda: server.password, options={"timeout_s": 5})


def upstash_place(rest: Upstash) -> Place:
    return Place(rest.url, secret=lambda: rest.token, options={"timeout_s": 5})


def git_place(folder: Path, branch: str = "") -> Place:
    bare = folder / "rows.git"
    if not bare.exists():
        subprocess.run([require("git", "git"), "init", "--quiet", "--bare", str(bare)], check=True)
    options: dict[str, Any] = {"branch": branch} if branch else {}
    return Place(f"git+file://{bare}", options=options)
