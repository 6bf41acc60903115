"""Uploads for workers on other machines: the server takes them in and tells how far they are, and runs none itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import psycopg
import pytest

from tests.jobs.worker.yard import yard
from tests.support import postgres
from tests.support.served import Server, left_in, serving
from tests.web.conftest import three

pytestmark = pytest.mark.slow


def test_an_upload_is_run_by_a_worker_and_never_by_a_server_beside_it(tmp_path: Path) -> None:
    with postgres.running() as cluster, yard(tmp_path, cluster) as place:
        place.machine()("worker", "init")
        with serving(place.machine(), "--no-worker") as server:
            made = server.send(three(), {"preset": "quick"}).document
            job_id = made["job_id"]
            assert (made["status"], made["image_count"], made["queue_position"]) == ("PENDING", 3, 1)
            assert [name for name in left_in(place.root) if not name.startswith(".")] == [job_id]
        with serving(place.machine("other")) as server:
            assert server.ask("/recon/jobs").document["total"] == 1
            assert server.status(job_id)["status"] == "PENDING"
            place.start("far", "--drain").wait(timeout=120)
            assert server.wait(job_id, "DONE", "FAILED", patience_s=60)["status"] == "DONE", place.log("far")
            assert server.ask(f"/v/{made['pub_key']}").status == 200
            assert server.ask(f"/recon/jobs/{job_id}/retry", "POST").status == 409


def test_a_server_killed_in_the_middle_of_an_upload_leaves_no_folder_and_no_files_in_the_depot(tmp_path: Path) -> None:
    depot = tmp_path / "depot"
    depot.mkdir()
    with postgres.running() as cluster, yard(tmp_path, cluster, more=f'files = "{depot}"') as place:
        place.machine()("worker", "init")
        with psycopg.connect(place.url, password=cluster.password) as other:
            with serving(place.machine(), "--no-worker") as server:
                other.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")  # photos are sent, their row cannot come
                threading.Thread(target=send_and_hear_nothing, args=(server,), daemon=True).start()
                until(lambda: any(path.name == "job.json" for path in depot.rglob("*")))
                server.kill()
            assert [name for name in left_in(place.root) if not name.startswith(".")]
            other.rollback()
        with serving(place.machine(), "--no-worker") as server:
            assert server.ask("/recon/jobs").document["total"] == 0
            assert left_in(place.root) == []
            assert not [path for path in depot.rglob("*") if path.is_file()]
            made = server.send(three(), {"preset": "quick"}).document
            assert (depot / made["job_id"] / "job.json").is_file()


def test_a_viewer_whose_job_ran_elsewhere_is_fetched_from_the_depot_once(tmp_path: Path) -> None:
    depot = tmp_path / "depot"
    depot.mkdir()
    with postgres.running() as cluster, yard(tmp_path, cluster, more=f'files = "{depot}"') as place:
        place.machine()("worker", "init")
        with serving(place.machine(), "--no-worker") as server:
            made = server.send(three(), {"preset": "quick"}).document
            assert server.ask(f"/v/{made['pub_key']}").body.count(b"not ready") == 2
            place.start("far", "--drain").wait(timeout=120)
            assert server.wait(made["job_id"], "DONE", "FAILED", patience_s=60)["status"] == "DONE", place.log("far")
            result = depot / made["job_id"] / "result"
            assert not (place.root / made["job_id"] / "result").exists()
            page = server.ask(f"/v/{made['pub_key']}")
            assert (page.status, page.body) == (200, (result / "viewer.html").read_bytes())
            (result / "viewer.html").unlink()
            assert server.ask(f"/v/{made['pub_key']}").body == page.body


def send_and_hear_nothing(server: Server) -> None:
    with suppress(OSError, HTTPException):
        server.send(three(), {"preset": "quick"})


def until(right: Callable[[], bool]) -> None:
    for _ in range(600):
        if right():
            return
        time.sleep(0.05)
    pytest.fail("it never was so")
