"""Children that write parts of a snapshot: what comes of the work when one of them dies."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from recon_cli.core.errors import DataError, NotFoundError, ReconError
from recon_cli.core.place import Place
from recon_cli.jobs.backup.child import Start, copy, program
from recon_cli.jobs.backup.crew import Crew, Task, Written, crew
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.manifest import Compression
from recon_cli.stores.bulk.base import Span
from recon_cli.stores.bulk.registry import open_bulk

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 and later, for copies
CUT = Cut(Scheme.RANGE, 100)
SPANS = [(None, (100,)), ((100,), (200,)), ((200,), None)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with closing(sqlite3.connect(tmp_path / "app.db")) as database, database:
        database.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO items VALUES (?, ?)", [(number, f"item {number}") for number in range(300)])
    return Place(f"sqlite:///{tmp_path}/app.db")


@pytest.fixture(params=[copy, program], ids=["copy", "program"])
def begin(request: pytest.FixtureRequest) -> Start:
    """Both ways in which a child begins."""
    way: Start = request.param
    return way


@contextmanager
def joined(place: Place, folder: Path, begin: Start) -> Iterator[tuple[Crew, list[Task]]]:
    """A crew of two on one state of the database, and the tasks that make up its table."""
    with closing(open_bulk(place)) as store, crew(2, begin) as children:
        children.awake()
        with store.gate() as ticket, store.join(ticket) as view:
            children.join(place, ticket, folder, Compression.NONE)
            (table,) = view.catalog().tables
            yield children, [Task(table, CUT, Span(*span), 100, number) for number, span in enumerate(SPANS)]


def running() -> list[int]:
    """The children of this process that are workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
            ours = b"jobs.backup.worker" in command or command == Path("/proc/self/cmdline").read_bytes()
            if parent == os.getpid() and ours:
                found.append(int(folder.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def test_every_task_is_done_once_and_the_children_leave(place: Place, tmp_path: Path, begin: Start) -> None:
    with joined(place, tmp_path, begin) as (children, tasks):
        assert len(running()) == 2
        answers = [answer for answer in children.work(tasks) if isinstance(answer, Written)]
    assert sorted((one.task.place, one.part.rows) for one in answers) == [(0, 100), (1, 100), (2, 100)]
    assert running() == []


def kill(children: list[int]) -> None:
    for child in children:
        os.kill(child, signal.SIGKILL)


def killed_at_work(place: Place, folder: Path, begin: Start, victims: int, *, after: int) -> None:
    """So many children die after so many answers."""
    with joined(place, folder, begin) as (children, tasks):
        answers = children.work(tasks)
        if not after:
            kill(running()[:victims])
        for number, _ in enumerate(answers, 1):
            if number == after:
                kill(running()[:victims])


def killed_early(place: Place, folder: Path, begin: Start) -> None:
    with crew(2, begin) as children:
        kill(running()[:1])
        children.awake()
        children.join(place, "no ticket", folder, Compression.NONE)


@pytest.mark.parametrize(("victims", "after"), [(1, 0), (2, 0), (2, 1)])
def test_a_child_that_dies_is_an_error_with_a_hint_and_nothing_stays_running(
    place: Place, tmp_path: Path, begin: Start, victims: int, after: int
) -> None:
    with pytest.raises(ReconError, match="a process at work on the snapshot ended") as caught:
        killed_at_work(place, tmp_path, begin, victims, after=after)
    assert "exit status" in str(caught.value.cause)
    assert "--workers 1" in str(caught.value.hint)
    assert running() == []


def test_a_child_that_dies_before_it_joins_is_an_error(place: Place, tmp_path: Path, begin: Start) -> None:
    with pytest.raises(ReconError, match="ended"):
        killed_early(place, tmp_path, begin)
    assert running() == []


def test_what_a_child_refuses_is_raised_here_and_nothing_stays_running(
    place: Place, tmp_path: Path, begin: Start
) -> None:
    (tmp_path / "data" / "items").mkdir(parents=True)
    (tmp_path / "data" / "items" / "00000000000000000100.jsonl").touch()
    with pytest.raises(DataError, match="did not come together"), joined(place, tmp_path, begin) as (children, tasks):
        list(children.work(tasks))
    assert running() == []


def test_a_database_that_no_child_can_open_is_told_by_its_name(tmp_path: Path, begin: Start) -> None:
    with crew(1, begin) as children:
        children.awake()
        with pytest.raises(NotFoundError, match=r"gone\.db"):
            children.join(Place(f"sqlite:///{tmp_path}/gone.db"), "no ticket", tmp_path, Compression.NONE)
    assert running() == []
