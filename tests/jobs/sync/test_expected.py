"""What a verification expects of a target, kept in a file without a name."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from recon_cli.core.landing import Landing, Parcel, Shape
from recon_cli.core.record import Record
from recon_cli.core.schema import Column, ColumnType, Schema
from recon_cli.jobs.sync.expected import Expectations

NOON, LATER = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
SCHEMA = Schema("t", (Column("k"), Column("who"), Column("at", ColumnType.TIMESTAMP)), ("k",))
SHAPE = Shape(Landing(SCHEMA, rank=("who",), latest=("at",)), ("k", "who", "at"), ("k",))


def parcel(key: str, who: str, at: datetime = NOON, *older: str) -> Parcel:
    return Parcel(Record("t", {"k": key, "who": who, "at": at}), older)


def test_rows_of_one_key_settle_and_each_is_met_once() -> None:
    with closing(Expectations()) as wanted:
        wanted.add(SHAPE, parcel("a", "PC02", LATER), "x/\udcff")
        wanted.add(SHAPE, parcel("a", "PC01"), "y")
        wanted.add(SHAPE, parcel("b", "PC01"), "z")
        assert wanted.missing("t", 1) == (2, ["a"])
        found = wanted.meet("t", "a")
        assert found is not None
        assert found.parcel.record.values == {"k": "a", "who": "PC01", "at": LATER}
        assert found.path == "x/\udcff"
        assert wanted.meet("t", "a") is None, "a second row of one key is another's"
        assert wanted.meet("t", "c") is None
        assert wanted.missing("t", 9) == (1, ["b"])
        assert [row["k"] for row in wanted.rows("t")] == ["a", "b"]


def test_a_row_under_an_older_hash_is_the_content_unless_its_own_is_there() -> None:
    with closing(Expectations()) as wanted:
        wanted.add(SHAPE, parcel("new", "PC01", NOON, "old"), "x")
        found = wanted.meet("t", "old")
        assert found is not None
        assert found.key == "new"
        assert wanted.meet("t", "new") is None
