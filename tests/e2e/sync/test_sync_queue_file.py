"""The queue's own disk: full, damaged, shared. What was acknowledged stays; what is lost comes again from the files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.sync.conftest import MakeSite
from tests.support.nas import Site, books
from tests.support.system import require
from tests.support.targets import SqliteTarget

PAGE = 4096


def away(site: Site) -> None:
    """The target is away: nothing listens there."""
    site.settings(url="postgresql://nobody@127.0.0.1:1/nowhere", timeout_s=2)


def header(path: Path) -> None:
    overwrite(path, 0, os.urandom(PAGE))


def middle_page(path: Path) -> None:
    overwrite(path, path.stat().st_size // 2 // PAGE * PAGE, b"\xa5" * PAGE)


def inner_page(path: Path) -> None:
    """The first page of the items' tree that holds no item, but the way to all of them."""
    pages = path.read_bytes()
    inner = 0x05
    at = next(at for at in range(PAGE, len(pages), PAGE) if pages[at] == inner)
    overwrite(path, at, b"\xa5" * PAGE)


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 + 100)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


@pytest.mark.parametrize("damage", [header, middle_page, inner_page, truncated, emptied])
def test_what_a_damaged_queue_lost_is_put_again_from_the_files(to_sqlite: Site, damage: Callable[[Path], None]) -> None:
    to_sqlite.nas.write(range(10))
    to_sqlite.nas.spoil([10], "list")
    to_sqlite.sync(expect=3)
    away(to_sqlite)
    to_sqlite.nas.write(range(20, 320), pad_bytes=700)
    to_sqlite.sync(expect=13)
    damage(to_sqlite.queue)
    to_sqlite.settings()
    to_sqlite.sync("--wait", "5", expect=3)
    rows = to_sqlite.target.ask("SELECT count(*) FROM gfx_sessions")
    assert rows == [(310,)]
    assert len(list(to_sqlite.queue.parent.glob("queue.db.damaged-*"))) == 1
    assert to_sqlite.done("queue", "verify", expect=3).out, "it stays named until an operator takes note"
    to_sqlite("queue", "verify", "--accept")
    if damage in {header, middle_page, inner_page}:
        to_sqlite.prove(lost=True)


def test_a_queue_that_is_gone_altogether_is_filled_again_from_the_files(to_sqlite: Site) -> None:
    away(to_sqlite)
    to_sqlite.nas.write(range(50))
    to_sqlite.sync(expect=13)
    for path in to_sqlite.queue.parent.glob("queue.db*"):
        path.unlink()
    to_sqlite.settings()
    assert to_sqlite.sync()["delivered"] == 50
    to_sqlite.prove()


def test_a_memory_of_files_that_is_damaged_costs_time_and_nothing_else(to_sqlite: Site) -> None:
    to_sqlite.nas.write(range(50))
    to_sqlite.sync()
    (memory,) = (to_sqlite.folder / "state" / "sync").glob("*.db")
    memory.write_bytes(os.urandom(PAGE))
    to_sqlite.nas.write(range(50, 60))
    to_sqlite.sync()
    to_sqlite.prove()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """14 MB and no more."""
    mount, unmount = require("mount", "mount"), require("umount", "mount")
    folder = tmp_path / "state"
    folder.mkdir(exist_ok=True)
    size = ["-t", "tmpfs", "-o", "size=14m", "tmpfs", str(folder)]
    done = subprocess.run([mount, *size], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


@pytest.mark.parametrize(("count", "pad_bytes"), [(300, 40_000), (1100, 10_000)])
def test_a_full_disk_takes_nothing_away_and_what_waits_still_leaves(
    small_disk: Path, site: MakeSite, lite: SqliteTarget, count: int, pad_bytes: int
) -> None:
    found = site(lite)
    away(found)
    found.nas.write(range(count), pad_bytes=pad_bytes)
    told = found.sync(expect=13)
    assert 0 < told["waiting"] < count, "12 MB do not fit"
    assert any("is full" in one["reason"] for one in told["problems"]), told["problems"]
    kept = books(found.queue)["waiting"]
    assert found.sync(expect=13)["waiting"] >= kept
    found.settings()
    told = found.sync("--wait", "5", expect=None)
    assert isinstance(told, dict), told
    assert told["delivered"] == count
    found.sync()
    found.prove()


def test_two_agents_on_one_queue_file_share_the_work(to_sqlite: Site) -> None:
    site = to_sqlite
    site.settings(more="batch = 20")
    site.nas.write(range(150))
    site.nas.spoil([200], "list")
    recon = replace(site.recon, env={**site.recon.env, **site.password()})
    agents = [recon.start("sync", "gfx", "--once", "--wait", "5") for _ in range(2)]
    for one in agents:
        one.communicate(timeout=60)
        assert one.returncode in {0, 3}
    site.sync(expect=None)
    site.prove()
    assert books(site.queue)["acked"] == 150


def test_two_machines_on_one_folder_end_in_the_same_rows(to_sqlite: Site) -> None:
    site = to_sqlite
    site.nas.write(range(150))
    site.nas.spoil([200], "list")
    recon = replace(site.recon, env={**site.recon.env, **site.password()})
    other = replace(recon, env={**recon.env, "RECON_STATE_DIR": str(site.folder / "other")})
    agents = [one.start("sync", "gfx", "--once", "--wait", "5") for one in (recon, other)]
    for one in agents:
        one.communicate(timeout=60)
        assert one.returncode == 3
    site.prove()
    assert books(site.folder / "other" / "queue.db")["acked"] == 150
    with closing(sqlite3.connect(site.folder / "target.db")) as db:
        assert db.execute("SELECT count(*) FROM gfx_sessions_observations").fetchone() == (150,)


@pytest.mark.parametrize("rate", [[], ["--rate", "100000"]], ids=["batch by batch", "all at once"])
def test_a_queue_that_blocks_is_delivered_from_while_files_are_put(to_sqlite: Site, rate: list[str]) -> None:
    to_sqlite.settings(more="batch = 4\n[queue]\nmax_items = 5\noverflow = 'block'")
    to_sqlite.nas.write(range(40))
    told = to_sqlite.sync(*rate)
    assert (told["put"], told["delivered"], told["waiting"]) == (40, 40, 0)
    assert told["took_s"] < 30, "a put waits so long where nobody makes room"
    to_sqlite.prove()
