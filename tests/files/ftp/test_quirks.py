"""The scan on a server with the manners of many others."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recon_cli.core.entry import EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import AuthError, NotFoundError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.files.base import MtimeMode, ScanOptions, read_all
from recon_cli.files.ftp.store import FtpStore
from tests.files.ftp.trees import ODD_NAMES, listed, make_dir, open_store, put, raw_names
from tests.support.ftp_servers import start_pyftpdlib
from tests.support.proxy import Proxy

BARE = ("STAT", "MLSD", "MLST", "FEAT", "EPSV", "MDTM", "OPTS")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    put(folder, b".hidden", b"top file")
    for number in range(25):
        put(make_dir(folder, b"dir %d" % number), b"a", b"b c")
    put(make_dir(folder / "dir 3", b"deep"), "한글.png".encode())
    return folder


@pytest.fixture
def truth(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def names_of(found: dict[str, Listing]) -> set[str]:
    return {entry.path for listing in found.values() for entry in listing.entries}


@pytest.mark.parametrize(
    ("without", "listed_by"),
    [
        ((), "STAT"),
        (("MLSD", "MLST"), "STAT"),
        (("STAT",), "MLSD"),
        (("STAT", "EPSV"), "MLSD"),
        (("PWD",), "STAT"),
        (("STAT", "MLSD", "MLST"), "LIST -a"),
        (BARE, "LIST -a"),
        ((*BARE, "LIST"), "NLST"),
    ],
)
def test_whatever_a_server_lacks_the_tree_is_found_whole(
    without: tuple[str, ...], listed_by: str, root: Path, truth: set[str]
) -> None:
    with start_pyftpdlib(root, without=without) as server:
        found = listed(open_store(server))
    assert names_of(found) == truth
    assert all(listing.complete for listing in found.values())
    assert found["dir 3"].listed_by == listed_by
    assert {entry.type for entry in found["dir 3"].entries} == {EntryType.FILE, EntryType.DIR}


@pytest.mark.parametrize("without", [(), ("STAT",)])
def test_every_odd_name_is_exact(without: tuple[str, ...], tmp_path: Path) -> None:
    names = [name for name in ODD_NAMES if _is_utf8(name)]
    put(make_dir(tmp_path, b"odd"), *names)
    with start_pyftpdlib(tmp_path, without=without) as server:
        store = open_store(server)
        found = listed(store)["odd"]
        assert raw_names(found) == set(names)
        assert {read_all(store, entry) for entry in found.entries} == {b"hello"}
        store.close()


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_names_sent_in_euc_kr_are_right_and_readable_back(tmp_path: Path) -> None:
    put(make_dir(tmp_path, "모델".encode()), "앞면.png".encode(), "책".encode())
    with start_pyftpdlib(tmp_path, encoding="euc-kr") as server:
        store = open_store(server)
        found = listed(store)["모델"]
        assert {entry.path for entry in found.entries} == {"모델/앞면.png", "모델/책"}
        assert {entry.raw_path for entry in found.entries} == {entry.path.encode("euc-kr") for entry in found.entries}
        assert read_all(store, found.entries[0]) == b"hello"
        assert b"".join(store.read("모델/책")) == b"hello"
        store.close()


@pytest.mark.parametrize("refuse_with", ["421", "530"])
@pytest.mark.parametrize("without", [(), ("STAT",)])
def test_a_second_connection_refused_leaves_the_first_to_do_it_all(
    refuse_with: str, without: tuple[str, ...], root: Path, truth: set[str]
) -> None:
    with start_pyftpdlib(root, max_connections=1, refuse_with=refuse_with, without=without) as server:
        assert names_of(listed(open_store(server))) == truth


@pytest.mark.parametrize("without", [(), ("STAT",)])
def test_a_denied_folder_is_incomplete_and_the_rest_is_not(without: tuple[str, ...], root: Path) -> None:
    with start_pyftpdlib(root, denied=("deep",), without=without) as server:
        found = listed(open_store(server))
    assert {path for path, listing in found.items() if not listing.complete} == {"dir 3/deep"}
    assert found["dir 3/deep"].incomplete is Incomplete.DENIED
    assert "Permission denied" in found["dir 3/deep"].detail


@pytest.mark.parametrize("without", [(), ("STAT",), BARE])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sockets that pyftpdlib leaves behind
@pytest.mark.parametrize("after_bytes", range(1500, 4000, 350))
def test_connections_cut_at_any_byte_lose_nothing(
    after_bytes: int, without: tuple[str, ...], root: Path, truth: set[str]
) -> None:
    with start_pyftpdlib(root, cut_after_bytes=after_bytes, without=without) as server:
        found = listed(open_store(server))
    assert names_of(found) == truth
    assert all(listing.complete for listing in found.values())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.parametrize("cuts", [1, 2])
def test_a_single_file_is_read_although_new_connections_are_cut_at_first(cuts: int, root: Path) -> None:
    with (
        start_pyftpdlib(root, cut_after_bytes=60, cut_connections=cuts) as server,
        closing(open_store(server)) as store,
        pytest.raises(NotFoundError),
    ):
        store.stat("none.bin")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
def test_a_server_that_cuts_every_connection_is_unreachable_in_the_end(root: Path) -> None:
    with (
        start_pyftpdlib(root, cut_after_bytes=60) as server,
        closing(open_store(server)) as store,
        pytest.raises(UnreachableError),
    ):
        store.stat("none.bin")


def test_a_server_that_never_comes_back_leaves_cut_directories_and_no_exception(root: Path) -> None:
    with start_pyftpdlib(root, without=("STAT",)) as server, Proxy(server.port, ftp=True) as proxy:
        store = open_store(server, proxy.port, timeout_s=1, retries=1)
        found = []
        for listing in store.scan(options=ScanOptions(connections=1)):
            found.append(listing)
            if len(found) == 3:
                proxy.close()
    assert len(found) == 26
    assert {listing.incomplete for listing in found} == {None, Incomplete.CUT}


def test_a_server_that_hangs_on_mdtm_is_scanned_with_the_times_it_lists(root: Path, truth: set[str]) -> None:
    with start_pyftpdlib(root, hang_on="MDTM", without=("MLSD", "MLST")) as server:
        found = listed(open_store(server, timeout_s=0.2), options=ScanOptions(mtime=MtimeMode.EXACT))
    assert names_of(found) == truth
    assert {entry.precision for listing in found.values() for entry in listing.entries} == {Precision.MINUTE}


def test_a_folder_that_hangs_the_server_is_given_up_as_a_timeout_and_the_rest_is_listed(root: Path) -> None:
    with start_pyftpdlib(root, hang_on="CWD dir 7") as server:
        found = listed(open_store(server, timeout_s=0.2))
    assert {path: listing.incomplete for path, listing in found.items() if not listing.complete} == {
        "dir 7": Incomplete.TIMEOUT
    }
    assert len(found) == 27


def test_a_box_on_the_way_that_loses_pipelined_commands_is_survived(root: Path, truth: set[str]) -> None:
    with start_pyftpdlib(root, lose_pipelined=True) as server:
        assert names_of(listed(open_store(server, timeout_s=0.3))) == truth


def test_an_idle_time_out_between_two_reads_goes_unnoticed(root: Path) -> None:
    with start_pyftpdlib(root, idle_s=1) as server:
        store = open_store(server)
        assert b"".join(store.read("top file")) == b"hello"
        store._desk._session.wire.send(b"QUIT\r\n")  # type: ignore[union-attr] # what the time-out does, without waiting
        assert b"".join(store.read("top file")) == b"hello"
        store.close()


@pytest.mark.parametrize("without", [(), ("STAT",), ("MLSD", "MLST"), BARE])
def test_a_link_followed_by_the_server_ends_as_a_loop(without: tuple[str, ...], tmp_path: Path) -> None:
    put(make_dir(tmp_path, b"a"), b"f")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "here").symlink_to(".")
    (tmp_path / "to a").symlink_to("a")
    with start_pyftpdlib(tmp_path, without=without) as server:
        found = listed(open_store(server))
    assert found["a"].complete
    if without == ("STAT",):  # its MLSD calls links folders; its LIST and STAT show them as links
        assert {listing.incomplete for listing in found.values()} == {None, Incomplete.LOOP}
        assert len(found) == 7
    else:
        assert set(found) == {"", "a"}


def test_a_tree_that_looks_alike_at_every_level_is_no_loop(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(6):
        put(folder, b"f")
        folder = make_dir(folder, b"same")
    with start_pyftpdlib(tmp_path) as server:
        found = listed(open_store(server))
    assert len(found) == 7
    assert all(listing.complete for listing in found.values())


@pytest.mark.parametrize(("count", "complete"), [(1000, True), (998, True), (2500, True)])
def test_a_count_where_servers_like_to_stop_is_looked_at_twice(count: int, complete: bool, tmp_path: Path) -> None:  # noqa: FBT001
    put(make_dir(tmp_path, b"many"), *(b"f%d" % number for number in range(count)), content=b"")
    with start_pyftpdlib(tmp_path) as server:
        found = listed(open_store(server))["many"]
    assert (len(found.entries), found.complete, found.listed_by) == (count, complete, "MLSD")


@pytest.mark.parametrize("without", [(), ("STAT",), BARE])
def test_a_listing_cut_short_with_words_is_called_truncated(without: tuple[str, ...], tmp_path: Path) -> None:
    put(make_dir(tmp_path, b"many"), *(b"f%d" % number for number in range(1100)), content=b"")
    with start_pyftpdlib(tmp_path, stop_at=1000, stop_words="Output truncated to 1000", without=without) as server:
        found = listed(open_store(server))["many"]
    assert found.incomplete is Incomplete.TRUNCATED
    assert "truncated" in found.detail


def test_an_address_behind_nat_is_replaced_by_the_servers_own(root: Path, truth: set[str]) -> None:
    with start_pyftpdlib(root, nat=True, without=("STAT",)) as server:
        assert names_of(listed(open_store(server))) == truth


def test_dos_listings_are_scanned(root: Path) -> None:
    lines = (b"11-21-25  09:31AM       <DIR>          dir 1", b"11-21-25  09:31PM                 1234 my file.txt")
    with start_pyftpdlib(root, without=BARE, lines=lines) as server:
        found = listed(open_store(server), options=ScanOptions(max_depth=0))
    assert {(entry.path, entry.type, entry.size_bytes) for entry in found[""].entries} == {
        ("dir 1", EntryType.DIR, None),
        ("my file.txt", EntryType.FILE, 1234),
    }
    assert found["dir 1"].incomplete is Incomplete.DEPTH


def test_a_server_without_list_a_is_not_trusted_with_hidden_names_until_it_shows_one(tmp_path: Path) -> None:
    put(make_dir(tmp_path, b"d"), b"shown")
    with start_pyftpdlib(tmp_path, without=(*BARE, "LIST")) as server:
        assert {listing.incomplete for listing in listed(open_store(server)).values()} == {Incomplete.HIDDEN}
        put(tmp_path, b".seen")
        assert {listing.incomplete for listing in listed(open_store(server)).values()} == {None}


def test_a_line_nobody_understands_makes_its_folder_incomplete(root: Path) -> None:
    lines = (b"-rw-r--r-- 1 s s 5 Nov 21 09:31 good", b"?? something else")
    with start_pyftpdlib(root, without=BARE, lines=lines) as server:
        found = listed(open_store(server))
    assert found[""].incomplete is Incomplete.UNPARSED
    assert [entry.path for entry in found[""].entries] == ["good"]


def test_no_times_are_asked_for_when_none_are_wanted(root: Path) -> None:
    with start_pyftpdlib(root, without=("MLSD", "MLST")) as server:
        found = listed(open_store(server), options=ScanOptions(mtime=MtimeMode.NONE))
    times = {(entry.mtime, entry.precision) for listing in found.values() for entry in listing.entries}
    assert times == {(None, Precision.NONE)}


def test_exact_times_come_from_mdtm_where_the_listing_has_minutes(root: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    os.utime(root / "dir 3" / "a", (moment.timestamp(), moment.timestamp()))
    with start_pyftpdlib(root, without=("MLSD", "MLST")) as server:
        found = listed(open_store(server), options=ScanOptions(mtime=MtimeMode.EXACT))
    entry = next(entry for entry in found["dir 3"].entries if entry.name == "a")
    assert (entry.mtime, entry.precision) == (moment, Precision.EXACT)


def test_finished_directories_are_taken_from_the_earlier_scan(root: Path, truth: set[str]) -> None:
    with start_pyftpdlib(root) as server:
        first = listed(open_store(server))
        kept = {path: listing for path, listing in first.items() if path in ("", "dir 3", "dir 4")}
        again = listed(open_store(server), options=ScanOptions(known=kept.get))
        walked = [command for command in server.commands if command.startswith("CWD")]
    assert names_of(again) == truth
    assert again["dir 3"] is kept["dir 3"]
    assert sum(command.endswith("/dir 4") for command in walked) == 1


def test_skipped_folders_are_left_out(root: Path) -> None:
    with start_pyftpdlib(root) as server:
        found = listed(open_store(server), options=ScanOptions(skip=lambda path: path.startswith("dir 1")))
    assert "dir 3/deep" in found
    assert not any(path.startswith("dir 1") for path in found)


def test_a_root_that_is_not_there_is_not_found(root: Path) -> None:
    with start_pyftpdlib(root) as server:
        for path in ("/nowhere", "//nowhere", "/%2Fnowhere"):
            place = Place(server.url_at(server.port, path), secret=lambda: server.password)
            with pytest.raises(NotFoundError, match="nowhere"):
                list(FtpStore(place).scan())


def test_relative_and_absolute_roots_lead_to_the_same_folder(root: Path) -> None:
    with start_pyftpdlib(root) as server:
        for path in ("/dir%203", "//dir%203/", "/%2Fdir%203"):
            place = Place(server.url_at(server.port, path), secret=lambda: server.password)
            assert set(listed(FtpStore(place))) == {"", "deep"}


def test_a_wrong_password_and_nobody_there_are_told_apart(root: Path) -> None:
    with start_pyftpdlib(root) as server:
        url = server.url
        with pytest.raises(AuthError) as refused:
            list(FtpStore(Place(url, "dothome", lambda: "wrong")).scan())
    assert "dothome" in (refused.value.hint or "")
    with pytest.raises(UnreachableError):
        list(FtpStore(Place(url, secret=lambda: "wrong")).scan())


def test_the_shown_url_has_no_password() -> None:
    assert FtpStore(Place("ftp://sam:secret@example.org/x")).url == "ftp://sam@example.org/x"


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
@pytest.mark.parametrize("without", [(), ("STAT",)])
def test_tls_covers_control_and_data(tls: str, without: tuple[str, ...], root: Path, truth: set[str]) -> None:
    with start_pyftpdlib(root, tls=tls, without=without) as server:
        store = open_store(server)
        assert names_of(listed(store)) == truth
        assert b"".join(store.read("top file")) == b"hello"
        store.write("new", [b"x" * 100_000])
        assert store.stat("new").size_bytes == 100_000
        store.close()


def test_an_unknown_certificate_is_refused_with_the_way_out(root: Path) -> None:
    with start_pyftpdlib(root, tls="explicit") as server:
        with pytest.raises(UnreachableError) as refused:
            list(open_store(server, ca_file="").scan())
        assert "tls_verify" in (refused.value.hint or "")
        assert len(listed(open_store(server, ca_file="", tls_verify=False))) == 27
