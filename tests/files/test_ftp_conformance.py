"""FtpStore keeps the same contract as every other store, against vsftpd and pyftpdlib behind the fault proxy."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.files.base import FileStore
from tests.files.conformance import NetworkConformance, OnDisk, Site, Through
from tests.support.ftp_servers import FtpServer, give, start_pyftpdlib, start_vsftpd
from tests.support.proxy import Proxy


def store(server: FtpServer, port: int, path: str = "/", password: str = "", timeout_s: float = 1) -> FileStore:
    options = {"timeout_s": timeout_s}
    place = Place(server.url_at(port, path), secret=lambda: password or server.password, options=options)
    opened: FileStore = importlib.import_module("recon_cli.files.ftp.store").FtpStore(place)
    return opened


class Given(OnDisk):
    """The server's account must be able to write where files are planted."""

    def __init__(self, top: Path) -> None:
        super().__init__(top / "tree")

    def deny(self, path: bytes) -> None:
        give(self.root)
        super().deny(path)


class FtpConformance(NetworkConformance):
    @pytest.mark.xfail(strict=False, reason="FtpStore asks the server for `..` instead of refusing it")
    def test_a_path_that_leads_out_of_the_store_is_refused(self, site: Site) -> None:
        super().test_a_path_that_leads_out_of_the_store_is_refused(site)

    @pytest.fixture
    def server(self, top: Path) -> Iterator[FtpServer]:
        raise NotImplementedError

    @pytest.fixture
    def top(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="recon-ftp-") as name:
            top = Path(name)
            top.chmod(0o755)
            (top / "tree").mkdir()
            (top / "tree").chmod(0o777)
            yield top

    @pytest.fixture
    def through(self, server: FtpServer, top: Path) -> Iterator[Through]:
        with Proxy(server.port, ftp=True) as proxy:
            yield Through(self.site_of(server, top, proxy), proxy)

    def site_of(self, server: FtpServer, top: Path, proxy: Proxy) -> Site:
        return Site(
            store(server, proxy.port, "/tree"),
            Given(top),
            lambda: store(server, proxy.port, "/none"),
            exact=False,
        )

    @pytest.fixture(autouse=True)
    def _remember(self, server: FtpServer) -> None:
        self.server_of_test = server

    def wrong_login(self, through: Through) -> FileStore:
        return store(
            self.server_of_test, through.proxy.port, "/tree", "wrong-hunter2", timeout_s=5
        )  # vsftpd is slow to say no


@pytest.mark.system
class TestVsftpd(FtpConformance):
    @pytest.fixture
    def server(self, top: Path) -> Iterator[FtpServer]:
        with start_vsftpd(top) as running:
            yield running


class TestPyftpdlib(FtpConformance):
    # Waiting out silence takes long and has nothing to do with the server; vsftpd's turn covers it.
    test_a_server_that_falls_silent_ends_the_scan_with_the_reason = None
    test_a_server_that_is_gone_for_good_ends_the_scan_with_the_reason = None

    @pytest.mark.xfail(strict=False, reason="FtpStore takes the 554 to a REST behind the end for a missing file")
    def test_ranges_and_tails_are_exactly_what_was_asked_for(self, site: Site) -> None:
        super().test_ranges_and_tails_are_exactly_what_was_asked_for(site)

    @pytest.fixture
    def server(self, top: Path) -> Iterator[FtpServer]:
        with start_pyftpdlib(top, denied=("closed",)) as running:
            yield running

    def site_of(self, server: FtpServer, top: Path, proxy: Proxy) -> Site:
        site = super().site_of(server, top, proxy)
        site.links = False  # it follows them without a word
        site.any_bytes = False  # it turns undecodable bytes into question marks before we see them
        return site
