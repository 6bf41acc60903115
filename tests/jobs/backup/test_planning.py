"""How an export is divided: which tables, and in spans that begin where shards begin."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import NotFoundError
from recon_cli.core.place import Place
from recon_cli.jobs.backup import planning
from recon_cli.jobs.backup.crew import Task
from recon_cli.snapshot.cut import Cutter, Row, Scheme
from recon_cli.stores.bulk.base import Span, View
from recon_cli.stores.bulk.registry import open_bulk

ROWS = 3000
TABLES = {
    "dense": ("id INTEGER PRIMARY KEY, x", [(number, 0) for number in range(-500, ROWS - 500)]),
    "sparse": ("id INTEGER PRIMARY KEY, x", [(number * number * 1_000_003, 0) for number in range(ROWS)]),
    "named": ("name TEXT PRIMARY KEY, x", [(f"name {number:05d}", 0) for number in range(ROWS)]),
    "pairs": ("a INTEGER, b TEXT, x, PRIMARY KEY (a, b)", [(one // 7, f"{one % 7}", 0) for one in range(ROWS)]),
    "bag": ("x", [(number % 10,) for number in range(ROWS)]),
    "empty": ("id INTEGER PRIMARY KEY, x", []),
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planning") / "app.db"
    with closing(sqlite3.connect(path)) as database, database:
        for name, (columns, rows) in TABLES.items():
            database.execute(f"CREATE TABLE {name} ({columns})")
            database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len((*rows, (0, 0))[0]))})", rows)  # noqa: S608  constants
    return path


@pytest.fixture
def view(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    monkeypatch.setattr(planning, "_SPAN_ROWS", 200)
    with closing(open_bulk(Place(f"sqlite:///{filled}"))) as store, store.join() as opened:
        yield opened


def planned(view: View, table: str, workers: int) -> list[Task]:
    declared = view.catalog().table(table)
    assert declared
    return sorted(planning.tasks(view, [declared], 100, workers), key=lambda task: task.place)


def shards(view: View, tasks: Iterable[Task]) -> list[tuple[str, list[Row]]]:
    """Every shard by its name, as the spans of these tasks would write them, one after the other."""
    found: list[tuple[str, list[Row]]] = []
    for task in tasks:
        cutter = Cutter(task.cut, task.table.key_positions)
        mine: dict[str, list[Row]] = {}
        for rows in view.rows(task.table.name, task.span, chunk_rows=64):
            for piece in cutter.pieces(rows):
                mine.setdefault(piece.name, []).extend(piece.rows)
        found += mine.items()
    return found


@pytest.mark.parametrize("table", TABLES)
def test_spans_begin_where_shards_begin_whatever_the_number_of_workers(view: View, table: str) -> None:
    alone = shards(view, planned(view, table, 1))
    assert sum(len(rows) for _, rows in alone) == len(TABLES[table][1])
    for workers in (2, 3, 8):
        assert shards(view, planned(view, table, workers)) == alone


@pytest.mark.parametrize("table", ["dense", "sparse", "named", "pairs"])
def test_a_large_table_is_shared_out_in_spans_without_gap_or_overlap(view: View, table: str) -> None:
    tasks = planned(view, table, 2)
    assert len(tasks) > 2
    assert (tasks[0].span.first, tasks[-1].span.end) == (None, None)
    assert all(one.span.end == after.span.first for one, after in pairwise(tasks))
    assert len({task.cut for task in tasks}) == 1


def test_a_table_without_a_key_and_an_empty_one_are_one_span(view: View) -> None:
    for table, scheme in (("bag", Scheme.COUNT), ("empty", Scheme.HASH)):
        (task,) = planned(view, table, 8)
        assert (task.span, task.cut.scheme) == (Span(), scheme)


def test_the_largest_spans_come_first_so_that_no_worker_is_left_alone_with_one(view: View) -> None:
    weights = [task.weight for task in planning.tasks(view, view.catalog().tables, 100, 2)]
    assert weights == sorted(weights, reverse=True)


CATALOG = Catalog("sqlite", tuple(DeclaredTable(name, ()) for name in ("logs", "models", "Models2", "weird*name")))


@pytest.mark.parametrize(
    ("tables", "exclude", "expected"),
    [
        ((), (), ["logs", "models", "Models2", "weird*name"]),
        (("m*",), (), ["models"]),
        (("logs", "*odels*"), (), ["logs", "models", "Models2"]),
        ((), ("*odels*",), ["logs", "weird*name"]),
        (("*",), ("logs",), ["models", "Models2", "weird*name"]),
        (("weird[*]name",), (), ["weird*name"]),
    ],
)
def test_globs_choose_tables_by_their_exact_letters(
    tables: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]
) -> None:
    assert [table.name for table in planning.chosen(CATALOG, tables, exclude)] == expected


@pytest.mark.parametrize(("tables", "exclude"), [(("modles",), ()), (("models", "Logs"), ()), ((), ("log",))])
def test_a_glob_that_matches_nothing_is_an_error_and_no_empty_backup(
    tables: tuple[str, ...], exclude: tuple[str, ...]
) -> None:
    with pytest.raises(NotFoundError, match="no table matches") as caught:
        planning.chosen(CATALOG, tables, exclude)
    assert "models" in str(caught.value.hint)
