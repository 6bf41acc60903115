"""The job table: legal steps only, its own words and columns kept, several processes at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recon_cli.core.errors import DataError, GuardError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.states import State
from recon_cli.reconstruction import jobtable
from recon_cli.reconstruction.jobtable import Failure, JobTable, now, open_table
from recon_cli.systems.reconstruction import shapes
from tests.support import mariadb, postgres


def table_at(path: Path) -> JobTable:
    return open_table(Place(f"sqlite:///{path}"))


def row(job_id: str, **cells: jobtable.Cell) -> dict[str, jobtable.Cell]:
    return {"job_id": job_id, "pub_key": job_id[::-1] + "00", "created_at": now(), **cells}


@pytest.fixture
def table(tmp_path: Path) -> Iterator[JobTable]:
    with closing(table_at(tmp_path / "jobs.db")) as opened:
        yield opened


def test_the_columns_are_those_of_the_reconstruction_server() -> None:
    full, errors = shapes.schemas(shapes.FULL)
    assert [column.name for column in full.columns] == [column.name for column in jobtable.JOBS.columns]
    assert [column.name for column in errors.columns] == [column.name for column in jobtable.ERRORS.columns]


@pytest.mark.parametrize(
    "path",
    [
        ("RUNNING", "DONE"),
        ("RUNNING", "FAILED", "PENDING", "RUNNING", "DONE"),
        ("CANCELLED", "PENDING"),
        ("RUNNING", "PENDING"),
    ],
)
def test_legal_steps_are_taken(table: JobTable, path: tuple[str, ...]) -> None:
    table.add(row("aaaaaaaa"))
    for word in path:
        table.move("aaaaaaaa", State(word))
        assert table.get("aaaaaaaa").state is State(word)


@pytest.mark.parametrize(
    "path",
    [
        ("DONE",),
        ("RUNNING", "DONE", "FAILED"),
        ("RUNNING", "FAILED", "DONE"),
        ("RUNNING", "RUNNING"),
        ("CANCELLED", "DONE"),
    ],
)
def test_an_illegal_step_is_refused_and_changes_nothing(table: JobTable, path: tuple[str, ...]) -> None:
    table.add(row("aaaaaaaa"))
    for word in path[:-1]:
        table.move("aaaaaaaa", State(word))
    before = table.get("aaaaaaaa")
    with pytest.raises(GuardError):
        table.move("aaaaaaaa", State(path[-1]), {"progress": 77}, Failure("x", "y", "z", ""))
    assert table.get("aaaaaaaa") == before
    assert table.errors("aaaaaaaa") == []


def test_a_failure_is_in_the_row_and_in_the_error_log(table: JobTable) -> None:
    table.add(row("aaaaaaaa"))
    table.move("aaaaaaaa", State.RUNNING)
    failure = Failure("train", "MemoryError", "no room", "Traceback …")
    table.move("aaaaaaaa", State.FAILED, {"error_message": "no room", "error_stage": "train"}, failure)
    (error,) = table.errors("aaaaaaaa")
    assert {name: error[name] for name in ("stage", "error_type", "error_message", "traceback")} == {
        "stage": "train",
        "error_type": "MemoryError",
        "error_message": "no room",
        "traceback": "Traceback …",
    }


def test_a_table_of_the_first_generation_keeps_its_columns_and_its_words(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as db:
        db.executescript(
            "CREATE TABLE jobs (job_id VARCHAR(8) PRIMARY KEY, pub_key VARCHAR(10) UNIQUE NOT NULL, status VARCHAR(20),"
            " created_at DATETIME, gaussian_count INTEGER);"
            "INSERT INTO jobs VALUES ('Ab3dE6gH', 'k234567890', 'COMPLETED', '2024-01-02 03:04:05', 9),"
            " ('bbbbbbbb', 'b234567890', 'PROCESSING', '2024-01-03 03:04:05.678901', NULL),"
            " ('cccccccc', 'c234567890', 'ERROR', NULL, NULL);"
        )
    with closing(table_at(tmp_path / "old.db")) as table:
        assert {one.id: one.state for one in table.all()} == {
            "Ab3dE6gH": State.DONE,
            "bbbbbbbb": State.RUNNING,
            "cccccccc": State.FAILED,
        }
        table.add(row("dddddddd", progress=3, image_count=8))
        table.move("dddddddd", State.RUNNING)
        table.move("dddddddd", State.DONE, {"gaussian_count": 5, "filtered_count": 4})
    with sqlite3.connect(tmp_path / "old.db") as db:
        assert db.execute("SELECT status, gaussian_count FROM jobs WHERE job_id = 'dddddddd'").fetchone() == (
            "COMPLETED",
            5,
        )


def test_another_application_s_table_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE jobs (id INTEGER, payload TEXT)")
    with pytest.raises(DataError, match="not a reconstruction server's"):
        table_at(tmp_path / "other.db")


def test_an_unknown_job_and_a_taken_id_say_so(table: JobTable) -> None:
    table.add(row("aaaaaaaa"))
    with pytest.raises(DataError):
        table.add(row("aaaaaaaa"))
    with pytest.raises(NotFoundError):
        table.get("none1234")
    with pytest.raises(NotFoundError):
        table.move("none1234", State.RUNNING)


RACER = """
import sys
from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.core.states import State
from recon_cli.reconstruction.jobtable import open_table
table = open_table(Place(sys.argv[1]))
won = 0
for number in range(20):
    try:
        table.move(f"{number:08d}", State.RUNNING)
        won += 1
    except GuardError:
        pass
