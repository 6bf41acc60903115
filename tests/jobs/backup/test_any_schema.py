"""Any schema that SQLite takes, with any values: there and back, and through Postgres and back."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import postgres
from tests.support.postgres import PostgresServer
from tests.support.trips import content, exact, exported, imported, place, stored

TYPES = (
    "",
    "INTEGER",
    "INT",
    "BIGINT",
    "TEXT",
    "VARCHAR(9)",
    "REAL",
    "NUMERIC",
    "DECIMAL(9,2)",
    "BLOB",
    "BOOLEAN",
    "DATETIME",
)
STRICT = ("INTEGER", "TEXT", "REAL", "BLOB", "ANY")
NAMES = st.text(st.sampled_from("abcXYZ 한_0\"'`[]%$.;-/"), min_size=1, max_size=8).filter(str.strip)
INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-5, 5), st.sampled_from([2**53 + 1, -(2**63)]))
FLOATS = st.floats(allow_nan=False)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=9), st.sampled_from(["1", "1.0", '{"$b":"x"}', "\0"])
)
BYTES = st.binary(max_size=9)
CELLS = st.one_of(st.none(), INTEGERS, FLOATS, TEXTS, BYTES)
OF_STRICT = {
    "INTEGER": INTEGERS,
    "TEXT": TEXTS,
    "REAL": FLOATS,
    "BLOB": BYTES,
    "ANY": st.one_of(INTEGERS, FLOATS, TEXTS, BYTES),
}
"""What a STRICT column takes beside NULL."""
BOUNDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class Table:
    """A table to be made: statements, and an INSERT with its rows."""

    statements: tuple[str, ...]
    insert: str
    rows: tuple[tuple[object, ...], ...]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@st.composite
def tables(draw: st.DrawFn, name: str, parents: tuple[str, ...]) -> Table:
    strict = draw(st.booleans())
    columns = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))
    types = [draw(st.sampled_from(STRICT if strict else TYPES)) for _ in columns]
    lines = [f"{quoted(column)} {declared}".strip() for column, declared in zip(columns, types, strict=True)]
    key = draw(st.sampled_from(["none", "rowid", "counted", "plain", "without"]))
    if key in ("rowid", "counted"):
        columns, types = ["the key", *columns], ["INTEGER", *types]
        lines.insert(0, '"the key" INTEGER PRIMARY KEY' + (" AUTOINCREMENT" if key == "counted" else ""))
    elif key != "none":
        parts = columns[: draw(st.integers(1, len(columns)))]
        lines.append(f"PRIMARY KEY ({', '.join(map(quoted, parts))})")
    if parents and draw(st.booleans()):
        columns, types = [*columns, "up"], [*types, "INTEGER"]
        place_of_up = len(lines) - (key in ("plain", "without"))
        lines.insert(place_of_up, f'"up" INTEGER REFERENCES {quoted(draw(st.sampled_from(parents)))} ("the key")')
    ends = [word for word, wanted in (("STRICT", strict), ("WITHOUT ROWID", key == "without")) if wanted]
    made = f"CREATE TABLE {quoted(name)} ({', '.join(lines)}) {', '.join(ends)}"
    indexed = draw(st.lists(st.sampled_from(columns), max_size=2, unique=True))
    index = (
        [f"CREATE INDEX {quoted('by ' + name)} ON {quoted(name)} ({', '.join(map(quoted, indexed))})"]
        if indexed
        else []
    )
    cells = [
        st.none() if column == "up" else _cells(declared, strict=strict)
        for column, declared in zip(columns, types, strict=True)
    ]
    if key in ("rowid", "counted"):
        cells[0] = INTEGERS
    rows = draw(st.lists(st.tuples(*cells), max_size=6))
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT OR IGNORE INTO {quoted(name)} ({', '.join(map(quoted, columns))}) VALUES ({marks})"  # noqa: S608  quoted
    return Table((made, *index), insert, tuple(rows))


def _cells(declared: str, *, strict: bool) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), OF_STRICT[declared]) if strict else CELLS


@st.composite
def databases(draw: st.DrawFn) -> list[Table]:
    names = draw(
        st.lists(
            NAMES.filter(lambda name: not name.lower().startswith("sqlite_")),
            min_size=1,
            max_size=3,
            unique_by=str.lower,
        )
    )
    found: list[Table] = []
    parents: tuple[str, ...] = ()
    for name in names:
        table = draw(tables(name, parents))
        parents += (name,) if '"the key"' in table.statements[0] else ()
        found.append(table)
    return found


def make(path: Path, made: list[Table]) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        for table in made:
            for statement in table.statements:
                db.execute(statement)
            db.executemany(table.insert, table.rows)
    return path


@pytest.fixture(scope="module")
def bench() -> Iterator[Iterator[Path]]:
    """A new folder for every example."""
    with tempfile.TemporaryDirectory() as home:
        yield (Path(home) / str(number) for number in itertools.count())


@given(made=databases())
@settings(BOUNDED, max_examples=40)
def test_any_sqlite_database_comes_back_and_gives_the_same_bytes_again(
    bench: Iterator[Path], made: list[Table]
) -> None:
    folder = next(bench)
    folder.mkdir()
    source = make(folder / "a.db", made)
    exported(place(source), folder / "one", shard_rows=2)
    imported(folder / "one", place(folder / "b.db"), folder / "state")
    assert exact(folder / "b.db") == exact(source)
    exported(place(folder / "b.db"), folder / "two", shard_rows=2)
    assert content(folder / "two") == content(folder / "one")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres.running() as running:
        yield running


@given(made=databases())
@settings(BOUNDED, max_examples=8)
def test_any_sqlite_database_comes_back_from_postgres(
    server: PostgresServer, bench: Iterator[Path], made: list[Table]
) -> None:
    folder = next(bench)
    folder.mkdir()
    source, between = make(folder / "a.db", made), place(server.database(), server.password)
    exported(place(source), folder / "one", shard_rows=2)
    imported(folder / "one", between, folder / "state")
    exported(between, folder / "two", shard_rows=2)
    imported(folder / "two", place(folder / "b.db"), folder / "state")
    assert stored(folder / "b.db") == stored(source)
    shutil.rmtree(folder)
