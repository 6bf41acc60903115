"""The scan on vsftpd, ProFTPD and Pure-FTPd with their default manners."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recon_cli.core.entry import EntryType, Incomplete, Precision
from recon_cli.core.errors import AuthError, NotFoundError
from recon_cli.files.base import MtimeMode, ScanOptions, read_all
from recon_cli.files.ftp.store import FtpStore
from tests.files.ftp.trees import IAC_NAMES, ODD_NAMES, listed, make_dir, open_store, put, raw_names, served_folder
from tests.support.ftp_servers import FtpServer, give, start_proftpd, start_pureftpd, start_vsftpd
from tests.support.proxy import Proxy

pytestmark = pytest.mark.system
Start = Callable[..., FtpServer]
SERVERS: dict[str, Start] = {"vsftpd": start_vsftpd, "proftpd": start_proftpd, "pureftpd": start_pureftpd}
AS_ROOT = os.geteuid() == 0


@pytest.fixture(params=list(SERVERS))
def start(request: pytest.FixtureRequest) -> Start:
    return SERVERS[request.param]


@pytest.fixture
def root() -> Iterator[Path]:
    with served_folder() as folder:
        yield folder


def test_every_odd_name_is_exact_at_every_depth_and_readable_back(start: Start, root: Path) -> None:
    names = [*ODD_NAMES, *IAC_NAMES]
    if start is start_pureftpd:
        names.remove(b"back\\slash")  # "553 Prohibited file name": it lists such names and opens none
    for name in names:
        put(make_dir(root, b"in " + name), *names)
    with start(root) as server:
        store = open_store(server)
        found = listed(store)
        assert raw_names(found[""]) == {b"in " + name for name in names}
        inside = [listing for path, listing in found.items() if path]
        assert [listing for listing in inside if raw_names(listing) != set(names) or not listing.complete] == []
        first = next(listing for listing in inside if b"\xff\xff" in (listing.raw_path or b""))
        assert {read_all(store, entry) for entry in first.entries} == {b"hello"}
        store.close()


def test_euc_kr_names_are_right_and_keep_their_raw_path(start: Start, root: Path) -> None:
    texts = [f"모델 {number} 앞면.png" for number in range(40)]
    folder = make_dir(root, "모델".encode("cp949"))
    put(folder, *(text.encode("cp949") for text in texts))
    with start(root) as server:
        store = open_store(server)
        found = listed(store)["모델"]
        assert {entry.name for entry in found.entries} == set(texts)
        entry = found.entries[0]
        assert entry.raw_path == entry.path.encode("cp949")
        assert read_all(store, entry) == b"hello"
        store.close()


@pytest.mark.skipif(not AS_ROOT, reason="needs an account that the server's account may not enter")
def test_a_denied_folder_is_named_and_its_neighbours_are_complete(start: Start, root: Path) -> None:
    for name, mode in ((b"denied", 0o700), (b"unlistable", 0o711), (b"open", 0o755)):
        folder = make_dir(root, name)
        put(folder, b"x")
        folder.chmod(mode)
    with start(root) as server:
        found = listed(open_store(server))
    assert {path: listing.incomplete for path, listing in found.items()} == {
        "": None,
        "denied": Incomplete.DENIED,
        "unlistable": Incomplete.DENIED,
        "open": None,
    }


def test_links_are_reported_and_never_followed(start: Start, root: Path) -> None:
    folder = make_dir(root, b"a")
    put(folder, b"f")
    (folder / "loop").symlink_to("../a")
    (folder / "to file").symlink_to("f")
    with start(root) as server:
        found = listed(open_store(server))
    assert set(found) == {"", "a"}
    assert {entry.name: entry.type for entry in found["a"].entries} == {
        "f": EntryType.FILE,
        "loop": EntryType.LINK,
        "to file": EntryType.LINK,
    }


def test_a_folder_of_12_000_is_complete_or_called_truncated(start: Start, root: Path) -> None:
    put(make_dir(root, b"many"), *(b"f%05d" % number for number in range(12_000)), content=b"")
    put(make_dir(root, b"thousand"), *(b"f%05d" % number for number in range(1000)), content=b"")
    with start(root) as server:
        found = listed(open_store(server))
    many = found["many"]
    if start is start_pureftpd:
        assert many.incomplete is Incomplete.TRUNCATED
        assert "truncated" in many.detail
    else:
        assert (many.incomplete, len(many.entries)) == (None, 12_000)
    assert (found["thousand"].incomplete, len(found["thousand"].entries)) == (None, 1000)


def test_names_with_line_breaks_are_reported_and_disturb_nothing(root: Path) -> None:
    put(make_dir(root, b"nasty"), b"before", b"nl\nx", b"x\r\n213 fake end", b"zzz")
    make_dir(root, b"cr\rdir")
    for number in range(30):
        put(make_dir(root, b"d%d" % number), b"f")
    with start_vsftpd(root) as server:
        found = listed(open_store(server))
    assert found["nasty"].incomplete is Incomplete.UNPARSED
    assert {"nasty/before", "nasty/nl\nx", "nasty/zzz"} <= {entry.path for entry in found["nasty"].entries}
    assert found["cr\rdir"].incomplete is Incomplete.UNPARSED
    assert all(found[f"d{number}"].complete for number in range(30))


def test_exact_times_are_utc_to_the_second(start: Start, root: Path) -> None:
    moments = {"old": datetime(2017, 7, 14, 2, 40, 1, tzinfo=UTC), "new": datetime.now(UTC).replace(microsecond=0)}
    folder = make_dir(root, b"d")
    for name, moment in moments.items():
        put(folder, name.encode())
        os.utime(folder / name, (moment.timestamp(), moment.timestamp()))
    with start(root) as server:
        found = listed(open_store(server), options=ScanOptions(mtime=MtimeMode.EXACT))["d"]
    assert {entry.name: (entry.mtime, entry.precision) for entry in found.entries} == {
        name: (moment, Precision.EXACT) for name, moment in moments.items()
    }


def test_listed_times_are_put_into_utc_where_the_server_lists_its_own(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    folder = make_dir(root, b"d")
    put(folder, b"f")
    os.utime(folder / "f", (now.timestamp(), now.timestamp()))
    with start_pureftpd(root) as server:
        (entry,) = listed(open_store(server))["d"].entries
    assert (entry.mtime, entry.precision) == (now, Precision.MINUTE)


def test_a_server_full_after_one_connection_is_scanned_with_one(root: Path) -> None:
    for number in range(40):
        put(make_dir(root, b"d%d" % number), b"f")
    limited: list[Callable[[], FtpServer]] = [
        lambda: start_vsftpd(root, max_clients=1),
        lambda: start_proftpd(root, MaxClients=1),
        lambda: start_pureftpd(root, "-C", "1"),
    ]
    for start in limited:
        with start() as server:
            store = open_store(server)
            paths = []
            for listing in store.scan():
                assert listing.complete
                paths.append(listing.path)
                if len(paths) == 5:
                    file = next(entry for entry in listing.entries)
                    assert read_all(store, file) == b"hello"
            assert len(paths) == 41
            store.close()


def test_a_cut_connection_costs_no_directory(start: Start, root: Path) -> None:
    for number in range(200):
        put(make_dir(root, b"d%d" % number), b"a", b"b")
    with start(root) as server, Proxy(server.port, ftp=True) as proxy:
        proxy.cut_after(30_000)
        found = listed(open_store(server, proxy.port))
    assert len(found) == 201
    assert sum(len(listing.entries) for listing in found.values()) == 600
    assert all(listing.complete for listing in found.values())


def test_a_subfolder_is_scanned_with_paths_from_the_root(start: Start, root: Path) -> None:
    put(make_dir(make_dir(root, b"a b"), b"c"), b"f")
    with start(root) as server:
        assert set(listed(open_store(server), "a b")) == {"a b", "a b/c"}
        with pytest.raises(NotFoundError):
            listed(open_store(server), "nowhere")


@pytest.mark.parametrize("start", [start_vsftpd, start_proftpd])  # Pure-FTPd makes a wrong password wait for seconds
def test_a_wrong_password_is_an_auth_error(start: Start, root: Path) -> None:
    with start(root) as server:
        server.password = "wrong"
        with pytest.raises(AuthError):
            listed(open_store(server))


def test_files_are_read_from_the_middle_the_end_and_in_part(start: Start, root: Path) -> None:
    content = bytes(range(256)) * 4000
    put(root, b"big", content=content)
    with start(root) as server:
        store: FtpStore = open_store(server)
        assert b"".join(store.read("big")) == content
        assert b"".join(store.read("big", offset=1000, size_bytes=100)) == content[1000:1100]
        assert next(store.read("big"))[:4] == content[:4]
        assert store.tail("big", 5) == content[-5:]
        assert store.tail("big", 5_000_000) == content
        entry = store.stat("big")
        assert (entry.size_bytes, entry.precision) == (len(content), Precision.EXACT)
        with pytest.raises(NotFoundError):
            store.tail("nothing", 5)
        store.close()


def test_a_file_is_published_whole_with_its_parents_and_removed_without_fuss(start: Start, root: Path) -> None:
    give(make_dir(root, b"up"))
    with start(root) as server:
        store = open_store(server)
        store.write("up/a/b/파일.txt", [b"one", b"two"])
        assert b"".join(store.read("up/a/b/파일.txt")) == b"onetwo"
        store.write("up/a/b/파일.txt", [b"three"])
        assert [path.name for path in (root / "up/a/b").iterdir()] == ["파일.txt"]
        assert b"".join(store.read("up/a/b/파일.txt")) == b"three"
        store.remove("up/a/b/파일.txt")
        store.remove("up/a/b/파일.txt")
        assert list((root / "up/a/b").iterdir()) == []
        store.close()


def test_doctor_learns_what_the_server_can_do(start: Start, root: Path) -> None:
    put(root, b"f")
    with start(root) as server:
        told = open_store(server).probe()
    assert told["listing"] == "STAT"
    assert told["data channel"] == ("LIST -a" if start is start_vsftpd else "MLSD")
    assert told["times"] == "exact (MDTM)"
