"""Uploads for workers on other machines: the server takes them in and tells how far they are, and runs none itself."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.worker.yard import yard
from tests.support import postgres
from tests.support.served import left_in, serving
from tests.web.conftest import three


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
