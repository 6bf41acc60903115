"""A worker that is gone, in whatever way: another goes on after the last finished stage, and nobody twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs.worker.yard import Yard, kill
from tests.support import small_stages
from tests.support.postgres import PostgresServer, running
from tests.support.proxy import Proxy

pytestmark = pytest.mark.slow

MakeYard = Callable[..., Yard]
KILLS = int(os.environ.get("RECON_WORKER_KILLS", "3"))
"""A hundred take a quarter of an hour; `RECON_WORKER_KILLS=100` does them."""


def whole(yard: Yard, job_id: str, photos: str = "photos") -> None:
    """Its result is what it had to be, at home, and it never ran twice at once."""
    home = yard.root / job_id
    assert (home / "result" / "viewer.html").read_text() == small_stages.expected(yard.photos(photos))
    marks = {path.name for path in (home / "stages").iterdir()}
    assert marks == {f"{name}.json" for name in small_stages.NAMES}, marks
    assert not (home / "kept").exists() or not list((home / "kept").iterdir())
    assert not [one for one in yard.traces(job_id) if one[0] == "twice"]


def began(yard: Yard, job_id: str) -> list[str]:
    return [stage for what, _, stage in yard.traces(job_id) if what == "begin"]


def test_the_job_of_a_killed_worker_is_finished_by_another_from_its_last_finished_stage(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit("slow")
    first = yard.start("first")
    yard.began(job)
    yard.start("second")
    kill(first)
    yard.began(job, times=2)
    yard.go()
    assert yard.ended(job)["takings"] == 2
    assert began(yard, job) == ["validate", "train", "train", "viewer"]
    whole(yard, job, "slow")
    assert "taken from" in yard.log("second")


def test_a_worker_that_was_asleep_finds_its_job_taken_and_writes_nothing(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit("slow")
    asleep = yard.start("asleep")
    yard.began(job)
    for pid in _family(asleep.pid):
        os.kill(pid, signal.SIGSTOP)
    yard.start("awake")
    yard.wait(lambda: "taken (its 2nd time)" in yard.log("awake"), "nobody takes it over")
    for pid in _family(asleep.pid):
        os.kill(pid, signal.SIGCONT)
    yard.go()
    assert yard.ended(job)["takings"] == 2
    home = yard.root / job / "result" / "viewer.html"
    assert home.read_text() == small_stages.expected(yard.photos("slow"))
    yard.wait(lambda: f"job {job} lost" in yard.log("asleep"), "who slept does not notice")
    assert {path.stem for path in (yard.root / job / "stages").iterdir()} == set(small_stages.NAMES)


def _family(pid: int) -> list[int]:
    """A process and everything below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def test_a_worker_that_is_cut_off_stops_its_job_before_another_begins(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit("slow")
    with Proxy(yard.server.port) as proxy:
        yard.start("cut", port=proxy.port)
        yard.began(job)
        proxy.stall_after(1)
        yard.start("near")
        yard.began(job, times=2)
        yard.go()
        yard.ended(job)
        whole(yard, job, "slow")
        proxy.resume()
        other = yard.submit("later")
        yard.ended(other)
        yard.wait(lambda: f"job {job} lost" in yard.log("cut"), "who was cut off does not notice")
    assert began(yard, job) == ["validate", "train", "train", "viewer"]


def test_the_clocks_of_workers_do_not_matter(make_yard: MakeYard) -> None:
    yard = make_yard()
    job = yard.submit("slow")
    yard.start("tomorrow", ahead_s=86_400)
    yard.began(job)
    yard.start("yesterday", ahead_s=-86_400)
    other = yard.submit("other")
    yard.ended(other)
    time.sleep(2 * yard.takeover_s)  # long enough for a wrong take-over
    assert yard.job(job)["takings"] == 1
    yard.go()
    assert yard.ended(job)["takings"] == 1
    whole(yard, job, "slow")


def test_connections_that_are_cut_and_made_again_cost_nothing(make_yard: MakeYard) -> None:
    yard = make_yard(takeover_s=20.0)
    job = yard.submit("slow")
    with Proxy(yard.server.port) as proxy:
        yard.start("one", port=proxy.port)
        yard.began(job)
        for _ in range(3):
            proxy.cut()
        yard.go()
        assert yard.ended(job)["takings"] == 1
        yard.ended(yard.submit("later"))
    whole(yard, job, "slow")


def test_postgres_is_restarted_in_the_middle_and_every_job_ends(make_yard: MakeYard) -> None:
    with running(None, "fsync=on") as server:
        yard = make_yard(server, takeover_s=20.0)
        jobs = [yard.submit("slow"), yard.submit("other")]
        yard.start("one")
        yard.began(jobs[0])
        server.restart()
        yard.go()
        for job in jobs:
            yard.ended(job)
        whole(yard, jobs[0], "slow")
        whole(yard, jobs[1], "other")
        yard.stop()


def test_workers_killed_at_random_forget_nothing_and_run_nothing_twice(
    make_yard: MakeYard, postgres: PostgresServer
) -> None:
    yard = make_yard(tries=1000, takeover_s=3.0)
    rng = random.Random(8)
    names = ["a", "b"]
    workers = {name: yard.start(name, "--concurrent", "2") for name in names}
    jobs: dict[str, str] = {}
    for number in range(KILLS):
        while len(jobs) < 2 * (number + 1):
            wish = f"some {len(jobs)}"
            jobs[yard.submit(wish)] = wish
        if rng.random() < 0.5:
            some = rng.choice(list(jobs))
            yard.wait(lambda job=some: ("begin", job, "validate") in yard.traces(job), f"{some} does not begin")
        name = rng.choice(names)
        kill(workers[name])
        workers[name] = yard.start(name, "--concurrent", "2")
    for job, wish in jobs.items():
        yard.ended(job)
        whole(yard, job, wish)
    assert not [one for one in yard.traces() if one[0] == "twice"]
