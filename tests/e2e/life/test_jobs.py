"""System B: a job table lost and rebuilt from its folders, moved to Postgres, lost again; and workers that go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.life.conftest import Life
from tests.support import photoset, small_stages
from tests.support.recon import SOURCES

pytestmark = pytest.mark.slow

SETTINGS = """\
version = 1

[stores.local]
url = "sqlite:///recon-jobs/jobs.db"

[reconstruct]
root = "recon-jobs"
store = "local"

[backups.nightly]
from = "local"
to = "git:backups"
verify = "drill"
"""
SMALL = SOURCES.parent / "tests" / "support" / "small"


def listed(recon: Life) -> dict[str, str]:
    """What `recon job list` says of each job."""
    return {one["job_id"]: one["status"] for one in recon("job", "list", "--json").document["jobs"]}


def viewer(recon: Life, job: str) -> str:
    """What the job's page holds, found by what `recon job show` says."""
    folder = Path(recon("job", "show", job, "--json").document["folder"])
    return (folder / "result" / "viewer.html").read_text("utf-8")


def test_jobs_outlive_their_table_its_move_and_the_loss_of_the_disk(life: Callable[..., Life]) -> None:
    ledger = life().folder / "ledger"
    ledger.mkdir()
    recon = life(RECON_LEDGER=str(ledger), PYTHONPATH=f"{SMALL}:{SOURCES.parent}:{SOURCES}")
    recon.settings(SETTINGS)
    recon.repository()
    photos = [photoset.take(recon.folder / f"place {number}", 3 + number) for number in range(3)]

    def made(folder: Path, *words: str) -> str:
        return str(recon("reconstruct", folder, *words, "--json").document["job"])

    first = made(photos[0])
    before = listed(recon)
    assert before == {first: "DONE"}

    # the table is lost, the folders give it back
    (recon.folder / "recon-jobs" / "jobs.db").unlink()
    recon("job", "rebuild")
    assert listed(recon) == before
    recon.saved(saved=1)

    # to Postgres, where a worker goes on
    recon.new_server()
    recon("migrate", "local", "server")
    recon.change('store = "local"', 'store = "server"')
    recon.change('from = "local"', 'from = "server"\ndrill_in = "server"')
    assert listed(recon) == before
    recon("worker", "init")
    second = made(photos[1], "--queue")
    recon("worker", "--drain", "--pool", "cpu")
    before = {first: "DONE", second: "DONE"}
    assert listed(recon) == before
    recon.saved(saved=1)

    # the disk is lost
    recon.lose_disk()
    recon("job", "list", expect=13)
    recon.new_server()
    recon("backup", "import", "nightly", "server", "--trust-sql")
    assert listed(recon) == before
    for job, folder in ((first, photos[0]), (second, photos[1])):
        assert viewer(recon, job) == small_stages.expected(folder)
    assert recon.moved()

    # and on
    recon("worker", "init")
    third = made(photos[2], "--queue")
    recon("worker", "--drain", "--pool", "cpu")
    assert listed(recon) == {**before, third: "DONE"}
