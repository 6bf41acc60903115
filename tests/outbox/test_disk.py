"""The disk: what is acknowledged was synced first, and a full disk takes nothing away."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recon_cli.core.errors import ReconError
from recon_cli.outbox.drain import Drain, Pace
from recon_cli.outbox.item import Limits
from recon_cli.outbox.queue import Outbox
from tests.support.outboxes import Target, letter, letters, opened, sums
from tests.support.system import require

PUT = """
import os, sys
from pathlib import Path
from recon_cli.ops.clock import SystemClock
from recon_cli.outbox.item import Letter, Limits
from recon_cli.outbox.opening import open_outbox
with open_outbox(Path(sys.argv[1]), SystemClock(), "me", Limits(max_items=3, ballast_bytes=0)) as queue:
    for number in range(6):
        queue.put([Letter("db", "t", str(number), b"x" * 100)])
        os.write(1, b"acknowledged %d\\n" % number)
"""


def test_every_put_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = [require("strace", "strace"), "-f", "-y", "-e", "trace=pwrite64,write,fdatasync,fsync", "-o", str(trace)]
    subprocess.run(
        [*strace, sys.executable, "-c", PUT, str(tmp_path / "queue.db")], check=True, capture_output=True, timeout=60
    )
    synced, acknowledged = True, 0
    for line in trace.read_text().splitlines():
        if re.search(r"pwrite64\(\d+<[^>]*queue\.db-wal>", line):
            synced = False
        elif re.search(r"f(data)?sync\(\d+<[^>]*queue\.db-wal>.* = 0", line):
            synced = True
        elif "acknowledged" in line:
            assert synced, f"acknowledged before it was on disk: {line}"
            acknowledged += 1
            synced = False  # the next acknowledgement needs a sync of its own
    assert acknowledged == 6


def test_a_segment_is_on_disk_before_its_items_leave_the_queue(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    strace = [require("strace", "strace"), "-f", "-y", "-o", str(trace), "-e"]
    calls = "trace=pwrite64,fdatasync,fsync,rename,renameat,renameat2"
    subprocess.run(
        [*strace, calls, sys.executable, "-c", PUT, str(tmp_path / "queue.db")],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    told = [
        next((word for word, pattern in PATTERNS if re.search(pattern, line)), "")
        for line in trace.read_text().splitlines()
    ]
    at = told.index("rename")
    assert told[:at][-1] == "sync segment"
    after = [word for word in told[at:] if word]
    assert after[1] == "sync folder"
    assert "log" not in after[: after.index("sync folder")]


PATTERNS = (
    ("rename", r"rename\w*\(.*\.jsonl"),
    ("sync segment", r"fsync\(\d+<[^>]*\.jsonl[^>]*\.tmp>"),
    ("sync folder", r"fsync\(\d+<[^>]*queue\.db\.spill>"),
    ("log", r"pwrite64\(\d+<[^>]*queue\.db-wal>"),
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """6 MB and no more."""
    mount, unmount = require("mount", "mount"), require("umount", "mount")
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run([unmount, str(folder)], check=True)


def test_a_queue_on_a_full_disk_refuses_what_is_new_and_still_delivers_what_it_has(small_disk: Path) -> None:
    limits = Limits(ballast_bytes=1 << 20)
    kept: set[str] = set()
    with opened(small_disk, limits=limits) as queue:
        assert queue.ballast.path.stat().st_size == 1 << 20
        with pytest.raises(ReconError, match="is full"):
            put_until_full(queue, kept)
        fill(small_disk)
        assert sums(queue)["waiting"] == len(kept)
    with opened(small_disk, limits=limits) as queue:
        target = Target()
        done = Drain(queue, "db", target, Pace(batch_items=50), lambda: 1.0, lambda: False).run()
        assert done.delivered == len(kept) == len(target.rows)
        assert not queue.ballast.path.exists(), "it was given up"
        assert sums(queue) | {"acked": len(kept), "waiting": 0} == sums(queue)
        assert queue.put(letters(20_000)), "room inside the file is used again"


def test_a_put_that_found_no_room_can_be_put_again_when_there_is_some(small_disk: Path) -> None:
    with opened(small_disk, limits=Limits(ballast_bytes=0)) as queue:
        rest = small_disk / "rest"
        fill(small_disk)
        with pytest.raises(ReconError, match="is full"):
            queue.put([letter(number, size_bytes=50_000) for number in range(20)])
        assert sums(queue)["put"] == 0
        rest.unlink()
        queue.put([letter(number, size_bytes=50_000) for number in range(20)])
        assert sums(queue)["waiting"] == 20


def put_until_full(queue: Outbox, kept: set[str]) -> None:
    """One by one; `kept` are those that were acknowledged."""
    for number in range(10_000):
        queue.put([letter(number, size_bytes=5000)])
        kept.add(letter(number).key)


def fill(folder: Path) -> None:
    """Use the rest of the disk."""
    with (folder / "rest").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return
