"""`recon doctor` and workers: silent where there are none, helpful where something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.jobs.worker.yard import yard
from tests.support.postgres import running
from tests.support.recon import Recon, in_folder


def worker(recon: Recon) -> dict[str, dict[str, Any]]:
    checks = recon("doctor", "--json", expect=None).document["checks"]
    return {one["check"]: one for one in checks if one["check"].startswith("worker")}


def test_doctor_knows_workers(tmp_path: Path) -> None:
    alone = in_folder(tmp_path)
    assert worker(alone) == {}
    (tmp_path / "recon.toml").write_text("version = 1\n[worker]\nconcurrent = 2\n")
    assert worker(alone)["worker queue"]["status"] == "fail"
    with running() as server, yard(tmp_path, server) as made:
        made.submit()
        found = worker(made.machine())
    assert found["worker queue"]["detail"] == "0 jobs in hand, 1 waiting"
    assert found["worker files"]["status"] == "ok"
