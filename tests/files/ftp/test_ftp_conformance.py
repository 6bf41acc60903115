"""FtpStore keeps the contract on four servers, behind a network that is not always good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.entry import EntryType
from recon_cli.core.place import Place
from recon_cli.files.base import FileStore
from recon_cli.files.ftp.store import FtpStore
from tests.files.conformance import ODD_NAMES, OnDisk, Site, entries, grow_tree, scanned
from tests.files.ftp.trees import served_folder
from tests.files.network_conformance import NetworkConformance, Through
from tests.support.ftp_servers import FtpServer, start_proftpd, start_pureftpd, start_pyftpdlib, start_vsftpd
from tests.support.proxy import Proxy


def place(server: FtpServer, port: int, folder: str = "site", password: str = "") -> Place:
    """The store's root is a folder below the login folder, which vsftpd wants to be read-only."""
    options = {"timeout_s": 0.5, "retries": 1}
    return Place(server.url_at(port, f"/{folder}"), "here", lambda: password or server.password, options)


class FtpConformance(NetworkConformance):
    def start(self, root: Path) -> FtpServer:
        raise NotImplementedError

    @pytest.fixture
    def through(self) -> Iterator[Through]:
        with served_folder() as root:
            (root / "site").mkdir()
            (root / "site").chmod(0o777)
            with self.start(root) as server, Proxy(server.port, ftp=True) as proxy:
                self.server = server
                here, missing = place(server, proxy.port), place(server, proxy.port, "none")
                yield Through(
                    Site(FtpStore(here), OnDisk(root / "site"), lambda: FtpStore(missing), exact=False), proxy
                )

    def test_at_most_two_connections_are_used(self, through: Through) -> None:
        """Data connections come on top where the protocol needs them, one at a time for each."""
        grow_tree(through.site.plant, 100)
        scanned(through.site.store)
        stats = through.proxy.stats()
        assert stats["connections"] - stats["data"] <= 2

    def wrong_login(self, through: Through) -> FileStore:
        return FtpStore(place(self.server, through.proxy.port, password="wrong"))


@pytest.mark.system
class TestVsftpd(FtpConformance):
    def start(self, root: Path) -> FtpServer:
        return start_vsftpd(root, delay_failed_login=0)


@pytest.mark.system
class TestProftpd(FtpConformance):
    def start(self, root: Path) -> FtpServer:
        return start_proftpd(root)

    def test_links_are_reported_and_never_followed(self, site: Site) -> None:
        """ProFTPD's LIST and STAT leave out links to `.` and `..`; every other link is reported."""
        site.plant.file(b"real/file.txt", b"x")
        site.plant.link(b"real/loop", b"../real")
        site.plant.link(b"real/dangling", b"nowhere")
        found = scanned(site.store)
        assert set(found) == {"", "real"}
        assert {entry.name: entry.type for entry in found["real"].entries} == {
            "file.txt": EntryType.FILE,
            "loop": EntryType.LINK,
            "dangling": EntryType.LINK,
        }


@pytest.mark.system
class TestPureftpd(FtpConformance):
    def start(self, root: Path) -> FtpServer:
        return start_pureftpd(root)

    def test_every_odd_name_is_exact_and_leads_back_to_its_file(self, site: Site) -> None:
        """Pure-FTPd lists names with a backslash and opens none: "553 Prohibited file name"."""
        names = [name for name in ODD_NAMES if "\\" not in name]
        for name in names:
            site.plant.file(b"odd/" + name.encode(), name.encode())
        site.plant.file(b"odd/back\\slash", b"")
        seen = entries(scanned(site.store))
        assert {entry.name for entry in seen.values() if entry.parent == "odd"} == {*names, "back\\slash"}
        assert {b"".join(site.store.read(seen[f"odd/{name}"].ref)).decode() for name in names} == set(names)

    def test_a_wrong_login_is_told_apart_from_a_missing_server(self, through: Through) -> None:
        """Left out: Pure-FTPd answers a wrong password after several seconds."""


class TestPyftpdlib(FtpConformance):
    def start(self, root: Path) -> FtpServer:
        return start_pyftpdlib(root, denied=("closed",))

    def test_korean_names_in_euc_kr_read_as_korean_and_keep_their_bytes(self, site: Site) -> None:
        """Left out: pyftpdlib sends `?` for names that are not in its encoding; see test_quirks for one in EUC-KR."""

    def test_bytes_that_are_no_text_at_all_still_lead_to_their_file(self, site: Site) -> None:
        """Left out: same."""
