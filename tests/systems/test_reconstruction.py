"""Job folders of both generations give their rows back; failures that were hidden come to light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from recon_cli.core.evidence import Finding
from recon_cli.core.schema import parse_timestamp
from recon_cli.demo import pieces
from recon_cli.demo.twin_jobs import JobsTwin, make_jobs
from recon_cli.systems import registry
from recon_cli.systems.base import Copy, Derived
from tests.support.trees import copy_of, scanned

SYSTEM = registry.get("reconstruction")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> JobsTwin:
    return make_jobs(tmp_path_factory.mktemp("jobs") / "server", 24)


def derived(root: Path, *copies: Copy, shape: str = "counts") -> Derived:
    tree, reader = scanned(root)
    return SYSTEM.derive(tree, reader, copies, shape=shape)


def rows(found: Derived) -> dict[str, Finding]:
    return {str(one.record.values["job_id"]): one for one in found.findings["jobs"]}


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, body in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return root


def only(found: Derived) -> Finding:
    (one,) = found.findings["jobs"]
    return one


def reasons(found: Derived) -> list[str]:
    return [one.reason for one in found.problems]


@pytest.mark.parametrize("place", ["", "data", "data/jobs"])
def test_every_job_of_both_generations_is_found_wherever_the_root_is(twin: JobsTwin, place: str) -> None:
    assert set(rows(derived(twin.root / place))) == {one.id for one in twin.jobs}


def test_finished_jobs_come_back_from_their_files_alone(twin: JobsTwin) -> None:
    back = rows(derived(twin.root))
    done = [(job, row) for job, row in zip(twin.jobs, twin.rows, strict=True) if job.ending == "done"]
    assert {job.generation for job, _ in done} == {"old", "new"}
    for job, row in done:
        values = back[job.id].record.values
        same = ("status", "image_count", "iterations", "gaussian_count", "filtered_count", "removed_count")
        for name in (*same, "file_size_mb", "colmap_registered_images", "colmap_points", "processing_time_seconds"):
            assert values[name] == row[name], name
        for name in ("created_at", "started_at", "completed_at"):
            assert values[name] == parse_timestamp(row[name])


def test_the_old_generation_keeps_its_public_key_and_the_new_one_gets_a_marked_stand_in(twin: JobsTwin) -> None:
    back, again = rows(derived(twin.root)), rows(derived(twin.root))
    for job in (one for one in twin.jobs if one.ending == "done"):
        first = back[job.id].evidence["pub_key"][0]
        if job.generation == "old":
            assert (first.value, first.method) == (job.key, "key-file")
        else:
            assert (first.method, first.confidence) == ("new-key", 0.0)
            assert len(str(first.value)) == 10
            assert again[job.id].record.values["pub_key"] == first.value


def test_a_failed_job_tells_its_stage_and_error(twin: JobsTwin) -> None:
    back = rows(derived(twin.root))
    for job in (one for one in twin.jobs if one.ending == "failed"):
        values = back[job.id].record.values
        assert values["status"] == "FAILED"
        assert (values["error_stage"], values["error_message"]) == ("colmap_mapper", "mapper found no initial pair")


def test_a_job_that_stopped_without_a_word_is_interrupted_at_its_stage(twin: JobsTwin) -> None:
    back = rows(derived(twin.root))
    for job in (one for one in twin.jobs if one.ending == "interrupted"):
        values = back[job.id].record.values
        assert (values["status"], values["error_message"]) == ("FAILED", "interrupted")
        assert values["error_stage"] == "colmap_matching"


def test_a_swallowed_failure_marked_done_is_disputed_by_its_files(twin: JobsTwin) -> None:
    found = derived(twin.root, copy_of(twin.lost, "jobs.db"))
    back = rows(found)
    swallowed = [one.id for one in twin.jobs if one.ending == "swallowed"]
    assert swallowed
    for name in swallowed:
        assert [one.value for one in back[name].evidence["status"]] == ["FAILED", "DONE"]
        assert back[name].record.values["error_message"] == "RuntimeError: CUDA out of memory"
        assert any(one.item.endswith(name) and "marked DONE" in one.reason for one in found.problems)


def test_a_copy_that_still_says_running_is_overruled(twin: JobsTwin) -> None:
    back = rows(derived(twin.root, copy_of(twin.lost, "jobs.db")))
    for job in (one for one in twin.jobs if one.ending == "interrupted"):
        assert [one.value for one in back[job.id].evidence["status"]] == ["FAILED", "RUNNING"]


def test_the_copy_gives_back_every_key_and_every_error(twin: JobsTwin) -> None:
    found = derived(twin.root, copy_of(twin.lost, "jobs.db"))
    back = rows(found)
    assert {name: one.record.values["pub_key"] for name, one in back.items()} == {one.id: one.key for one in twin.jobs}
    for job, row in zip(twin.jobs, twin.rows, strict=True):
        if job.ending in {"done", "failed"}:
            values = back[job.id].record.values
            assert {name: values[name] for name in row if not name.endswith("_at")} == {
                name: row[name] for name in row if not name.endswith("_at")
            }
    copied = {one.record.values["job_id"] for one in found.findings["error_logs"]}
    assert copied == {one.id for one in twin.jobs if one.ending in {"failed", "swallowed"}}


def test_errors_without_a_copy_come_from_the_logs_with_their_traceback(twin: JobsTwin) -> None:
    logs = derived(twin.root).findings["error_logs"]
    swallowed = next(one.id for one in twin.jobs if one.ending == "swallowed")
    row = next(one.record.values for one in logs if one.record.values["job_id"] == swallowed)
    assert (row["stage"], row["error_type"]) == ("gaussian_splatting", "RuntimeError")
    assert str(row["traceback"]).endswith("RuntimeError: CUDA out of memory")
    assert len({one.record.values["id"] for one in logs}) == len(logs)


def test_every_field_has_evidence(twin: JobsTwin) -> None:
    for one in rows(derived(twin.root, shape="full")).values():
        assert set(one.evidence) == set(one.record.values)
        assert all(found and found[0].source and found[0].method for found in one.evidence.values())


def test_the_database_beside_the_jobs_is_a_copy_and_colmaps_is_not(twin: JobsTwin, tmp_path: Path) -> None:
    put(tmp_path, {"recon.db": b"", "data/jobs/ab12cd34/colmap/database.db": b"", "data/jobs/ab12cd34/run.log": b""})
    tree, _ = scanned(tmp_path)
    assert [one.path for one in SYSTEM.copies(tree)] == ["recon.db"]


def test_a_truncated_cloud_is_reported_and_does_not_count_as_output(tmp_path: Path) -> None:
    out = "ab12cd34/gs_output/point_cloud/iteration_7000"
    put(tmp_path, {f"{out}/point_cloud_filtered.ply": pieces.gaussians(50, cut=9), "ab12cd34/run.log": b">> [6/6] x\n"})
    found = derived(tmp_path)
    assert "truncated" in reasons(found)
    assert only(found).record.values["status"] == "FAILED"
    assert only(found).record.values["iterations"] == 7000


def test_the_words_of_the_copy_are_used_for_the_status(tmp_path: Path) -> None:
    put(
        tmp_path, {"ab12cd34/output/point_cloud/iteration_10/scene.splat": b"\0" * 64, "ab12cd34/logs/process.log": b""}
    )
    copy = Copy("jobs.db", "store", {"jobs": [{"job_id": "zz99zz99", "status": "PROCESSING", "pub_key": "0123456789"}]})
    found = rows(derived(tmp_path, copy, shape="steps"))
    assert found["ab12cd34"].record.values["status"] == "COMPLETED"
    assert found["ab12cd34"].record.values["progress"] == 100
    assert "gaussian_count" not in found["ab12cd34"].record.values


def test_a_job_whose_folder_is_gone_is_missing_and_not_when_the_listing_was_cut(twin: JobsTwin) -> None:
    copy = Copy("jobs.db", "also", {"jobs": [{"job_id": "gone1234", "pub_key": "0123456789", "status": "DONE"}]})
    tree, reader = scanned(twin.root)
    gone = {
        str(one.record.values["job_id"]): one
        for one in SYSTEM.derive(tree, reader, [copy], shape="counts").findings["jobs"]
    }
    assert gone["gone1234"].missing
    tree.cut("data/jobs", keep=20)
    cut = {
        str(one.record.values["job_id"]): one
        for one in SYSTEM.derive(tree, reader, [copy], shape="counts").findings["jobs"]
    }
    assert not cut["gone1234"].missing


def test_a_retry_forgets_the_first_runs_error_and_is_counted(tmp_path: Path) -> None:
    log = "=== Job x started ===\n>> [2/6] m\n>> [ERROR] no memory\n=== Job x started ===\n>> [5/6] t\n"
    put(tmp_path, {"ab12cd34/run.log": log.encode()})
    values = only(derived(tmp_path)).record.values
    assert (values["retry_count"], values["error_message"], values["error_stage"]) == (
        1,
        "interrupted",
        "gaussian_splatting",
    )


def test_other_folders_are_named_and_not_taken_for_jobs(tmp_path: Path) -> None:
    put(tmp_path, {"ab12cd34/run.log": b"", "previews/a.png": b"", "tmp/x": b""})
    found = derived(tmp_path)
    assert list(rows(found)) == ["ab12cd34"]
    assert {one.item for one in found.problems} == {"previews", "tmp"}


def test_the_sidecar_brings_the_key_of_the_new_generation_back(tmp_path: Path) -> None:
    import json  # noqa: PLC0415  only this story writes a file as JSON

    put(tmp_path, {"ab12cd34/output/point_cloud/iteration_10/scene.splat": b"\0" * 64})
    tree, reader = scanned(tmp_path)
    copy = Copy("jobs.db", "also", {"jobs": [{"job_id": "ab12cd34", "pub_key": "5555566666", "status": "DONE"}]})
    first = only(SYSTEM.derive(tree, reader, [copy], shape="counts"))
    (item,) = SYSTEM.items(tree)
    side = SYSTEM.sidecar(first, item)
    assert side is not None
    put(tmp_path, {side[0]: json.dumps(side[1], sort_keys=True).encode()})
    second = only(derived(tmp_path))
    assert (second.record.values["pub_key"], second.evidence["pub_key"][0].method) == ("5555566666", "sidecar")


@pytest.mark.parametrize(
    ("columns", "shape"),
    [
        (["job_id", "pub_key", "status", "gaussian_count"], "counts"),
        (["progress", "step", "status", "pub_key", "job_id"], "steps"),
        (["job_id", "step", "pub_key", "removed_count"], "full"),
    ],
)
def test_the_generation_of_a_target_is_told_by_its_columns(columns: Sequence[str], shape: str) -> None:
    assert SYSTEM.shape_for({"jobs": columns}) == shape
    assert SYSTEM.shape_for({"other": columns}) is None