print(won)
"""


def test_of_two_processes_that_want_a_job_one_gets_it(tmp_path: Path) -> None:
    with closing(table_at(tmp_path / "jobs.db")) as table:
        for number in range(20):
            table.add(row(f"{number:08d}"))
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    racers = [subprocess.Popen([sys.executable, "-c", RACER, url], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    won = [int(one.communicate(timeout=100)[0]) for one in racers]
    assert sum(won) == 20


@pytest.mark.parametrize("server", [postgres, mariadb], ids=["postgres", "mariadb"])
def test_the_table_lives_in_a_server_as_well(server: Any) -> None:
    with server.running() as running:
        place = Place(running.database(), secret=lambda: running.password)
        with closing(open_table(place)) as table:
            table.add(row("bbbbbbbb"))
            table.add(row("aaaaaaaa"))
            assert [one.id for one in table.waiting()] == ["bbbbbbbb", "aaaaaaaa"]
            table.move("aaaaaaaa", State.RUNNING, {"step": "train", "progress": 40})
            with pytest.raises(GuardError):
                table.move("aaaaaaaa", State.RUNNING)
            long = "경고 🙂 " * 20_000
            table.move("aaaaaaaa", State.FAILED, {"error_message": "x"}, Failure("train", "T", "x", long))
            assert table.get("aaaaaaaa").state is State.FAILED
            (failure,) = table.errors("aaaaaaaa")
            assert len(str(failure["traceback"])) == len(long)
            table.delete("aaaaaaaa")
            assert [one.id for one in table.all()] == ["bbbbbbbb"]


def test_pages_counts_and_the_last_days_are_what_the_whole_table_says(table: JobTable) -> None:
    begin = now().replace(microsecond=0)
    for number in range(25):
        made = begin - timedelta(days=number // 5)  # five of one moment: their ids decide
        table.add(row(f"{number:08}", created_at=made, pub_key=f"{number:010}"))
        if number % 3 == 0:
            table.move(f"{number:08}", State.RUNNING)
    whole = [one.id for one in table.all()]
    assert whole == [f"{number:08}" for number in range(25)]
    pages = [table.page(limit=4, offset=offset) for offset in range(0, 28, 4)]
    assert [one.id for page in pages for one in page] == whole
    running = [f"{number:08}" for number in range(0, 25, 3)]
    assert [one.id for one in table.page(State.RUNNING, limit=5, offset=2)] == running[2:7]
    assert table.page(State.PENDING, limit=1, oldest_first=True)[0].id == "00000020"
    assert table.counts() == {State.RUNNING: 9, State.PENDING: 16}
    assert {one.id for one in table.since(begin - timedelta(days=1))} == {f"{number:08}" for number in range(10)}
