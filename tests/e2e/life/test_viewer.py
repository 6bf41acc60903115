"""System A: from a wiped container to Postgres, and back from git when Postgres is wiped, too."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.demo.host import serving
from recon_cli.demo.twin import STORE, make_host
from tests.e2e.life.conftest import Life

pytestmark = pytest.mark.slow

SETTINGS = """\
version = 1

[files.host]
url = "{url}"
password_file = "host.pw"

[stores.local]
url = "sqlite:///models.db"

[tables.models]
system = "viewer"
from = "host"
to = "local"

[backups.nightly]
from = "local"
to = "git:backups"
verify = "drill"
"""
TABLES = ("models", "annotations", "feedbacks")


def uploaded(store: Path) -> str:
    """A user uploads one more model."""
    source = next(one for one in sorted((store / "files").iterdir()) if one.is_dir())
    name = uuid.uuid4().hex
    shutil.copytree(source, store / "files" / name)
    return name


def test_a_viewer_loses_its_database_moves_to_postgres_and_loses_that_too(life: Callable[..., Life]) -> None:
    recon = life()
    twin = make_host(recon.folder / "host", models=8, seed=1, database_copy=True)
    host = recon.stack.enter_context(serving(recon.folder / "host"))
    (recon.folder / "host.pw").touch(mode=0o600)
    (recon.folder / "host.pw").write_text(host.password)
    recon.settings(SETTINGS.format(url=host.url(STORE)))
    recon.repository()

    # lost, and back from the files
    recon("check", "models", expect=4)
    recon("recover", "models", "--apply", expect=None)
    recon("check", "models")
    recon.saved(saved=1)

    # to Postgres, and what belongs to it with it
    recon.new_server()
    recon("migrate", "local", "server")
    recon("migrate", "verify", "local", "server")
    recon.change('to = "local"', 'to = "server"')
    recon.change('from = "local"', 'from = "server"\ndrill_in = "server"')
    recon("check", "models")
    recon.saved(saved=1)

    # life goes on: an upload, its row, its backup
    new = uploaded(recon.folder / "host" / STORE)
    recon("check", "models", expect=4)
    recon("recover", "models", "--apply", expect=None)
    recon("check", "models", "-q")
    recon.saved(saved=1)
    recon.saved(saved=0, unchanged=1)
    before = {table: recon.rows(table) for table in TABLES}
    assert len(before["models"]) == 9
    assert any(new in row for row in before["models"])

    # the disk is lost
    recon.lose_disk()
    recon("check", "models", expect=13)
    recon("backup", "run", "-q", expect=13)
    recon.new_server()
    assert recon("backup", "import", "nightly", "server").out
    recon("check", "models")
    recon("backup", "diff", "nightly", "server")
    assert {table: recon.rows(table) for table in TABLES} == before
    assert recon.moved()
    with closing(sqlite3.connect(twin.lost)) as lost:
        tokens = {token for (token,) in lost.execute("SELECT share_token FROM models")}
    assert all(any(token in row for row in before["models"]) for token in tokens)

    # and on: rows are taken and undone in the restored database, too
    uploaded(recon.folder / "host" / STORE)
    run = recon("recover", "models", "--apply", "--json", expect=None).document["run"]
    assert len(recon.rows("models")) == 10
    recon("undo", run)
    assert recon.rows("models") == before["models"]
