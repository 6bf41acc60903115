"""System B lost its job table: the folders give it back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from recon_cli.demo.twin_jobs import make_jobs
from tests.support.recon import in_folder


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    with sqlite3.connect(path) as db:
        db.row_factory = sqlite3.Row
        return {str(row["job_id"]): dict(row) for row in db.execute("SELECT * FROM jobs")}


def test_every_job_comes_back_from_its_folder_and_agrees_with_it(tmp_path: Path) -> None:
    twin = make_jobs(tmp_path / "server", jobs=12)
    recon = in_folder(tmp_path)
    ends = ["--system", "reconstruction", "--from", str(twin.store), "--to", "sqlite:///jobs.db"]
    recon("recover", *ends, "--apply", expect=None)
    lost, found = jobs(twin.lost), jobs(tmp_path / "jobs.db")
    assert found.keys() == lost.keys()
    for job in twin.jobs:
        row = found[job.id]
        assert row["status"] == ("DONE" if job.ending == "done" else "FAILED"), job
        assert row["image_count"] == lost[job.id]["image_count"]
        if job.ending == "done":
            for column in ("gaussian_count", "filtered_count", "iterations", "colmap_registered_images"):
                assert row[column] == lost[job.id][column], (job, column)
    recon("check", *ends)
    again = recon("recover", *ends, "--apply", "--json", expect=None).document
    assert again["changes"] == {"create": 0, "update": 0, "delete": 0}


def test_undo_leaves_no_trace(tmp_path: Path) -> None:
    twin = make_jobs(tmp_path / "server", jobs=4)
    recon = in_folder(tmp_path)
    ends = ["--system", "reconstruction", "--from", str(twin.store), "--to", "sqlite:///jobs.db"]
    run = recon("recover", *ends, "--apply", "--json", expect=None).document["run"]
    recon("undo", run)
    assert not (tmp_path / "jobs.db").exists()
