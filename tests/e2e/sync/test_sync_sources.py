"""Sources as they are: half-written, gone for a while, rewritten without a trace, under clocks that jump."""

from __future__ import annotations

import json
import os
import random
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from recon_cli.core.errors import UnreachableError
from recon_cli.demo import twin_sessions as twin
from recon_cli.jobs.sync.run import once
from recon_cli.ops.clock import SystemClock
from tests.support.nas import Site, books, export, sha
from tests.support.sync_agent import agent


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_is_half_there_waits_and_arrives_when_it_is_whole(to_sqlite: Site, share: float) -> None:
    site, raw = to_sqlite, export(7, hands=3)
    site.nas.write(range(5))
    path = site.nas.path(7)
    path.write_bytes(raw[: int(len(raw) * share)])
    told = site.sync()
    assert (told["delivered"], told["being_written"], told["unfit"]) == (5, 1, 0)
    assert books(site.queue)["dead"] == 0
    with path.open("ab") as file:
        file.write(raw[int(len(raw) * share) :])
    site.nas.valid[sha(raw)] = raw
    assert site.sync()["delivered"] == 1
    site.prove()


def test_a_file_that_stays_half_is_a_dead_letter_and_the_whole_one_still_arrives(to_sqlite: Site) -> None:
    site, raw = to_sqlite, export(7, hands=3)
    half = raw[:40]
    site.settings(more="patience_s = 0.05")
    site.nas.put(site.nas.path(7), half, good=False)
    assert site.sync()["being_written"] == 1
    time.sleep(0.06)
    assert site.sync(expect=3)["unfit"] == 1
    site.prove()
    site.nas.put(site.nas.path(7), raw)
    assert site.sync()["delivered"] == 1
    site.prove()


def test_a_source_that_is_not_mounted_is_offline_and_nothing_of_it_is_taken_as_deleted(to_sqlite: Site) -> None:
    site = to_sqlite
    site.nas.write(range(20))
    site.sync()
    mounted = site.folder / "mounted"
    site.nas.root.rename(mounted)
    site.sync(expect=13)
    site.nas.root.mkdir()
    told = site.sync(expect=None)
    assert any(one["reason"] == "offline" for one in told["problems"])
    site.prove()
    site.nas.root.rmdir()
    mounted.rename(site.nas.root)
    site.nas.write(range(20, 25))
    told = site.sync()
    assert (told["delivered"], told["unchanged"]) == (5, 20)
    site.prove()


def test_what_was_put_leaves_while_its_source_is_away(to_sqlite: Site) -> None:
    site = to_sqlite
    site.settings(url="postgresql://nobody@127.0.0.1:1/nowhere", timeout_s=2)
    site.nas.write(range(20))
    site.sync(expect=13)
    site.nas.root.rename(site.folder / "unmounted")
    site.settings()
    told = site.sync("--wait", "5", expect=13)
    assert (told["delivered"], told["waiting"]) == (20, 0)
    site.prove()


def test_a_rewrite_of_the_same_size_and_time_is_found_when_files_are_read_again(to_sqlite: Site) -> None:
    site = to_sqlite
    site.nas.write(range(3))
    site.sync()
    path = site.nas.path(1)
    before = path.stat()
    raw = export(1).replace(b"Main Event", b"Side Event")
    with path.open("r+b") as file:
        file.write(raw)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert site.sync()["unchanged"] == 3, "nobody can see it"
    site.settings(more="rehash_s = 0.01")
    assert site.sync()["delivered"] >= 1
    site.nas.valid[sha(raw)] = raw
    site.prove()


class Jumping(SystemClock):
    """A wall clock that somebody sets, again and again."""

    def __init__(self) -> None:
        self.dice = random.Random(5)

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.dice.randrange(-4000, 4000))


def test_a_wall_clock_that_jumps_changes_nothing_but_stamps(anywhere: Site) -> None:
    site = anywhere
    for start in range(0, 60, 20):
        site.nas.write(range(start, start + 20))
        with agent(site, clock=Jumping()) as ends:
            once(ends)
    with agent(site) as ends:
        once(ends)
    site.prove()
    assert books(site.queue)["acked"] >= 60


def test_files_whose_times_are_of_another_century_are_files(to_sqlite: Site) -> None:
    site = to_sqlite
    site.nas.write(range(6))
    for number, moment in enumerate((0, 1, 2**31, 2**32 - 1, 2**33, 946_684_800)):
        os.utime(site.nas.path(number), (moment, moment))
    site.sync()
    site.prove()


def test_a_source_that_is_away_is_told_as_that(to_sqlite: Site) -> None:
    with agent(to_sqlite) as ends:
        ends.route.root.rmdir()
        with pytest.raises(UnreachableError):
            ends.intake.scan()


def test_the_twin_from_two_pcs_in_any_order_with_everything_failing_ends_in_the_same_rows(anywhere: Site) -> None:
    """All 28 exports, one by one, in a random order, each run killed by its own full stop: no state but the files'."""
    site = anywhere
    exports = random.Random(8).sample(twin.exports(), twin.FILES)
    for some in (exports[:1], exports[1:10], exports[10:11], exports[11:]):
        for one in some:
            site.nas.put(site.nas.root / one.path, one.raw)
        with agent(site) as ends:
            once(ends)
    site.prove()
    rows = site.target.ask("SELECT count(*), sum(hand_count), count(DISTINCT session_id) FROM gfx_sessions")
    assert [tuple(map(int, rows[0]))] == [(twin.CONTENTS, twin.HANDS, twin.SESSIONS)]
    told = site("sync", "verify", "gfx", "--content")
    assert told["agree"]


def untouched(root: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_no_file_of_a_source_is_moved_changed_or_made(to_sqlite: Site) -> None:
    site = to_sqlite
    site.nas.write(range(5))
    site.nas.spoil([5, 6])
    site.nas.spoil([7], "list")
    (site.nas.root / "config").mkdir()
    (site.nas.root / "config" / "pc_registry.json").write_text(json.dumps({"pcs": [{"id": "PC01"}]}))
    before = untouched(site.nas.root)
    site.sync(expect=3)
    site.replayed()
    site.prove()
    assert untouched(site.nas.root) == before
