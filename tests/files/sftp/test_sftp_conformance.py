"""SftpStore keeps the contract against OpenSSH's own server, behind a network that is not always good."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.place import Place
from recon_cli.files.base import FileStore
from recon_cli.files.sftp.store import SftpStore
from tests.files.conformance import OnDisk, Site
from tests.files.network_conformance import NetworkConformance, Through
from tests.support.proxy import Proxy
from tests.support.ssh_server import SshServer, new_key, sshd

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server() -> Iterator[SshServer]:
    with sshd() as running:
        yield running


def place(server: SshServer, port: int, root: Path, key_file: Path | None = None) -> Place:
    known = server.known_hosts(root.parent / "known_hosts", port)
    options = {"key_file": str(key_file or server.key_file), "known_hosts": str(known), "timeout_s": 1}
    return Place(f"sftp://{server.user}@127.0.0.1:{port}{root}", options=options)


class TestSftp(NetworkConformance):
    @pytest.fixture
    def through(self, server: SshServer) -> Iterator[Through]:
        with tempfile.TemporaryDirectory(prefix="recon-sftp-") as name, Proxy(server.port) as proxy:
            Path(name).chmod(0o755)
            root = Path(name) / "tree"
            root.mkdir()
            root.chmod(0o777)
            missing = place(server, proxy.port, Path(name) / "none")
            site = Site(SftpStore(place(server, proxy.port, root)), OnDisk(root), lambda: SftpStore(missing))
            yield Through(site, proxy)

    def wrong_login(self, through: Through) -> FileStore:
        root = Path(through.site.store.url.partition("127.0.0.1")[2].partition("/")[2])
        stranger = Path("/") / root.parent / "stranger"
        new_key(stranger)
        options = {
            "key_file": str(stranger),
            "known_hosts": str(stranger.with_name("known_hosts")),
            "timeout_s": 1,
        }
        return SftpStore(Place(through.site.store.url, options=options))
