"""The compiled reader gives the bytes of the one in Python, and stops where only Python knows what to do."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recon_cli.core.place import Place
from recon_cli.jobs.migrate.planning import make_plan
from recon_cli.jobs.migrate.request import MigrateRequest
from recon_cli.jobs.migrate.session import opened
from recon_cli.migration import compiled
from recon_cli.migration.copying import reader
from recon_cli.migration.encode import Encoder
from recon_cli.migration.plan import Coding, ColumnPlan, TablePlan
from recon_cli.migration.policy import Policies
from recon_cli.migration.reading import LARGE_BYTES, WHOLE, Span
from recon_cli.stores.bulk import native
from tests.migration.anything import fill
from tests.migration.features import FEATURES
from tests.migration.features.registry import Feature
from tests.migration.twins import TWINS
from tests.support.system import missing

SEEDS = range(12)
CHANCE = {f"seed {n}": Feature(f"seed {n}", lambda db, n=n: fill(db, n)) for n in SEEDS}
ALL = {**FEATURES, **TWINS, **CHANCE}
HELD = {"i": "integers", "d": "reals", "t": "texts", "b": "blobs"}


@pytest.fixture(autouse=True)
def _native() -> None:
    found, why = native.told()
    if not found:
        missing(f"needs recon-cli-native, which is {why}: `python3 noxfile.py -s native`")


def in_python(db: apsw.Connection, table: TablePlan, span: Span = WHOLE) -> bytes:
    encoder = Encoder(table.stored, Policies())
    return b"".join(encoder.encode(chunk.cells)[0] for chunk in reader(db, table, table.stored).chunks(span))


def in_both(db: apsw.Connection, table: TablePlan, *, quick: bool = False, most_rows: int = 7) -> tuple[bytes, bool]:
    """By the compiled reader, and from where it stopped in Python; and whether it stopped."""
    native = compiled.Native(reader(db, table, table.stored), compiled.codes(table, table.stored, quick=quick))
    body = b"".join(part.body for part in native.bodies(most_rows=most_rows))
    rest = native.rest
    return body + (in_python(db, table, rest) if rest is not None else b""), rest is not None


def told(body: bytes) -> tuple[int, str]:
    return len(body), hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("name", ALL)
def test_every_database_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    source = ALL[name].make(tmp_path / "source.db")
    with opened(Place(str(source)), None, 1) as session:
        plan = make_plan(session, MigrateRequest("public", Policies()))
        for table in plan.included:
            for quick in (False, True):
                if compiled.codes(table, table.stored, quick=quick) and not _odd(session.db):
                    assert told(in_both(session.db, table, quick=quick)[0]) == told(in_python(session.db, table))


def _odd(db: apsw.Connection) -> bool:
    return db.pragma("encoding") != "UTF-8"


def test_most_tables_of_the_world_are_read_by_it(tmp_path: Path) -> None:
    known = tables = 0
    for name, twin in TWINS.items():
        source = twin.make(tmp_path / f"{name}.db")
        with opened(Place(str(source)), None, 1) as session:
            plan = make_plan(session, MigrateRequest("public", Policies()))
            tables += len(plan.included)
            known += sum(bool(compiled.codes(one, one.stored, quick=False)) for one in plan.included)
    assert known > tables * 0.6


@pytest.mark.parametrize("name", ALL)
def test_the_parts_for_checksums_are_the_same(name: str, tmp_path: Path) -> None:
    source = ALL[name].make(tmp_path / "source.db")
    with opened(Place(str(source)), None, 1) as session:
        if _odd(session.db):
            return
        for table in make_plan(session, MigrateRequest("public", Policies())).included:
            codes = compiled.codes(table, table.columns, quick=False, verifying=True)
            if not codes:
                continue
            native = compiled.Native(reader(session.db, table, table.columns), codes, parts=True)
            for part in native.bodies(most_rows=5):
                own = _own_parts(session.db, table, Span(part.first, part.last))
                assert [told(one) for one in part.parts] == [told(one) for one in own]


def _own_parts(db: apsw.Connection, table: TablePlan, span: Span) -> list[bytes]:
    encoder = Encoder(table.columns, Policies())
    (chunk,) = reader(db, table, table.columns).chunks(span)
    wires, _ = encoder.wires(chunk.cells)
    return [encoder.column_bytes(place, values) for place, values in enumerate(wires)]


def column(name: str, kind: str, coding: Coding, holds: str) -> ColumnPlan:
    return ColumnPlan(name, name, kind, coding, holds=(holds,))


def table_of(*columns: ColumnPlan) -> TablePlan:
    return TablePlan("t", "t", columns, rowid="rowid")


PLAIN = table_of(
    column("i", "bigint", Coding.INT, "integers"),
    column("d", "double precision", Coding.REAL, "reals"),
    column("t", "text", Coding.TEXT, "texts"),
    column("b", "bytea", Coding.BYTES, "blobs"),
    column("f", "boolean", Coding.BOOL, "integers"),
)
CELLS = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.text(),
    st.none() | st.binary(),
    st.none() | st.integers(0, 1),
)


def filled(rows: list[tuple[object, ...]], declared: str) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.execute(f"CREATE TABLE t ({declared})")
    if rows:
        db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return db


@settings(max_examples=150, deadline=None)
@given(st.lists(CELLS, max_size=20))
@example([(None, -0.0, "\0", b"\0", None), (-(2**63), float("inf"), "", b"", 1)])
def test_any_values_give_the_same_bytes(rows: list[tuple[object, ...]]) -> None:
    with closing(filled(rows, "i INTEGER, d REAL, t TEXT, b BLOB, f BOOLEAN")) as db:
        body, stopped = in_both(db, PLAIN)
        assert told(body) == told(in_python(db, PLAIN))
        assert not stopped


ODD = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(ODD, ODD, ODD, ODD, ODD), min_size=1, max_size=8))
def test_a_value_of_another_kind_ends_the_reading_before_its_row(rows: list[tuple[object, ...]]) -> None:
    wanted = (int, float, str, bytes, int)
    fits = [
        all(
            cell is None or (isinstance(cell, kind) or (kind is float and _exact(cell)))
            for cell, kind in zip(row, wanted, strict=True)
        )
        and row[4] in {None, 0, 1}
        for row in rows
    ]
    with closing(filled(rows, "i, d, t, b, f")) as db:
        native = compiled.Native(reader(db, PLAIN, PLAIN.columns), compiled.codes(PLAIN, PLAIN.columns, quick=True))
        read = sum(part.rows for part in native.bodies(most_rows=3))
    good = fits.index(False) if False in fits else len(rows)
    assert read == good
    assert native.rest == (Span(good + 1) if good < len(rows) and good else None if good == len(rows) else WHOLE)


def _exact(cell: object) -> bool:
    return type(cell) is int and abs(cell) <= 2**53


MOMENTS = {
    Coding.STAMP: "timestamp without time zone",
    Coding.DATE: "date",
    Coding.TIME: "time",
}
NEAR = st.from_regex(
    r"\A(\d{4}-\d\d-\d\d)?([ T]?\d\d:\d\d(:\d\d(\.\d{0,8})?)?)?(Z|[+-]\d\d(:?\d\d)?)?.?\Z", fullmatch=True
)
TRUE = st.datetimes().map(str) | st.dates().map(str) | st.times().map(str)


@settings(max_examples=400, deadline=None)
@given(NEAR | TRUE | st.text(alphabet="0123456789-: TZ+.", max_size=32), st.booleans())
@example("2000-02-30", False)
@example("1900-02-29 00:00", False)
@example("2000-02-29T23:59:59.9999990Z", True)
@example("0000-01-01", False)
@example("9999-12-31 23:59:59.999999", False)
@example("2026-01-01 00:00:00.0000001", False)
@example("2026-01-01 00:00:00-99:99", True)
@example("2026-01-01 00:00:00+0930", True)
@example("2026-01-01 ", False)
@example("12:30Z", False)
def test_moments_are_read_by_the_same_rules(text: str, aware: bool) -> None:  # noqa: FBT001  Hypothesis gives it
    for coding, kind in MOMENTS.items():
        chosen = "timestamp with time zone" if aware and coding is Coding.STAMP else kind
        table = table_of(column("at", chosen, coding, "texts"))
        with closing(filled([(text,)], "at TEXT")) as db:
            encoder = Encoder(table.columns, Policies())
            (chunk,) = reader(db, table, table.columns).chunks()
            own, refused = encoder.encode(chunk.cells)
            native = compiled.Native(reader(db, table, table.columns), compiled.codes(table, table.columns, quick=True))
            assert [part.body for part in native.bodies()] == ([] if refused else [own])


EPOCHS = {Coding.EPOCH_S: 10**8, Coding.EPOCH_MS: 10**11, Coding.EPOCH_US: 10**14}


@pytest.mark.parametrize("coding", EPOCHS)
def test_epochs_are_taken_as_far_as_a_plan_promises(coding: Coding) -> None:
    table = table_of(column("at", "timestamp with time zone", coding, "integers"))
    least = EPOCHS[coding]
    good = [least, least * 1000 - 1, least * 17 + 5]
    with closing(filled([(one,) for one in good], "at")) as db:
        assert in_both(db, table, quick=True) == (in_python(db, table), False)
        for odd in (least - 1, least * 1000, -1, 0):
            db.execute("INSERT INTO t VALUES (?)", (odd,))
            assert in_both(db, table, quick=True)[1]
            db.execute("DELETE FROM t WHERE at = ?", (odd,))


def test_large_cells_are_left_to_be_read_apart() -> None:
    table = table_of(column("id", "bigint", Coding.INT, "integers"), column("b", "bytea", Coding.BYTES, "blobs"))
    rows: list[tuple[object, ...]] = [(n, bytes(LARGE_BYTES * 3 if n in {4, 9} else 10)) for n in range(1, 12)]
    with closing(filled(rows, "id INTEGER PRIMARY KEY, b BLOB")) as db:
        source = reader(db, table, table.columns)
        native = compiled.Native(source, compiled.codes(table, table.columns, quick=True))
        assert sum(part.rows for part in native.bodies(most_rows=3)) == 9
        assert native.rest is None
        assert source.large_numbers() == [4, 9]
        assert source.longest_bytes > LARGE_BYTES
        assert db.limit(apsw.SQLITE_LIMIT_LENGTH) > LARGE_BYTES * 1000


def test_spans_and_the_last_row_number_of_all_are_kept() -> None:
    table = table_of(column("id", "bigint", Coding.INT, "integers"))
    numbers = [-(2**63), -5, 0, 7, 2**63 - 1]
    with closing(filled([(n,) for n in numbers], "id INTEGER PRIMARY KEY")) as db:
        native = compiled.Native(reader(db, table, table.columns), compiled.codes(table, table.columns, quick=False))
        for span in (WHOLE, Span(-5, 7), Span(1, 6), Span(2**63 - 1, 2**63 - 1)):
            body = b"".join(part.body for part in native.bodies(span, most_rows=2))
            found = [struct.unpack(">hiq", body[at : at + 14])[2] for at in range(0, len(body), 14)]
            assert found == [n for n in numbers if span.first <= n <= span.last]
            assert native.rest is None


def test_what_the_reader_sees_is_the_state_of_the_transaction_that_is_open(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    table = table_of(column("id", "bigint", Coding.INT, "integers"))
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        writer.execute("INSERT INTO t VALUES (1), (2)")
        with closing(apsw.Connection(str(path))) as db:
            db.execute("BEGIN")
            db.execute("SELECT * FROM t").fetchall()
            writer.execute("INSERT INTO t VALUES (3)")
            native = compiled.Native(reader(db, table, table.columns), compiled.codes(table, table.columns, quick=True))
            assert sum(part.rows for part in native.bodies()) == 2
            db.execute("COMMIT")
            assert sum(part.rows for part in native.bodies()) == 3


def test_a_reading_that_is_left_half_way_holds_nothing(tmp_path: Path) -> None:
    table = table_of(column("id", "bigint", Coding.INT, "integers"))
    with closing(filled([(n,) for n in range(100)], "id INTEGER PRIMARY KEY")) as db:
        native = compiled.Native(reader(db, table, table.columns), compiled.codes(table, table.columns, quick=True))
        bodies = native.bodies(most_rows=10)
        assert next(bodies).rows == 10
        bodies.close()  # type: ignore[attr-defined]  # a generator
        db.execute("DROP TABLE t")  # would be refused while a statement reads it
