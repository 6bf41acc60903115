"""A plan by a sample gives what a plan by all values gives, or the copy notices; with either reader."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

import apsw
import pytest

from recon_cli.core.place import Place
from recon_cli.jobs.migrate.planning import make_plan
from recon_cli.jobs.migrate.request import MigrateRequest
from recon_cli.jobs.migrate.session import Session, opened
from recon_cli.migration import compiled
from recon_cli.migration.copying import Copied, MisjudgedError, Unit, reader
from recon_cli.migration.encode import Encoder
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.migration.policy import Policies
from recon_cli.migration.reading import LARGE_BYTES
from recon_cli.migration.target import Target
from recon_cli.stores.bulk import native
from tests.support.system import missing

ROWS = 6000
ODD_ROW = 5003
"""A row that no sample meets."""


class Lie(NamedTuple):
    """A column whose first values promise what one later value breaks."""

    declared: str
    usual: Sequence[object]
    odd: object


LIES = {
    "blob_in_text": Lie("TEXT", ("a", None), b"a"),
    "empty_text_among_blobs": Lie("BLOB", (b"a", None), ""),
    "text_among_blobs": Lie("BLOB", (b"a",), "b"),
    "number_among_blobs": Lie("BLOB", (b"a",), 5),
    "float_among_integers": Lie("INTEGER", (1, 2), 2.5),
    "text_among_integers": Lie("INTEGER", (1, None), "two"),
    "whole_float_without_a_type": Lie("", (1, 2), 3.0),
    "whole_number_among_floats_without_a_type": Lie("", (0.5, 1.5), 2**60 + 1),
    "number_in_text_without_a_type": Lie("", ("a", "b"), 5),
    "text_among_reals": Lie("REAL", (0.5, 1.5), "much"),
    "neither_true_nor_false": Lie("BOOLEAN", (0, 1, None), 2),
    "half_true": Lie("BOOLEAN", (0, 1), 0.5),
    "epoch_and_zero": Lie("TIMESTAMP", (1_700_000_000, 1_800_000_000), 0),
    "epoch_in_milliseconds_once": Lie("TIMESTAMP", (1_700_000_000, None), 1_700_000_000_000),
    "epoch_with_a_fraction": Lie("TIMESTAMP", (1_700_000_000,), 1_700_000_000.5),
    "date_and_no_date": Lie("DATE", ("2026-01-02",), "0000-00-00"),
    "date_with_a_time": Lie("DATE", ("2026-01-02",), "2026-01-02 03:04:05"),
    "naive_and_aware": Lie("DATETIME", ("2026-01-02 03:04:05",), "2026-01-02 03:04:05Z"),
    "aware_and_naive": Lie("DATETIME", ("2026-01-02T03:04:05+09:00",), "2026-01-02 03:04:05"),
    "finer_than_microseconds": Lie("DATETIME", ("2026-01-02 03:04:05",), "2026-01-02 03:04:05.1234567"),
    "moment_and_number": Lie("DATETIME", ("2026-01-02 03:04:05",), 17),
    "odd_moments_and_number": Lie("DATETIME", ("soon", "later"), 17.25),
    "json_with_a_key_twice": Lie("JSON", ('{"a": 1}',), '{"a": 1, "a": 2}'),
}


@pytest.fixture(params=["in C", "in Python"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either reader."""
    if request.param == "in Python":
        monkeypatch.setattr(compiled, "module", lambda: None)
    elif not native.told()[0]:
        missing("needs recon-cli-native: `python3 noxfile.py -s native`")
    return str(request.param)


def made(path: Path, declared: str, values: Sequence[object]) -> Path:
    with closing(apsw.Connection(str(path))) as db:
        db.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, c {declared}, z TEXT)")
        db.execute("BEGIN")
        db.executemany("INSERT INTO t (c, z) VALUES (?, 'z')", [(value,) for value in values])
        db.execute("COMMIT")
    return path


def planned(session: Session, *, quick: bool) -> MigrationPlan:
    return make_plan(session, MigrateRequest("public", Policies()), quick=quick)


def streamed(session: Session, table: TablePlan, *, quick: bool) -> bytes:
    unit = Unit(session.db, cast("Target", None), table, Policies(), quick=quick)
    encoder = Encoder(table.stored, Policies(), strict=quick)
    return b"".join(unit._bodies(reader(session.db, table, table.stored), encoder, Copied()))


