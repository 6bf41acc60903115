"""SQLite → snapshot → SQLite: the same database, by value, storage class and bit, and the same bytes again."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from recon_cli.snapshot import archive
from recon_cli.snapshot.manifest import Compression
from recon_cli.stores.bulk.base import Mode
from tests.support.odd_sqlite import odd_database
from tests.support.trips import content, exact, exported, imported, place


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return odd_database(tmp_path_factory.mktemp("odd") / "odd.db")


@pytest.fixture(scope="module")
def truth(odd: Path) -> dict[str, object]:
    return exact(odd)


@pytest.mark.parametrize("compression", Compression)
def test_every_odd_value_comes_back_and_gives_the_same_bytes_again(
    odd: Path, truth: dict[str, object], tmp_path: Path, compression: Compression
) -> None:
    exported(place(odd), tmp_path / "one", compression=compression)
    imported(tmp_path / "one", place(tmp_path / "back.db"), tmp_path / "state")
    assert exact(tmp_path / "back.db") == truth
    exported(place(tmp_path / "back.db"), tmp_path / "two", compression=compression)
    assert content(tmp_path / "two") == content(tmp_path / "one")


@pytest.mark.parametrize(("name", "compression"), [("a.tar.zst", Compression.ZSTD), ("a.tar.gz", Compression.GZIP)])
def test_an_archive_brings_the_same_back(
    odd: Path, truth: dict[str, object], tmp_path: Path, name: str, compression: Compression
) -> None:
    exported(place(odd), tmp_path / "one")
    with (tmp_path / name).open("wb") as stream:
        archive.write(tmp_path / "one", stream, compression)
    imported(tmp_path / name, place(tmp_path / "back.db"), tmp_path / "state")
    assert exact(tmp_path / "back.db") == truth
    exported(place(tmp_path / "back.db"), tmp_path / "two")
    assert content(tmp_path / "two") == content(tmp_path / "one")


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_database_in_utf16_comes_back_in_utf16(tmp_path: Path, encoding: str) -> None:
    source = odd_database(tmp_path / "odd.db", encoding=encoding)
    exported(place(source), tmp_path / "one")
    imported(tmp_path / "one", place(tmp_path / "back.db"), tmp_path / "state")
    assert exact(tmp_path / "back.db") == exact(source)


def test_what_was_searchable_is_searchable_again(odd: Path, tmp_path: Path) -> None:
    exported(place(odd), tmp_path / "one")
    imported(tmp_path / "one", place(tmp_path / "back.db"), tmp_path / "state")
    with closing(sqlite3.connect(tmp_path / "back.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT rowid FROM words WHERE words MATCH 'creme'").fetchall() == [(9,)]
        assert db.execute("SELECT rowid FROM outside WHERE outside MATCH 'jumps'").fetchall() == [(2,)]
        assert db.execute("SELECT docid FROM older WHERE older MATCH 'index'").fetchall() == [(4,)]
        assert db.execute("SELECT id FROM boxes WHERE x1 > 1e29").fetchall() == [(-8,)]
        assert db.execute("INSERT INTO counted (v) VALUES ('next') RETURNING id").fetchall() == [(901,)]
        assert db.execute("SELECT count(*) FROM written_to WHERE what = 'insert next'").fetchall() == [(1,)]


@pytest.mark.parametrize("mode", Mode)
def test_what_is_there_already_is_not_touched_in_any_mode(odd: Path, tmp_path: Path, mode: Mode) -> None:
    exported(place(odd), tmp_path / "one")
    target = tmp_path / "same.db"
    shutil.copy(odd, target)
    before = exact(target)
    imported(tmp_path / "one", place(target), tmp_path / "state", mode)
    assert exact(target) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.0", "-0.0"),
        ("1", "1.0"),
        ("1", "'1'"),
        ("'a'", "x'61'"),
        ("''", "NULL"),
        ("5e-324", "0.0"),
        ("char(97, 0)", "'a'"),
    ],
)
def test_the_comparison_itself_tells_apart_what_looks_alike(tmp_path: Path, before: str, after: str) -> None:
    for name, cell in (("a.db", before), ("b.db", after)):
        with closing(sqlite3.connect(tmp_path / name)) as db, db:
            db.execute("CREATE TABLE t (c)")
            db.execute(f"INSERT INTO t VALUES ({cell})")  # noqa: S608  constants
    assert exact(tmp_path / "a.db") != exact(tmp_path / "b.db")
