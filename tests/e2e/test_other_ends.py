"""The same recovery over other stores: SFTP and HTTP in front, Postgres and MariaDB behind."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from recon_cli.core.place import Place
from recon_cli.demo.twin import Twin, make_host
from recon_cli.stores.registry import open_records
from tests.e2e.conftest import Scene
from tests.support import mariadb, postgres
from tests.support.http_server import python_server
from tests.support.recon import Recon, in_folder
from tests.support.ssh_server import sshd

Build = Callable[..., Scene]


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """URL and password of an empty database on a real server."""
    module = {"postgres": postgres, "mariadb": mariadb}[request.param]
    with module.running() as running:
        yield running.database(), running.password


def tokens(url: str, password: str) -> dict[str, str]:
    store = open_records(Place(url, secret=lambda: password))
    try:
        return {str(row.values["id"]): str(row.values["share_token"]) for row in store.read("models", ("id",))}
    finally:
        store.close()


def test_a_server_database_gets_the_rows_back_agrees_and_can_be_taken_back(
    scene: Build, server: tuple[str, str]
) -> None:
    s, (url, password) = scene(models=8), server
    recon = in_folder(s.folder, RECON_STORES_PASSWORD=password)
    done = recon("recover", "models", "--to", url, "--apply", "--json", expect=None)
    assert done.code in (0, 3), done.err
    assert tokens(url, password) == {model.id: model.token for model in s.twin.models}
    recon("check", "models", "--to", url)
    again = recon("recover", "models", "--to", url, "--apply", "--json", expect=None).document
    assert again["changes"] == {"create": 0, "update": 0, "delete": 0}
    recon("undo", done.document["run"])
    assert tokens(url, password) == {}
    assert password not in done.out + done.err


def recovered(recon: Recon, source: str, twin: Twin, folder: Path) -> None:
    recon("recover", "--system", "viewer", "--from", source, "--to", "sqlite:///models.db", "--apply", expect=None)
    found = tokens(f"sqlite:///{folder / 'models.db'}", "")
    assert found == {model.id: model.token for model in twin.models}


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users of this machine may read."""
    with tempfile.TemporaryDirectory(prefix="recon-host-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_sftp_serves_as_well_as_ftp(tmp_path: Path, public: Path) -> None:
    twin = make_host(public / "host", models=6, database_copy=True)
    with sshd() as server:
        known = server.known_hosts(tmp_path / "known_hosts")
        (tmp_path / "recon.toml").write_text(
            f'version = 1\n[files.host]\nurl = "sftp://{server.user}@127.0.0.1:{server.port}{twin.store}"\n'
            f'key_file = "{server.key_file}"\nknown_hosts = "{known}"\n',
            "utf-8",
        )
        recovered(in_folder(tmp_path), "host", twin, tmp_path)


def listing(twin: Twin) -> bytes:
    """What `action=list` answers on the web host, in its own words."""

    def shown(path: Path) -> dict[str, object]:
        there = path.stat()
        moment = datetime.fromtimestamp(there.st_mtime, ZoneInfo("Asia/Seoul"))
        return {"name": path.name, "size": there.st_size, "modified": f"{moment:%Y-%m-%d %H:%M:%S}"}

    folders = sorted((twin.store / "files").iterdir())
    models = [{"model_id": one.name, "files": [shown(path) for path in sorted(one.iterdir())]} for one in folders]
    return json.dumps({"status": "success", "models": models}).encode()


def test_the_web_hosts_own_listing_gives_the_rows_back_when_ftp_is_blocked(tmp_path: Path) -> None:
    twin = make_host(tmp_path / "host", models=6, database_copy=True)
    with python_server(twin.store) as site:
        site.answers["/delete.php"] = (200, listing(twin))
        recon = in_folder(tmp_path)
        ends = [
            "--system",
            "viewer",
            "--from",
            f"http://127.0.0.1:{site.port}/delete.php",
            "--to",
            "sqlite:///models.db",
        ]
        done = recon("recover", *ends, "--apply", "--json", expect=3).document
    assert done["changes"]["create"] == 6
    assert any("hidden" in problem["reason"] for problem in done["problems"])
    with sqlite3.connect(tmp_path / "models.db") as db:
        assert dict(db.execute("SELECT id, name FROM models")) == {model.id: model.name for model in twin.models}


def test_a_local_folder_serves_as_well_as_a_server(tmp_path: Path) -> None:
    twin = make_host(tmp_path / "host", models=6, database_copy=True)
    recovered(in_folder(tmp_path), str(twin.store), twin, tmp_path)
