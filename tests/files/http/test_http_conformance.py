"""HttpStore keeps the contract against Python's index pages and nginx's, as far as a web server can show a tree."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from recon_cli.core.place import Place
from recon_cli.files.base import FileStore
from recon_cli.files.http.store import HttpStore
from tests.files.conformance import OnDisk, Site
from tests.files.network_conformance import NetworkConformance, Through
from tests.support.http_server import WebSite, nginx, python_server
from tests.support.proxy import Proxy


def store(port: int, path: str = "/", **options: str | float) -> HttpStore:
    return HttpStore(Place(f"http://127.0.0.1:{port}{path}", options={"timeout_s": 0.8, **options}))


@dataclass
class Served:
    root: Path
    web: WebSite


class Denying(OnDisk):
    """A web server denies by its own rules, not by the disk's."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.root)
        self.web = served.web

    def deny(self, path: bytes) -> None:
        self.web.denied.add("/" + quote(path))


class TestPythonIndex(NetworkConformance):
    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[Served]:
        with python_server(tmp_path) as web:
            yield Served(tmp_path, web)

    @pytest.fixture
    def through(self, served: Served) -> Iterator[Through]:
        with Proxy(served.web.port) as proxy:
            site = Site(
                store(proxy.port),
                Denying(served),
                lambda: store(proxy.port, "/none"),
                writes=False,
                exact=False,
                raw_names=False,  # its links hold undecodable bytes as encoded surrogates
            )
            yield Through(site, proxy)

    def wrong_login(self, through: Through) -> FileStore:
        through.site.plant.web.login = "kim:hunter2"  # type: ignore[attr-defined]  # it is the one from above
        return store(through.proxy.port)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Path, int]]:
    """A folder that nginx shows, for all tests of it."""
    with tempfile.TemporaryDirectory(prefix="recon-web-") as name:
        Path(name).chmod(0o755)
        with nginx(Path(name)) as port:
            yield Path(name), port


@pytest.mark.system
class TestNginxIndex(NetworkConformance):
    @pytest.fixture
    def through(self, shared: tuple[Path, int]) -> Iterator[Through]:
        top, port = shared
        with Proxy(port) as proxy, tempfile.TemporaryDirectory(dir=top) as name:
            root = Path(name) / "tree"
            root.mkdir()
            for folder in (Path(name), root):
                folder.chmod(0o777)
            path = f"/{Path(name).name}"
            site = Site(
                store(proxy.port, f"{path}/tree"),
                OnDisk(root),
                lambda: store(proxy.port, f"{path}/none"),
                writes=False,
                links=False,
                exact=False,
                dotfiles=False,
            )
            yield Through(site, proxy)

    test_a_wrong_login_is_told_apart_from_a_missing_server = None  # here nobody logs in
