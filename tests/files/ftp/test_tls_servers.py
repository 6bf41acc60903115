"""Servers that require data channels to resume the control channel's TLS session."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_cli.files.base import read_all
from tests.files.ftp.trees import listed, make_dir, open_store, put, served_folder
from tests.support.ftp_servers import FtpServer, start_proftpd, start_pureftpd, start_vsftpd

pytestmark = pytest.mark.system


def _start(name: str, tls: str, root: Path) -> FtpServer:
    return {"vsftpd": start_vsftpd, "proftpd": start_proftpd, "pureftpd": start_pureftpd}[name](root, tls=tls)


@pytest.mark.parametrize(
    ("name", "tls"),
    [
        ("vsftpd", "explicit"),
        ("vsftpd", "implicit"),
        ("proftpd", "explicit"),
        ("proftpd", "implicit"),
        ("pureftpd", "explicit"),
    ],
)
def test_servers_that_require_session_reuse_are_listed_and_read(name: str, tls: str) -> None:
    with served_folder() as root:
        for number in range(20):
            put(make_dir(root, b"d%d" % number), b"f")
        put(make_dir(root, b"many"), *(b"f%d" % number for number in range(1000)), content=b"")
        with _start(name, tls, root) as server:
            store = open_store(server)
            found = listed(store)
            assert len(found) == 22
            assert all(listing.complete for listing in found.values())
            assert read_all(store, found["d7"].entries[0]) == b"hello"
            store.close()
