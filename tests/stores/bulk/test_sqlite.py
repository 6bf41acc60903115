"""SQLite as a bulk store: the conformance suite, and what only SQLite has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import BulkStore
from recon_cli.stores.bulk.sqlite import open_sqlite
from tests.stores.bulk.conformance import BulkStoreConformance

# Another SQLite library in this process would drop the locks of ours (POSIX locks belong to a process).
_CHILD = """
import json, sqlite3, sys
path, *statements = json.load(sys.stdin)
connection = sqlite3.connect(path, isolation_level=None, timeout=1)
for statement in statements:
    connection.execute(statement)
connection.close()
"""


class SqliteBulkBench:
    """Files in one folder; other programs are the stdlib's SQLite, in a process of its own."""

    creates = True
    transactions = True

    def __init__(self, folder: Path, journal: str) -> None:
        self.folder, self.journal = folder, journal
        self.path = folder / "shop.db"
        self.sql()
        self.store: BulkStore = self.on(self.path)
        self._made = 0

    def on(self, path: Path) -> BulkStore:
        return open_sqlite(Place(f"sqlite:///{path}", options={"timeout_s": 2}))

    def sql(self, *statements: str) -> None:
        asked = json.dumps([str(self.path), f"PRAGMA journal_mode={self.journal}", *statements])
        subprocess.run([sys.executable, "-S", "-c", _CHILD], input=asked, text=True, check=True, timeout=30)

    def empty(self) -> BulkStore:
        self._made += 1
        return self.on(self.folder / f"other{self._made}.db")

    def missing(self) -> BulkStore:
        return self.on(self.folder / "nowhere.db")


class TestSqliteBulk(BulkStoreConformance):
    @pytest.fixture(params=["wal"])
    def bench(self, tmp_path: Path, request: pytest.FixtureRequest) -> SqliteBulkBench:
        return SqliteBulkBench(tmp_path, request.param)
