"""Archives elsewhere: uploads that are cut, credentials that are refused, bytes that change, and what is remembered."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.core.errors import AuthError, DataError, ReconError, UsageError
from recon_cli.jobs.backup.run import COMPRESSIONS, data_files
from recon_cli.snapshot.manifest import Compression
from tests.jobs.backup.made import Rows, content, day, publish, rows
from tests.jobs.backup.recipes import Recipe, opened, recipe
from tests.support.ftp_servers import FtpServer, start_pyftpdlib
from tests.support.proxy import Proxy


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECON_STATE_DIR", str(tmp_path / "state"))


def ftp(server: FtpServer, port: int, secret: str = "") -> Recipe:
    return recipe(server.url_at(port, "/kept"), secret=secret or server.password, timeout_s=2, retries=1)


def put(one: Recipe, what: Rows, number: int) -> None:
    with closing(opened(one)) as there:
        publish(there, what, day(number))


def test_a_cut_upload_leaves_the_previous_snapshot_whole_and_is_swept(tmp_path: Path) -> None:
    (tmp_path / "ftp").mkdir()
    with start_pyftpdlib(tmp_path / "ftp") as server, Proxy(server.port, ftp=True) as proxy:
        through = ftp(server, proxy.port)
        put(through, rows(), 0)
        proxy.cut_after(20_000, every=True, times=50)  # the archive has 36 000
        large = [(number, f"{number * 7919 % 104729:x}" * 8) for number in range(5000)]
        with pytest.raises(ReconError):
            put(through, large, 1)
        with closing(opened(ftp(server, server.port))) as there:
            assert content(there) == rows()
            there.sweep()
            assert [one.fault for one in there.held()] == [""]
            publish(there, large, day(1))
            assert content(there) == large


def test_refused_credentials_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "ftp").mkdir()
    with start_pyftpdlib(tmp_path / "ftp") as server:
        put(ftp(server, server.port), rows(), 0)
        before = sorted(path.name for path in (tmp_path / "ftp").rglob("*"))
        with pytest.raises(AuthError):
            put(ftp(server, server.port, "wrong"), rows(300, "x"), 1)
        assert sorted(path.name for path in (tmp_path / "ftp").rglob("*")) == before


def test_a_flipped_bit_of_an_archive_is_found_before_a_row_is_read(tmp_path: Path) -> None:
    there = opened(recipe(str(tmp_path / "kept"), archive=True))
    publish(there, rows(), day(0))
    path = tmp_path / "kept" / f"{day(0)}.tar.zst"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="damaged"):
        content(there)


def test_an_archive_that_was_cut_short_is_not_the_newest_good_one(tmp_path: Path) -> None:
    publish(opened(recipe(str(tmp_path / "kept"), archive=True)), rows(), day(0))
    publish(opened(recipe(str(tmp_path / "kept"), archive=True)), rows(300, "x"), day(1))
    path = tmp_path / "kept" / f"{day(1)}.tar.zst"
    path.write_bytes(path.read_bytes()[:-1])
    there = opened(recipe(str(tmp_path / "kept"), archive=True))
    assert [bool(one.fault) for one in there.held()] == [False, True]
    assert content(there) == rows()


def test_the_sidecar_tells_the_run(tmp_path: Path) -> None:
    publish(opened(recipe(str(tmp_path / "kept"), archive=True)), rows(), day(0))
    told = json.loads((tmp_path / "kept" / f"{day(0)}.json").read_text())
    assert (told["rows"], told["made"]) == (300, "2026-11-01T03:00:00+00:00")
    assert told["size_bytes"] == (tmp_path / "kept" / told["file"]).stat().st_size


def test_a_web_server_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="cannot keep snapshots"):
        opened(recipe("https://host/kept"))


def test_a_folder_that_has_archives_gets_archives_without_being_asked(tmp_path: Path) -> None:
    publish(opened(recipe(str(tmp_path / "kept"), archive=True)), rows(), day(0))
    for address in (str(tmp_path / "kept"), (tmp_path / "kept").as_uri()):
        there = opened(recipe(address))
        assert there.held()[0].name == day(0)
        assert content(there, day(0)) == rows()
    publish(opened(recipe(str(tmp_path / "kept"))), rows(300, "x"), day(1))
    assert (tmp_path / "kept" / f"{day(1)}.tar.zst").is_file()


def test_encrypted_archives_are_found_by_what_lies_there(tmp_path: Path) -> None:
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"{key}\n")
    plain = recipe(str(tmp_path / "kept"))
    publish(opened({**plain, "recipients": [str(key.to_public())]}), rows(), day(0))
    assert [one.fault for one in opened(plain).held()] == [""]
    assert content(opened({**plain, "identity": str(tmp_path / "key.txt")})) == rows()
    with pytest.raises(AuthError, match="encrypted"):
        content(opened(plain))


def test_archives_of_other_people_do_not_turn_a_folder_of_snapshots(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "photos.tar").write_bytes(b"")
    publish(opened(recipe(str(tmp_path / "kept"))), rows(), day(0))
    assert (tmp_path / "kept" / day(0) / "manifest.json").is_file()


@pytest.mark.parametrize("word", ["zstd", "gzip"])
def test_in_an_archive_data_files_are_not_compressed_once_more(tmp_path: Path, word: str) -> None:
    publish(opened(recipe(str(tmp_path / "kept"), archive=True)), rows(), day(0))
    assert data_files(opened(recipe(str(tmp_path / "kept"))), word) is Compression.NONE
    assert data_files(opened(recipe(str(tmp_path / "one.tar.zst"))), word) is Compression.NONE
    assert data_files(opened(recipe("-")), word) is Compression.NONE
    assert data_files(opened(recipe(str(tmp_path / "folders"))), word) is COMPRESSIONS[word]
