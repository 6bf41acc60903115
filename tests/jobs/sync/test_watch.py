"""`recon sync --watch`: files arrive while it runs, targets go and come, and a signal ends it cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from recon_cli.demo import twin_sessions as twin
from recon_cli.files.watched import mounts
from tests.jobs.sync.test_twin import configured, init, sync
from tests.support.nas import Nas, Site
from tests.support.nas import export as small
from tests.support.recon import Recon, in_folder
from tests.support.sync_agent import agent
from tests.support.system import require
from tests.support.targets import SqliteTarget

FAST = "poll_s = 0.1\nrescan_s = 0.5\npatience_s = 1\n"
COUNT = "SELECT count(*) FROM gfx_sessions"


def put(recon: Recon, export: twin.Export) -> Path:
    path = recon.folder / "nas" / export.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(export.raw)
    return path


def until(there: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for something; fails when it does not come."""
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


@contextmanager
def watching(recon: Recon, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`recon sync gfx --watch`, ended by SIGTERM, which it has to obey."""
    process = recon.start("sync", "gfx", "--watch", *words)
    try:
        yield process
        assert process.poll() is None, process.communicate()
        process.terminate()
        out, err = process.communicate(timeout=30)
        assert process.returncode == 143, err
        assert b"Traceback" not in err
        assert out == b""
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def ready(recon: Recon, lite: SqliteTarget) -> Recon:
    configured(recon, lite, FAST)
    init(recon, lite)
    (recon.folder / "nas" / "PC01").mkdir(parents=True)
    return recon


@pytest.mark.parametrize("rescan", ["", "rescan_s = 3600\n"], ids=["scans", "events alone"])
def test_files_that_come_while_it_runs_are_delivered_and_a_signal_ends_it(
    recon: Recon, lite: SqliteTarget, rescan: str
) -> None:
    if rescan and mounts.is_far(recon.folder):
        pytest.skip("nobody says how this folder is mounted, so it is polled: there are no events")
    configured(recon, lite, rescan or FAST)
    init(recon, lite)
    (recon.folder / "nas" / "PC01").mkdir(parents=True)
    with watching(recon):
        for number, export in enumerate(twin.exports()[:4], 1):
            put(recon, export)
            until(lambda number=number: lite.ask(COUNT) == [(number,)])  # type: ignore[misc]  # bound now
    assert sync(recon, lite, "verify", "gfx")["agree"]


def test_a_registry_that_changes_is_read_anew_and_a_half_written_one_is_waited_out(
    ready: Recon, lite: SqliteTarget
) -> None:
    registry = ready.folder / "nas" / "config" / "pc_registry.json"
    registry.parent.mkdir()
    registry.write_text('{"pcs": [{"id": "PC01"}]}')
    first = twin.exports()[0]
    other = next(one for one in twin.exports() if one.pc == "PC02")
    put(ready, first)
    put(ready, other)
    with watching(ready):
        until(lambda: lite.ask(COUNT) == [(1,)])
        registry.write_text('{"pcs": [{"id": "PC0')
        time.sleep(1.2)
        assert lite.ask(COUNT) == [(1,)]
        registry.write_text('{"pcs": [{"id": "PC01"}, {"id": "PC02", "path": "PC02/hands"}]}')
        until(lambda: lite.ask(COUNT) == [(2,)])


def test_a_file_written_in_pieces_is_taken_once_and_whole(ready: Recon, lite: SqliteTarget) -> None:
    export = max(twin.exports(), key=lambda one: len(one.raw))
    path = put(ready, twin.exports()[0]).with_name(export.path.rpartition("/")[2])
    with watching(ready), path.open("wb") as file:
        for start in range(0, len(export.raw), 100_000):
            file.write(export.raw[start : start + 100_000])
            file.flush()
            time.sleep(0.2)
        file.close()
        until(lambda: lite.ask(COUNT) == [(2,)])
    assert ready("queue", "status", "--json").document["dead"] == 0
    assert sync(ready, lite, "verify", "gfx")["agree"]


def test_a_file_that_stays_half_is_a_dead_letter_and_the_whole_one_after_it_is_taken(
    ready: Recon, lite: SqliteTarget
) -> None:
    export = twin.exports()[0]
    path = put(ready, export)
    path.write_bytes(export.raw[:-100])
    dead = lambda: ready("queue", "status", "--json").document["dead"]  # noqa: E731  asked again and again
    with watching(ready):
        until(lambda: (ready.folder / "state" / "queue.db").exists() and dead() == 1)
        assert path.read_bytes() == export.raw[:-100], "the file stays as it is, and where it is"
        path.write_bytes(export.raw)
        until(lambda: lite.ask(COUNT) == [(1,)])
    (letter,) = ready("queue", "dead", "list", "--json").document["dead"]
    assert letter["reason"] == "not whole yet"


def test_a_source_that_goes_away_is_offline_and_comes_back(ready: Recon, lite: SqliteTarget) -> None:
    for export in twin.exports()[:5]:
        put(ready, export)
    with watching(ready) as process:
        until(lambda: lite.ask(COUNT) == [(5,)])
        (ready.folder / "nas").rename(ready.folder / "away")
        time.sleep(1)
        (ready.folder / "nas").mkdir()
        time.sleep(1)
        assert process.poll() is None
        (ready.folder / "nas").rmdir()
        (ready.folder / "away").rename(ready.folder / "nas")
        put(ready, twin.exports()[5])
        until(lambda: lite.ask(COUNT) == [(6,)])
    assert lite.ask(COUNT) == [(6,)]


def test_a_target_that_is_away_costs_nothing_and_gets_everything_when_it_is_back(
    ready: Recon, lite: SqliteTarget
) -> None:
    with watching(ready):
        put(ready, twin.exports()[0])
        until(lambda: lite.ask(COUNT) == [(1,)])
        lite.path.rename(lite.path.with_suffix(".away"))
        put(ready, twin.exports()[1])
        until(lambda: ready("queue", "status", "--json").document["depth"] == 1)
    lite.path.with_suffix(".away").rename(lite.path)
    assert ready("queue", "status", "--json").document["by_failures"] == {"0": 1}
    assert ready("queue", "replay", "--json").document["delivered"] == 1
    assert lite.ask(COUNT) == [(2,)]


def test_what_looks_the_same_is_found_when_it_is_read_again(ready: Recon, lite: SqliteTarget) -> None:
    export = twin.exports()[0]
    path = put(ready, export)
    sync(ready, lite, "gfx", "--once")
    before = path.stat()
    swapped = export.raw.replace(b'"HandNum": 1', b'"HandNum": 7')
    with path.open("r+b") as file:
        file.write(swapped)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(swapped) == len(export.raw)
    assert sync(ready, lite, "gfx", "--once")["put"] == 0, "no poller can see that"
    configured(ready, lite, f"{FAST}rehash_s = 0.001\n")
    assert sync(ready, lite, "gfx", "--once")["delivered"] >= 1
    assert lite.ask(COUNT) == [(2,)]
    seen = "SELECT count(*), count(DISTINCT nas_path) FROM gfx_sessions_observations"
    assert lite.ask(seen) == [(2, 1)]
    assert json.loads(ready("sync", "verify", "gfx", "--json").out)["agree"]


def test_a_second_signal_is_not_needed(ready: Recon) -> None:
    process = ready.start("sync", "gfx", "--watch", "-q")
    until((ready.folder / "state" / "queue.db").exists)
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err


def test_a_fuse_mount_of_which_the_kernel_tells_nothing_is_polled(recon: Recon, lite: SqliteTarget) -> None:
    program = require("bindfs", "bindfs")
    behind, nas = recon.folder / "behind", recon.folder / "nas"
    (behind / "PC01").mkdir(parents=True)
    nas.mkdir()
    mount = subprocess.Popen([program, "-f", "-r", behind, nas], stderr=subprocess.DEVNULL)
    try:
        until(lambda: nas.is_mount() or mount.poll() is not None)
        if mount.poll() is not None:
            pytest.skip("this machine mounts nothing through FUSE")
        configured(recon, lite, "poll_s = 0.1\nrescan_s = 3600\n")
        init(recon, lite)
        with watching(recon):
            for number, export in enumerate(twin.exports()[:2], 1):
                path = behind / export.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(export.raw)
                until(lambda number=number: lite.ask(COUNT) == [(number,)])  # type: ignore[misc]  # bound now
    finally:
        mount.terminate()
        mount.wait(30)


def test_polling_finds_a_new_source_and_a_new_registry_without_a_look_at_everything(site: Site) -> None:
    """As on a mount of which the kernel tells nothing: folders' times alone."""
    site.nas.write([1])
    with agent(site) as ends:
        intake = ends.intake
        intake.scan()
        assert set(intake.settling) == {relative(site, 1, "PC01")}
        site.nas.write([2], pc="PC02")
        intake.poll()
        assert relative(site, 2, "PC02") in intake.settling, "a folder at the root is a new source"
        registry = site.nas.root / "config" / "pc_registry.json"
        registry.parent.mkdir()
        registry.write_text('{"pcs": [{"id": "PC01"}, {"id": "TABLE", "path": "rooms/4/TABLE"}]}')
        intake.poll()
        path = site.nas.root / "rooms" / "4" / "TABLE" / "new.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(small(3))
        intake.poll()
        assert "rooms/4/TABLE/new.json" in intake.settling, "a source of the registry that was not there yet"
        assert intake.settling["rooms/4/TABLE/new.json"].owner == "TABLE"


def relative(site: Site, number: int, pc: str) -> str:
    return site.nas.path(number, pc).relative_to(site.nas.root).as_posix()


@pytest.fixture
def site(tmp_path: Path, lite: SqliteTarget) -> Site:
    found = Site(in_folder(tmp_path), lite, Nas(tmp_path / "nas"))
    found.nas.root.mkdir()
    return found
