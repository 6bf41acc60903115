"""The scene of the tour: a service that lost its database, its files on a web host, and `recon.toml` between them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from recon_cli.core.errors import UsageError
from recon_cli.demo.host import serving
from recon_cli.demo.twin import make_host

DATABASE = "app/data/models.db"
"""Where the app has its database, in the demo's folder."""
_MARK = ".recon-demo"
SETTINGS = """\
version = 1

[files.host]
url = "{url}"
password_file = "host.pw"

[stores.local]
url = "sqlite:///{database}"

[tables.models]
system = "viewer"
from = "host"
to = "local"
"""
"""The `recon.toml` of one host, one database and the table between them; the password stands in `host.pw`."""


@contextmanager
def prepared(folder: Path, models: int) -> Iterator[None]:
    """The scene: a web host over `folder/host`, an app whose database is gone, and `recon.toml` between them.

    Raises:
        UsageError: the folder exists and no earlier demo made it.
    """
    empty(folder)
    twin = make_host(folder / "host", models=models, seed=1, database_copy=True)
    _forget_newest(twin.store, max(1, models // 4))
    (folder / DATABASE).parent.mkdir(parents=True)
    shutil.move(str(twin.lost), folder / "lost-models.db")
    with serving(folder / "host") as host:
        (folder / "host.pw").touch(mode=0o600)
        (folder / "host.pw").write_text(f"{host.password}\n", "utf-8")
        settings = SETTINGS.format(url=host.url("html/streamlit_data"), database=DATABASE)
        (folder / "recon.toml").write_text(settings, "utf-8")
        yield


def _forget_newest(store: Path, models: int) -> None:
    """The copy on the host is older than the newest uploads: their rows can only come from their files."""
    newest = "SELECT id FROM models ORDER BY created_at DESC LIMIT ?"
    tokens = f"SELECT share_token FROM models WHERE id IN ({newest})"  # noqa: S608  constants of this function
    belongs = {"annotations": f"model_token IN ({tokens})", "feedbacks": f"model_id IN ({newest})"}
    for copy in store.glob("*.db"):
        with closing(sqlite3.connect(copy)) as db, db:
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            for table in belongs.keys() & there:
                db.execute(f"DELETE FROM {table} WHERE {belongs[table]}", (models,))  # noqa: S608  same
            db.execute(f"DELETE FROM models WHERE id IN ({newest})", (models,))  # noqa: S608  same


def empty(folder: Path) -> None:
    """Make the folder, in place of an earlier demo's.

    Raises:
        UsageError: it exists and no earlier demo made it.
    """
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty and not an earlier demo", hint="name another folder with `--dir`")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def compared(folder: Path) -> tuple[int, int]:
    """How many rows were lost, and how many of them are back under their id and name."""
    lost, found = (_rows(folder / path) for path in ("lost-models.db", DATABASE))
    return len(lost), len(lost & found)


def _rows(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT id, name FROM models"))