@pytest.mark.parametrize("name", LIES)
def test_a_value_that_the_sample_did_not_promise_is_noticed(name: str, by: str, tmp_path: Path) -> None:
    lie = LIES[name]
    values = [lie.usual[number % len(lie.usual)] for number in range(ROWS)]
    values[ODD_ROW] = lie.odd
    with opened(Place(str(made(tmp_path / "source.db", lie.declared, values))), None, 1) as session:
        quick, careful = planned(session, quick=True).tables[0], planned(session, quick=False).tables[0]
        assert quick.columns != careful.columns
        with pytest.raises(MisjudgedError):
            streamed(session, quick, quick=True)


@pytest.mark.parametrize("name", LIES)
def test_what_holds_what_it_promises_goes_the_same_way(name: str, by: str, tmp_path: Path) -> None:
    lie = LIES[name]
    values = [lie.usual[number % len(lie.usual)] for number in range(ROWS)]
    with opened(Place(str(made(tmp_path / "source.db", lie.declared, values))), None, 1) as session:
        quick, careful = planned(session, quick=True).tables[0], planned(session, quick=False).tables[0]
        assert quick.columns == careful.columns
        assert quick.rows == careful.rows == ROWS
        one, other = streamed(session, quick, quick=True), streamed(session, careful, quick=False)
        assert (len(one), hash(one)) == (len(other), hash(other))


def test_a_column_whose_first_value_comes_late_is_known(by: str, tmp_path: Path) -> None:
    values: list[object] = [None] * ROWS
    values[ODD_ROW] = 1_700_000_000
    with opened(Place(str(made(tmp_path / "source.db", "TIMESTAMP", values))), None, 1) as session:
        quick, careful = planned(session, quick=True).tables[0], planned(session, quick=False).tables[0]
        assert quick.columns == careful.columns


def test_large_cells_that_no_sample_meets_are_read_apart(by: str, tmp_path: Path) -> None:
    values: list[object] = [b"a"] * ROWS
    values[ODD_ROW] = bytes(LARGE_BYTES * 2)
    with opened(Place(str(made(tmp_path / "source.db", "BLOB", values))), None, 1) as session:
        quick = planned(session, quick=True).tables[0]
        assert quick.longest_bytes < LARGE_BYTES
        assert len(streamed(session, quick, quick=True)) < LARGE_BYTES * 4
        source = reader(session.db, quick, quick.stored)
        unit = Unit(session.db, cast("Target", None), quick, Policies(), quick=True)
        list(unit._bodies(source, Encoder(quick.stored, Policies(), strict=True), Copied()))
        assert source.large_numbers() == [ODD_ROW + 1]
        assert source.longest_bytes > LARGE_BYTES


def test_a_required_column_with_null_in_it_is_left_to_the_careful_look(by: str, tmp_path: Path) -> None:
    path = made(tmp_path / "source.db", "TEXT", ["a"] * ROWS)
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE k (k TEXT PRIMARY KEY, v)")
        db.execute("INSERT INTO k SELECT CASE WHEN id % 3 THEN id END, 1 FROM t")
    with opened(Place(str(path)), None, 1) as session:
        quick, careful = planned(session, quick=True), planned(session, quick=False)
        assert [replace(one, size_bytes=0) for one in quick.tables][1] == [
            replace(one, size_bytes=0) for one in careful.tables
        ][1]
        assert quick.left_out == careful.left_out


def test_a_table_of_very_many_columns_with_a_large_cell_is_read_whole(by: str, tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(1598)]
    with closing(apsw.Connection(str(tmp_path / "source.db"))) as db:
        db.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {', '.join(f'{name} TEXT' for name in names)}, b BLOB)")
        db.execute("INSERT INTO t (c0, c1597, b) VALUES ('a', 'z', zeroblob(100)), ('b', 'y', zeroblob(200000))")
    with opened(Place(str(tmp_path / "source.db")), None, 1) as session:
        table = planned(session, quick=True).tables[0]
        source = reader(session.db, table, table.stored)
        bodies = Unit(session.db, cast("Target", None), table, Policies(), quick=True)._bodies
        assert len(b"".join(bodies(source, Encoder(table.stored, Policies(), strict=True), Copied()))) < LARGE_BYTES
        assert source.large_numbers() == [2]
