"""A large table into a new file, half of it by a child: equal, and all or nothing whatever becomes of that half."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from recon_cli.core.errors import DataError, ReconError
from recon_cli.core.place import Place
from recon_cli.core.report import Report
from recon_cli.jobs.backup.restore import RestoreRequest, restore
from recon_cli.ops.clock import SystemClock
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import NAME, Manifest, decode, encode
from recon_cli.stores.bulk.registry import open_bulk
from tests.jobs.backup.made import fill, rows
from tests.jobs.backup.test_crew import kill, running

MANY = 50_000
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    fill(tmp_path / "kept", rows(MANY))
    return tmp_path / "kept"


def imported(kept: Path, prepared: Callable[[], None] = lambda: None) -> Report:
    place = Place(f"sqlite:///{kept.parent}/new.db")
    snapshot = FolderSnapshot(kept)
    prepared()
    with closing(open_bulk(place)) as store:
        return restore(snapshot, store, kept.parent / "state", RestoreRequest(place=place), SystemClock())


def left(kept: Path) -> list[str]:
    return sorted(path.name for path in kept.parent.iterdir() if path.name not in ("kept", "state"))


def test_every_row_comes_in_its_order_and_nothing_is_left_beside(kept: Path) -> None:
    assert imported(kept).body["inserted"] == MANY
    assert left(kept) == ["new.db"]
    with closing(sqlite3.connect(kept.parent / "new.db")) as database:
        assert database.execute("SELECT * FROM items").fetchall() == rows(MANY)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("shard", [3, 480], ids=["first", "second"])
def test_a_damaged_file_in_either_half_is_named_and_nothing_is_written(kept: Path, shard: int) -> None:
    def damaged() -> None:
        path = sorted(kept.glob("data/*/*"))[shard]
        path.write_bytes(path.read_bytes().replace(b"item", b"iten", 1))

    with pytest.raises(DataError, match=f"rows {shard * 100 + 1} to {shard * 100 + 100} of table items"):
        imported(kept, damaged)
    assert left(kept) == []


@pytest.mark.parametrize("shard", [3, 480], ids=["first", "second"])
def test_a_cell_that_is_an_array_is_refused_in_either_half(kept: Path, shard: int) -> None:
    """The digests are right: whoever made this snapshot made it so."""
    manifest = decode((kept / NAME).read_bytes())
    path = sorted(kept.glob("data/*/*"))[shard]
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = json.dumps([shard * 100 + 5, ["no", "cell"]], separators=(",", ":")).encode() + b"\n"
    path.write_bytes(b"".join(lines))
    _sign(kept, manifest, path)
    with pytest.raises(DataError):
        imported(kept)
    assert left(kept) == []


def _sign(kept: Path, manifest: Manifest, path: Path) -> None:
    """A manifest that says of a changed file what is true of it now."""
    [files] = manifest.tables
    text = path.read_bytes()
    shards = tuple(
        replace(one, size_bytes=len(text), plain_bytes=len(text), sha256=hashlib.sha256(text).hexdigest())
        if one.name == path.name.removesuffix(".jsonl")
        else one
        for one in files.shards
    )
    (kept / NAME).write_bytes(encode(replace(manifest, tables=(replace(files, shards=shards),))))


def test_a_child_that_dies_on_the_way_leaves_nothing(kept: Path) -> None:
    def hunt() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if any(kept.parent.glob(".*-half")):
                with suppress(OSError):
                    kill(running())
                return
            time.sleep(0.001)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    with pytest.raises(ReconError, match="a process at work on the snapshot ended"):
        imported(kept)
    hunter.join()
    assert left(kept) == []
    assert running() == []
