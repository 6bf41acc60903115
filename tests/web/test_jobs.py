"""Jobs from upload to viewer: run by the server, killed with it, gone on with by the next, and given away by key."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recon_cli.jobs import overview
from recon_cli.reconstruction.splats import files
from tests.support import photoset
from tests.support.reconstructions import reconstructing
from tests.support.served import SMALL, Server, begin, photos_in, serving
from tests.support.training import sum_of
from tests.web.conftest import three

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Any, Any]]:
    """A server with a job that is done: the answer to the upload, and the last status."""
    folder = tmp_path_factory.mktemp("finished")
    photoset.take(folder / "photos", 12)
    with serving(reconstructing(folder)) as server:
        made = server.send(photos_in(folder / "photos"), SMALL).document
        yield server, made, server.wait(made["job_id"], "DONE")


def test_a_job_runs_and_its_status_says_what_the_old_server_said(finished: tuple[Server, Any, Any]) -> None:
    _server, made, status = finished
    assert status["viewer_url"] == f"/v/{made['pub_key']}"
    assert status["progress"] == 100
    assert status["image_count"] == 12
    assert status["gaussian_count"] > 100
    assert status["file_size_mb"] > 0
    assert status["processing_time_seconds"] > 0
    assert status["created_at"] <= status["started_at"] <= status["completed_at"]
    assert 0 < len(status["log_tail"]) <= 10
    assert status["queue_position"] is None
    assert "error" not in status


def test_its_splats_come_whole_in_part_or_not_again(finished: tuple[Server, Any, Any]) -> None:
    server, made, status = finished
    folder = server.root / made["job_id"] / "result"
    path = f"/recon/pub/{made['pub_key']}/scene.splat"
    whole = server.ask(path)
    assert whole.status == 200
    assert len(whole.body) == (folder / "scene.splat").stat().st_size
    assert 0 < files.head(folder / "scene.splat").count <= status["gaussian_count"]
    part = server.ask(path, Range="bytes=32-63")
    assert (part.status, part.body) == (206, whole.body[32:64])
    assert part.headers["content-range"] == f"bytes 32-63/{len(whole.body)}"
    assert server.ask(path, Range=f"bytes={len(whole.body)}-").status == 416
    again = server.ask(path, If_None_Match=whole.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    cloud = server.ask(f"/recon/pub/{made['pub_key']}/cloud.ply")
    assert cloud.body[:4] == b"ply\n"
    assert len(cloud.body) == (folder / "scene.ply").stat().st_size


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fjobs.db", "%2e%2e/job.json", "job.json", "report.json", "photos.json", "scene.splat%00", "..", "scene"],
)
def test_nothing_else_is_given_away(finished: tuple[Server, Any, Any], name: str) -> None:
    server, made, _status = finished
    assert server.ask(f"/recon/pub/{made['pub_key']}/{name}").status == 404
    assert server.ask(f"/recon/pub/{name}/scene.splat").status == 404
    assert server.ask(f"/recon/jobs/{name}/status").status == 404


def test_the_viewer_may_run_its_own_script_alone(finished: tuple[Server, Any, Any]) -> None:
    server, made, _status = finished
    answer = server.ask(f"/v/{made['pub_key']}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].count("'sha256-") == 2
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert server.ask("/v/0000000000").document["detail"] == "Invalid viewer key"


def test_what_is_done_is_not_cancelled_and_not_run_again(finished: tuple[Server, Any, Any]) -> None:
    server, made, _status = finished
    assert server.ask(f"/recon/jobs/{made['job_id']}/cancel", "POST").status == 409
    assert server.ask(f"/recon/jobs/{made['job_id']}/retry", "POST").status == 409


def test_the_operators_command_sees_the_same(finished: tuple[Server, Any, Any]) -> None:
    server, made, _status = finished
    assert server.recon("job", "show", made["job_id"], "--json").document["status"] == "DONE"
    told = server.ask("/overview").document
    assert told["jobs"]["counts"]["DONE"] == 1
    assert told["jobs"]["days"][-1]["made"] == 1
    assert b'recon_jobs{state="done"} 1' in server.ask("/metrics").body


def test_jobs_of_the_old_server_keep_their_links(idle: Server) -> None:
    made = idle.send(three()).document
    folder = idle.root / made["job_id"]
    (folder / "gs_output" / "point_cloud" / "iteration_10000").mkdir(parents=True)
    (folder / "gs_output" / "point_cloud" / "iteration_10000" / "scene.splat").write_bytes(b"s" * 44)
    (folder / "export").mkdir()
    (folder / "export" / "cloud.ply").write_bytes(b"ply\n")
    key = made["pub_key"]
    assert idle.ask(f"/recon/pub/{key}/scene.splat").status == 404, "it is not done"
    assert b"not ready yet" in idle.ask(f"/v/{key}").body
    with sqlite3.connect(idle.root / "jobs.db") as db:
        db.execute("UPDATE jobs SET status = 'COMPLETED' WHERE job_id = ?", (made["job_id"],))
    assert idle.ask(f"/recon/pub/{key}/scene.splat").body == b"s" * 44
    assert idle.ask(f"/recon/pub/{key}/cloud.ply").body == b"ply\n"
    status = idle.status(made["job_id"])
    assert (status["status"], status["viewer_url"]) == ("COMPLETED", f"/v/{key}")


def test_a_failed_job_says_where_and_why_and_goes_on_when_asked(tmp_path: Path) -> None:
    with serving(reconstructing(tmp_path)) as server:
        made = server.send(three(), SMALL).document
        status = server.wait(made["job_id"], "FAILED")
        assert status["error_stage"]
        assert status["error"]
        assert server.ask("/overview").document["jobs"]["failed"][0]["error_message"] == status["error"]
        again = server.ask(f"/recon/jobs/{made['job_id']}/retry", "POST")
        assert again.document["status"] == "PENDING"
        server.wait(made["job_id"], "FAILED")
        assert int(server.recon("job", "show", made["job_id"], "--json").document["retry_count"]) == 1
        assert server.ask(f"/recon/jobs/{made['job_id']}", "DELETE").status == 200
        assert server.ask(f"/recon/jobs/{made['job_id']}/status").status == 404
        assert not (server.root / made["job_id"]).exists()


def test_clients_of_the_other_words_are_answered_in_them(tmp_path: Path) -> None:
    with serving(reconstructing(tmp_path, RECON_SERVE_VOCABULARY="processing"), "--no-worker") as server:
        made = server.send(three()).document
        for word, said in (("RUNNING", "PROCESSING"), ("DONE", "COMPLETED"), ("FAILED", "FAILED")):
            with sqlite3.connect(server.root / "jobs.db") as db:
                db.execute("UPDATE jobs SET status = ? WHERE job_id = ?", (word, made["job_id"]))
            assert server.status(made["job_id"])["status"] == said
            assert server.ask(f"/recon/jobs?status={said}").document["total"] == 1


def test_waiting_jobs_have_their_place_and_are_cancelled_at_once(idle: Server) -> None:
    first, second = (idle.send(three()).document for _ in range(2))
    turns = idle.ask("/recon/queue").document
    assert turns["waiting"].index(first["job_id"]) + 1 == idle.status(first["job_id"])["queue_position"]
    assert second["queue_position"] == first["queue_position"] + 1
    assert idle.ask(f"/recon/jobs/{first['job_id']}/cancel", "POST").document["status"] == "CANCELLED"
    assert idle.status(second["job_id"])["queue_position"] == first["queue_position"]


def test_killed_at_any_moment_jobs_go_on_and_the_splat_is_the_same(
    tmp_path: Path, finished: tuple[Server, Any, Any]
) -> None:
    other, undisturbed, _status = finished
    photoset.take(tmp_path / "photos", 12)
    recon = reconstructing(tmp_path)
    dice = random.Random(os.environ.get("RECON_SEED", "1"))
    server = begin(recon)
    made = server.send(photos_in(tmp_path / "photos"), SMALL).document
    for _ in range(int(os.environ.get("RECON_SERVE_KILLS", "3"))):
        time.sleep(dice.uniform(0.3, 4))
        server.kill()
        server = begin(recon)
    time.sleep(dice.uniform(0, 2))
    code, err = server.stop()
    assert code == 143, err
    assert "Traceback" not in err
    with serving(recon) as server:
        server.wait(made["job_id"], "DONE")
        result = server.root / made["job_id"] / "result" / "scene.ply"
        assert sum_of(result) == sum_of(other.root / undisturbed["job_id"] / "result" / "scene.ply")


def test_a_long_list_comes_in_pages_that_hold_each_job_once(tmp_path: Path) -> None:
    with serving(reconstructing(tmp_path), "--no-worker") as server:
        rows(server, 230)
        pages = [server.ask(f"/recon/jobs?status=DONE&limit=100&offset={offset}").document for offset in (0, 100, 200)]
        assert [(one["total"], len(one["jobs"])) for one in pages] == [(230, 100), (230, 100), (230, 30)]
        found = [one["job_id"] for page in pages for one in page["jobs"]]
        assert found == sorted(set(found), reverse=True)
        assert server.ask("/recon/jobs?limit=1&oldest_first=true").document["jobs"][0]["job_id"] == found[-1]
        told = server.ask("/overview").document["jobs"]
        assert (told["counts"]["DONE"], len(told["done"])) == (230, overview.SHOWN)


def rows(server: Server, count: int) -> None:
    """So many finished jobs, as another program of the same table makes them."""
    begin = datetime(2026, 3, 1)  # noqa: DTZ001  as the table has times
    made = [
        (f"{number:08}", f"{number:010}", "DONE", str(begin + timedelta(minutes=number)), 12) for number in range(count)
    ]
    with sqlite3.connect(server.root / "jobs.db") as db:
        db.executemany(
            "INSERT INTO jobs (job_id, pub_key, status, created_at, image_count) VALUES (?, ?, ?, ?, ?)", made
        )
