"""A service's whole life in one folder: its recon.toml, its Postgres, and the disk under it that can be lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support import postgres, system
from tests.support.postgres import PostgresServer
from tests.support.recon import Done, Recon, in_folder


@dataclass
class Life:
    """One service on one machine. Everything is done by command lines; only disasters are done by hand."""

    recon: Recon
    stack: ExitStack
    server: PostgresServer | None = None
    url: str = ""
    _settings: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.recon.folder

    def __call__(self, *args: str | Path, expect: int | None = 0) -> Done:
        return self.recon(*args, expect=expect)

    def settings(self, text: str) -> None:
        """The whole recon.toml, but for the store `server`, which follows the running Postgres."""
        self._settings = [text]
        self._write()

    def change(self, old: str, new: str) -> None:
        """An operator edits one line."""
        (text,) = self._settings
        assert old in text
        self._settings = [text.replace(old, new)]
        self._write()

    def _write(self) -> None:
        server = f'\n[stores.server]\nurl = "{self.url}"\npassword_file = "server.pw"\n' if self.url else ""
        (self.folder / "recon.toml").write_text("".join(self._settings) + server, "utf-8")

    def new_server(self) -> None:
        """A Postgres with nothing in it."""
        self.server = self.stack.enter_context(postgres.running())
        self.url = self.server.database()
        secret = self.folder / "server.pw"
        secret.write_text(self.server.password)
        secret.chmod(0o600)
        self._write()

    def lose_disk(self) -> None:
        """The server dies, and its data folder is gone."""
        assert self.server is not None
        data = Path(f"/proc/{self.server.pid}/cwd").readlink()
        os.kill(self.server.pid, signal.SIGKILL)
        while self.answers():
            time.sleep(0.05)
        shutil.rmtree(data)
        assert not data.exists()

    def answers(self) -> bool:
        """Whether the database can be reached."""
        assert self.server is not None
        try:
            psycopg.connect(self.url, password=self.server.password, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def rows(self, table: str) -> set[str]:
        """A table of the database as sorted JSON texts, to be compared before and after."""
        assert self.server is not None
        with psycopg.connect(self.url, password=self.server.password) as connection:
            found = connection.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t").fetchall()  # noqa: S608  our own names
        return {str(text) for (text,) in found}

    def repository(self, name: str = "backups") -> None:
        """An empty git repository, as the guide makes it."""
        git = system.require("git", "git")
        subprocess.run([git, "init", "--quiet", "--initial-branch=main", self.folder / name], check=True)

    def moved(self, name: str = "backups") -> bool:
        """Whether the next backup finds the same rows at their new place: git has nothing new but where they are."""
        self.saved(saved=1)
        asked = ["git", "-C", self.folder / name, "log", "-1", "--stat", "--format=%s"]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        return told.startswith("the same rows, now of postgresql://") and "1 file changed" in told

    def saved(self, *, saved: int, unchanged: int = 0) -> None:
        """A night: what cron runs, and what came of it."""
        document: Any = self("backup", "run", "--json").document
        assert (document["saved"], document["unchanged"], document["failed"]) == (saved, unchanged, 0), document


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Callable[..., Life]]:
    """Begin a life: `life(**environment)`."""
    with ExitStack() as stack:

        def begin(**env: str) -> Life:
            return Life(replace(in_folder(tmp_path, **env), patience_s=300), stack)

        yield begin
