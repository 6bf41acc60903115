"""`recon worker` and what goes with it: queueing, pools, stopping, cancelling, poison, files elsewhere, refusals."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.core.states import State
from recon_cli.reconstruction.fleet import Lease, LostError
from recon_cli.reconstruction.jobtable import open_table
from tests.jobs.worker.yard import PATIENCE_S, Yard, kill
from tests.support import small_stages

pytestmark = pytest.mark.slow

MakeYard = Callable[..., Yard]


def sql(yard: Yard, query: str) -> list[tuple[object, ...]]:
    """Behind everybody's back."""
    with psycopg.connect(yard.url, password=yard.server.password, autocommit=True) as connection:
        done = connection.execute(query)  # type: ignore[arg-type]  # a constant of the test
        return done.fetchall() if done.description else []


def test_a_job_waits_in_the_list_and_a_worker_that_is_asked_to_stop_gives_it_back(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit("slow")
    assert (yard.job(job)["status"], yard.job(job)["queue_position"]) == ("PENDING", 1)
    worker = yard.start("one")
    yard.began(job)
    yard.wait(lambda: yard.look(job)[0] == "RUNNING", "it does not run")
    found = yard.job(job)
    assert found["worker"]
    assert found["worker_since"]
    assert found["worker"] in yard.machine()("job", "list").out
    kill(worker, signal.SIGTERM)
    assert worker.returncode == 0
    assert (yard.job(job)["status"], yard.job(job)["worker"]) == ("PENDING", None)
    assert not list((yard.folder / "one" / "state" / "worker").glob("worker-*"))
    yard.go()
    yard.start("two")
    yard.ended(job)
    begun = [stage for what, _, stage in yard.traces(job) if what == "begin"]
    assert begun == ["validate", "train", "train", "viewer"]
    assert "given back" in yard.log("one")


def test_a_job_is_cancelled_while_a_worker_has_it_and_goes_on_when_asked_to(make_yard: MakeYard) -> None:
    yard = make_yard(takeover_s=20.0)
    job = yard.submit("slow")
    yard.start("one")
    yard.began(job)
    desk = yard.machine()
    desk("job", "cancel", job)
    assert yard.job(job)["status"] == "CANCELLED"
    yard.wait(lambda: yard.look(job)[1] is None, "it is not let go")
    yard.wait((yard.root / job / "stages" / "validate.json").exists, "what it had finished does not come home")
    assert "cancelled" in desk("job", "log", job).out
    yard.go()
    desk("job", "retry", job)
    yard.ended(job)
    assert [stage for what, _, stage in yard.traces(job) if what == "end"] == ["validate", "train", "viewer"]
    assert desk("job", "retry", job, expect=5).err
    desk("job", "delete", job)
    assert not (yard.root / job).exists()
    assert sql(yard, "SELECT job_id FROM recon_worker.runs") == []


def test_one_cancelled_before_anybody_took_it_is_never_run(make_yard: MakeYard) -> None:
    yard = make_yard()
    cancelled, other = yard.submit("first"), yard.submit("second")
    yard.machine()("job", "cancel", cancelled)
    yard.start("one", "--drain").wait(PATIENCE_S)
    assert yard.job(other)["status"] == "DONE"
    assert yard.job(cancelled)["status"] == "CANCELLED"
    assert not yard.traces(cancelled)


def test_a_failed_stage_fails_the_job_and_not_the_worker(make_yard: MakeYard) -> None:
    yard = make_yard()
    job, other = yard.submit("bad"), yard.submit("good")
    yard.start("one")
    assert yard.ended(job, "FAILED")["error_message"] == "these photos are bad"
    yard.ended(other)
    assert yard.job(job)["error_stage"] == "train"
    yard.wait((yard.root / job / "logs" / "train.log").exists, "its logs do not come home")


def test_a_job_that_kills_its_process_every_time_has_failed_at_last(make_yard: MakeYard) -> None:
    yard = make_yard(tries=2)
    job, other = yard.submit("kills-job"), yard.submit("good")
    yard.start("one")
    found = yard.ended(job, "FAILED")
    assert "2 workers died of it" in found["error_message"]
    assert found["error_stage"] == "train"
    assert [one for one in yard.traces(job) if one[0] == "begin"].count(("begin", job, "train")) == 2
    yard.ended(other)
    assert yard.machine()("job", "show", job, "--json").document["errors"][0]["error_type"] == "WorkerDied"


def test_a_job_that_kills_whole_workers_does_not_circulate_for_ever(make_yard: MakeYard) -> None:
    yard = make_yard(tries=2, takeover_s=2.0)
    job = yard.submit("kills-worker")
    for name in ("one", "two"):
        yard.start(name).wait(PATIENCE_S)
    yard.start("three")
    found = yard.ended(job, "FAILED")
    assert "2 workers died of it" in found["error_message"]
    assert len([one for one in yard.traces(job) if one == ("begin", job, "train")]) == 2


def test_jobs_for_a_gpu_go_to_gpu_workers_first_and_to_no_other(make_yard: MakeYard) -> None:
    yard = make_yard()
    plain, gpu = yard.submit("plain"), yard.submit("gpu", "--trainer", "gsplat")
    yard.start("cpu", "--pool", "cpu", "--drain").wait(PATIENCE_S)
    assert (yard.job(plain)["status"], yard.job(gpu)["status"]) == ("DONE", "PENDING")
    later = yard.submit("later")
    yard.start("gpu", "--pool", "gpu", "--drain").wait(PATIENCE_S)
    assert (yard.job(later)["status"], yard.job(gpu)["status"]) == ("DONE", "DONE")
    order = [job for what, job, stage in yard.traces() if (what, stage) == ("begin", "validate")]
    assert order == [plain, gpu, later]


def test_a_job_runs_the_programs_of_its_worker_and_none_that_it_brings_along(make_yard: MakeYard) -> None:
    yard = make_yard()
    yard.programs = 'colmap = "/theirs/colmap"\ntrain_command = "/theirs/train {data}"'
    job = yard.submit()
    yard.programs = 'colmap = "/ours/colmap"'
    yard.start("one")
    yard.ended(job)
    assert (yard.ledger / f"{job}.programs").read_text() == "/ours/colmap\n"


def test_what_the_engine_has_lost_is_queued_anew(make_yard: MakeYard) -> None:
    yard = make_yard()
    jobs = [yard.submit(f"photos {number}") for number in range(3)]
    sql(yard, "SET search_path TO recon_worker; DELETE FROM procrastinate_jobs")
    yard.start("one")
    for job in jobs:
        yard.ended(job)


def test_files_may_go_through_a_store_instead_of_a_shared_folder(make_yard: MakeYard, tmp_path: Path) -> None:
    yard = make_yard(more=f'files = "{tmp_path / "depot"}"')
    job = yard.submit("slow")
    first = yard.start("first")
    yard.began(job)
    kill(first)
    yard.start("second")
    yard.began(job, times=2)
    assert "is not complete" in yard.machine()("job", "fetch", job, "--out", tmp_path / "got", expect=5).err
    yard.go()
    yard.ended(job)
    yard.machine()("job", "fetch", job, "--out", tmp_path / "got")
    result = tmp_path / "got" / job / "result" / "viewer.html"
    assert result.read_text() == small_stages.expected(yard.photos("slow"))
    assert not (yard.root / job / "result").exists()
    yard.machine()("job", "delete", job)
    assert not [path for path in (tmp_path / "depot").rglob("*") if path.is_file()]


def test_who_has_a_job_no_more_writes_nothing_about_it(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit()
    sql(yard, "UPDATE recon_worker.runs SET epoch = 7, worker = 'me'")
    plain = open_table(Place(yard.url, secret=lambda: yard.server.password))
    late, right = plain.fenced(Lease(job, 6)), plain.fenced(Lease(job, 7))
    for attempt in (
        lambda: late.move(job, State.RUNNING),
        lambda: late.note(job, {"step": "train"}),
        lambda: plain.fleet.keep(Lease(job, 6), 0, "validate", "somewhere"),
        lambda: plain.fleet.forget_kept(Lease(job, 7, held=False)),
    ):
        with pytest.raises(LostError, match="was taken by another worker"):
            attempt()
    assert (plain.get(job).state, plain.get(job).cells["step"]) == (State.PENDING, None)
    right.move(job, State.RUNNING)
    plain.move(job, State.CANCELLED)
    with pytest.raises(GuardError):
        right.move(job, State.PENDING, only=(State.PENDING, State.RUNNING))
    plain.close()


def test_a_job_of_workers_is_not_run_where_it_was_made(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit()
    desk = yard.machine()
    assert "run by workers, not here" in desk("reconstruct", "--resume", job, expect=5).err
    assert desk("job", "retry", "--dry-run", "--json").document["would"] == []
    assert yard.job(job)["status"] == "PENDING"
    sql(yard, "UPDATE recon_worker.runs SET worker = 'somebody'")
    assert "is being run" in desk("job", "delete", job, expect=11).err
    assert "worker somebody has job" in desk("job", "retry", job, expect=5).err


def test_without_a_postgres_there_are_no_workers(tmp_path: Path, make_yard: MakeYard) -> None:
    yard = make_yard()
    desk = yard.machine()
    (desk.folder / "recon.toml").write_text("version = 1\n")
    for words in (("worker",), ("worker", "init"), ("reconstruct", yard.photos(), "--queue")):
        assert "workers take jobs from a Postgres" in desk(*words, expect=10).err
    assert "is `one of" not in desk("worker", "--pool", "all", expect=2).err
