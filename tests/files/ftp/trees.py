"""Trees with every odd name, and what a scan of them has to say."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recon_cli.core.entry import Listing
from recon_cli.core.place import Place
from recon_cli.files.base import ScanOptions
from recon_cli.files.ftp.store import FtpStore
from tests.support.ftp_servers import FtpServer

ODD_NAMES = [
    b"plain.txt",
    b" leading",
    b"trailing ",
    b"two  spaces",
    b'"quoted"',
    b"it's",
    b"-dash",
    b"[brackets]",
    b"*star?",
    b"{a,b}",
    b"~tilde",
    b"back\\slash",
    b".dotfile",
    b"a -> b",
    b"213 End.",
    b"226 Transfer complete",
    b"total 5",
    b"semi; colon=1;",
    b"per%20cent",
    b"#hash",
    "한글 이름.png".encode(),
    "각.png".encode("cp949"),
    "로고 앞면(1).jpg".encode("euc-kr"),
    b"caf\xe9.png",
]
IAC_NAMES = [b"telnet\xff", b"telnet\xff\xff", b"\xff\xfbwill"]


@contextmanager
def served_folder() -> Iterator[Path]:
    """A folder that servers running as another account can reach."""
    folder = Path(tempfile.mkdtemp(prefix="recon-served-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put(folder: Path, *names: bytes, content: bytes = b"hello") -> None:
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(content)


def make_dir(folder: Path, name: bytes) -> Path:
    made = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    made.mkdir()
    return made


def open_store(server: FtpServer, port: int = 0, **options: str | float | bool) -> FtpStore:
    settings: dict[str, str | int | float | bool] = {"timeout_s": 5, **options}
    if server.ca_file:
        settings.setdefault("ca_file", server.ca_file)
    return FtpStore(Place(server.url_at(port or server.port), "here", lambda: server.password, settings))


def listed(store: FtpStore, under: str = "", options: ScanOptions | None = None) -> dict[str, Listing]:
    """All listings by path; no directory may come twice."""
    found = list(store.scan(under, options or ScanOptions()))
    raw = [listing.raw_path or listing.path.encode() for listing in found]
    assert len(raw) == len(set(raw))
    return {listing.path: listing for listing in found}


def raw_names(listing: Listing) -> set[bytes]:
    """The names of a listing as the server's bytes."""
    return {(entry.raw_path or entry.path.encode()).rpartition(b"/")[2] for entry in listing.entries}
