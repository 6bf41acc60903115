"""System E: readings of a gate in SQLite, then in Postgres, then lost with its disk: each container once, none lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.life.conftest import Life

pytestmark = pytest.mark.slow

CAMERAS = Path(__file__).resolve().parents[3] / "examples" / "containers" / "cameras"
SETTINGS = """\
version = 1

[stores.local]
url = "sqlite:///gate.db"

[records.gate]
system = "containers"
to = "local"
zone = "Asia/Seoul"
archive_to = "archive"

[syncs.cameras]
system = "containers"
from = "cameras"
to = "local"
settle_s = 0.1

[backups.nightly]
from = "local"
to = "git:backups"
verify = "drill"
"""


def found(recon: Life) -> set[tuple[str, str]]:
    """Every log: number and time."""
    records = recon("record", "search", "--json").document["records"]
    return {(one["container_number"], one["captured_at"]) for one in records}


def test_readings_outlive_their_move_and_the_loss_of_the_disk(life: Callable[..., Life]) -> None:
    recon = life()
    recon.settings(SETTINGS)
    recon.repository()
    (recon.folder / "archive").mkdir()
    shutil.copytree(CAMERAS, recon.folder / "cameras")
    recon("record", "init")
    assert "UNKNOWN" in recon("sync", "cameras", "--once", expect=3).err
    recon("record", "add", "HLXU 123456", "--at", "2026-02-14T19:30:00+09:00")
    recon.saved(saved=1)
    before = found(recon)
    assert len(before) == 4

    # to Postgres; a second look within five minutes is still the same container
    recon.new_server()
    recon.change('to = "local"', 'to = "server"')
    recon("record", "init")
    recon("backup", "import", "nightly", "server", "--mode", "upsert")
    recon("backup", "diff", "nightly", "server")
    recon.change('from = "local"', 'from = "server"\ndrill_in = "server"')
    assert found(recon) == before
    recon("record", "add", "HLXU 123456", "--at", "2026-02-14T19:33:00+09:00")
    assert found(recon) == before
    recon("record", "add", "TEMU 123456", "--at", "2026-02-14T19:34:00+09:00")
    before = found(recon)
    assert len(before) == 5
    recon("sync", "cameras", "--once", expect=3)  # the lists are new to this target, and one row still is no number
    assert found(recon) == before
    recon.saved(saved=1)

    # the disk is lost; what is read meanwhile waits
    recon.lose_disk()
    recon("record", "add", "MSKU 765432", "--at", "2026-02-14T20:00:00+09:00", expect=None)
    assert recon("queue", "status", "--json").document["depth"] == 1
    recon.new_server()
    recon("backup", "import", "nightly", "server", "--trust-sql")
    assert found(recon) == before
    assert recon.moved()

    # and on: what waited arrives, what was one is still one, old logs are archived
    recon("queue", "replay")
    recon("record", "add", "HLXU 123456", "--at", "2026-02-14T19:32:00+09:00")
    assert len(found(recon)) == len(before) + 1
    recon("record", "prune", "--older-than", "2026-02-14T10:15:00Z")
    assert len(list((recon.folder / "archive").iterdir())) == 1


def test_tables_that_were_moved_as_they_were_are_refused_with_the_way_that_works(life: Callable[..., Life]) -> None:
    recon = life()
    recon.settings(SETTINGS)
    recon("record", "init")
    recon("record", "add", "HLXU 123456", "--at", "2026-02-14T19:30:00+09:00")
    recon.new_server()
    recon("migrate", "local", "server")
    recon.change('to = "local"', 'to = "server"')
    refused = recon("record", "init", expect=5).err
    assert "`container_logs.captured_at` is a text" in refused
    assert "recon backup import" in refused
