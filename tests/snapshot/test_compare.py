"""Differences between two sides: found by key, without reading what is equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.catalog import Catalog, Cell, DeclaredColumn, DeclaredIndex, DeclaredObject, DeclaredTable, Kind
from recon_cli.core.errors import ReconError
from recon_cli.snapshot import compare, tally
from recon_cli.snapshot.compare import Change, RowDifference, Side
from recon_cli.snapshot.cut import Cut, Row, Scheme
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Shard
from tests.support.snapshots import ODD, snapshot, table

TABLE = DeclaredTable("t", (DeclaredColumn("id"), DeclaredColumn("name")), ("id",))


def live(rows: Sequence[Row], declared: DeclaredTable = TABLE) -> Side:
    return Side(declared, lambda: iter([rows]))


def found(one: Side | None, other: Side | None) -> set[tuple[str, Row | None, int]]:
    return {(one.change.value, one.key, one.times) for one in compare.rows(one, other)}


def test_rows_added_removed_and_changed_are_told_by_their_key() -> None:
    before, after = [(1, "a"), (2, "b"), (3, "c")], [(2, "b"), (3, "C"), (4, "d")]
    assert found(live(before), live(after)) == {("removed", (1,), 1), ("changed", (3,), 1), ("added", (4,), 1)}
    assert found(live(before), live(before[::-1])) == set()


def test_values_that_print_alike_are_different() -> None:
    before: list[Row] = [(1, "1"), (2, 0.0), (3, None), (4, b"x"), (5, 1)]
    after: list[Row] = [(1, 1), (2, -0.0), (3, ""), (4, "x"), (5, True)]
    assert len(found(live(before), live(after))) == 5


def test_a_table_without_a_key_is_compared_as_often_as_each_row_is_there() -> None:
    bag = replace(TABLE, key=())
    before, after = [(1, "a"), (1, "a"), (1, "a"), (2, "b")], [(1, "a"), (2, "b"), (2, "b")]
    assert found(live(before, bag), live(after, bag)) == {("removed", (1, "a"), 2), ("added", (2, "b"), 1)}
    long = [(1, "x" * 10_000)]
    assert found(live(long, bag), live([(1, "y" * 10_000)], bag)) == {("removed", None, 1), ("added", None, 1)}


def test_rows_with_the_null_key_that_sqlite_allows_are_all_counted() -> None:
    before: list[Row] = [(None, "a"), (None, "b")]
    assert found(live(before), live([(None, "b"), (None, "c")])) == {("changed", (None,), 1)}
    assert found(live(before), live([])) == {("removed", (None,), 2)}


def test_a_table_of_one_side_only_has_all_its_rows_added_or_removed() -> None:
    assert found(None, live([(1, "a")])) == {("added", (1,), 1)}
    assert found(live([(1, "a")]), None) == {("removed", (1,), 1)}


def test_a_column_more_on_one_side_does_not_make_every_row_different() -> None:
    wide = DeclaredTable("t", (DeclaredColumn("name"), DeclaredColumn("new"), DeclaredColumn("id")), ("id",))
    assert found(live([(1, "a"), (2, "b")]), live([("a", 0, 1), ("B", 0, 2)], wide)) == {("changed", (2,), 1)}


def test_shards_that_both_sides_have_are_not_read(tmp_path: Path) -> None:
    many: list[Row] = [(number, f"name {number}", None, None, None) for number in range(100)]
    changed = [*many[:41], (41, "other", None, None, None), *many[42:]]
    snapshot(tmp_path / "a", [(table(), many)])
    snapshot(tmp_path / "b", [(table(), changed)])
    read: list[str] = []

    def watched(folder: Path) -> Side:
        inner = FolderSnapshot(folder)
        side = compare.side(inner, "models")
        assert side is not None

        def shard(one: Shard) -> Iterator[Sequence[Row]]:
            read.append(one.name)
            return inner.shard("models", one)

        return replace(side, shard=shard)

    assert found(watched(tmp_path / "a"), watched(tmp_path / "b")) == {("changed", (41,), 1)}
    assert read == ["00000000000000000040"] * 2


def test_a_snapshot_equals_the_live_rows_it_was_made_of(tmp_path: Path) -> None:
    snapshot(tmp_path, [(table(), ODD)], cut=Cut(Scheme.RANGE, 2))
    side = compare.side(FolderSnapshot(tmp_path), "models")
    assert found(side, live(ODD, table())) == set()
    assert found(side, live(ODD[1:], table())) == {("removed", (1,), 1)}
    assert compare.side(FolderSnapshot(tmp_path), "nothing") is None


def test_a_table_of_equal_content_is_not_read_however_it_is_cut(tmp_path: Path) -> None:
    snapshot(tmp_path / "a", [(table(), ODD)], cut=Cut(Scheme.RANGE, 2))
    snapshot(tmp_path / "b", [(table(), ODD)], cut=Cut(Scheme.RANGE, 5))
    sides = [compare.side(FolderSnapshot(tmp_path / one), "models") for one in "ab"]
    for path in tmp_path.glob("*/data/models/*"):
        path.write_bytes(b"")
    assert found(*sides) == set()


@pytest.fixture(params=[100, 1 << 24], ids=["on disk", "in memory"])
def held(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "HELD_BYTES", request.param)


@pytest.mark.usefixtures("held")
def test_the_columns_that_changed_are_named_also_where_the_two_orders_never_meet() -> None:
    wide = replace(TABLE, columns=(*TABLE.columns, DeclaredColumn("size")))
    before: list[Row] = [(number, f"name {number}", 1.0) for number in range(50)]
    after: list[Row] = [*before[:20], (20, "other", 1.0), (21, b"name 21", 1), *before[22:]]
    one, other = (Side(wide, lambda rows=rows: chunked(rows, 7)) for rows in (before, after[::-1]))
    told = [(one.key, one.columns) for one in compare.rows(one, other)]
    assert told == [((20,), ("name",)), ((21,), ("name", "size"))]


@pytest.mark.usefixtures("held")
def test_differences_come_in_the_order_of_their_keys() -> None:
    keys: list[Cell] = [
        None,
        -(2**63),
        -10,
        -9.5,
        0,
        0.5,
        9,
        10,
        2**53,
        2**53 + 1,
        2**63,
        "",
        "10",
        "9",
        "가",
        b"",
        b"a",
    ]
    told = list(compare.rows(None, live([(key, "") for key in keys[::-1]])))
    assert [one.key for one in told] == [(key,) for key in keys]
    pairs = replace(TABLE, key=("id", "name"))
    both: list[Row] = [(2, "b"), (10, "a"), (2, "a\0"), (2, "a"), (-1, "z")]
    assert [one.key for one in compare.rows(live(both, pairs), None)] == [
        (-1, "z"), (2, "a"), (2, "a\0"), (2, "b"), (10, "a"),
    ]  # fmt: skip
    decimal = DeclaredTable("t", (DeclaredColumn("id", kind=Kind.DECIMAL),), ("id",))
    prices = [("10.5",), ("9.00",), ("-3",)]
    assert [one.key for one in compare.rows(None, live(prices, decimal))] == [("-3",), ("9.00",), ("10.5",)]


def test_another_engines_spelling_is_a_change_only_where_the_kinds_are_the_same() -> None:
    kinds = (Kind.BOOLEAN, Kind.DECIMAL)
    ours = DeclaredTable("t", (DeclaredColumn("id"), DeclaredColumn("fine"), DeclaredColumn("price")), ("id",))
    theirs = replace(ours, columns=(ours.columns[0], *map(_of_kind, ours.columns[1:], kinds)))
    before: list[Row] = [(1, 1, 1.5), (2, 0, "2.00"), (3, 1, 3)]
    after: list[Row] = [(1, True, "1.50"), (2, False, "2"), (3, True, "3.01")]
    assert [(one.key, one.columns) for one in compare.rows(live(before, ours), live(after, theirs))] == [
        ((3,), ("price",))
    ]
    assert len(list(compare.rows(live(before, ours), live(after, ours)))) == 3


def _of_kind(column: DeclaredColumn, kind: Kind) -> DeclaredColumn:
    return replace(column, kind=kind)


def chunked(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def test_no_file_is_made_for_two_equal_sides(tmp_path: Path) -> None:
    same = [(number, f"name {number}") for number in range(5000)]
    sides = [Side(TABLE, lambda size=size: chunked(same, size)) for size in (100, 333)]
    assert list(compare.rows(*sides, tmp_path / "no such folder")) == []
    with pytest.raises(ReconError, match="no temporary file"):
        list(compare.rows(sides[0], None, tmp_path / "no such folder"))


BAGS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", None])), max_size=12)


@settings(deadline=None, max_examples=60)
@given(BAGS, BAGS, st.booleans())
def test_what_is_told_turns_the_one_side_into_the_other(before: list[Row], after: list[Row], keyed: bool) -> None:  # noqa: FBT001  drawn
    if keyed:
        before, after = list({row[0]: row for row in before}.values()), list({row[0]: row for row in after}.values())
    declared = TABLE if keyed else replace(TABLE, key=())
    told = list(compare.rows(live(before, declared), live(after, declared)))
    if keyed:
        assert apart({row[0]: row for row in before}, {row[0]: row for row in after}) == {
            (one.key[0] if one.key else None, one.change) for one in told
        }
    else:
        assert Counter(before) + counted(told, Change.ADDED) == Counter(after) + counted(told, Change.REMOVED)


def apart(before: dict[object, Row], after: dict[object, Row]) -> set[tuple[object, Change]]:
    added = {(key, Change.ADDED) for key in after.keys() - before.keys()}
    removed = {(key, Change.REMOVED) for key in before.keys() - after.keys()}
    return (
        added | removed | {(key, Change.CHANGED) for key in before.keys() & after.keys() if before[key] != after[key]}
    )


def counted(told: list[RowDifference], change: Change) -> Counter[Row | None]:
    return Counter({one.key: one.times for one in told if one.change is change})


def test_schema_differences_name_the_table_the_part_and_both_states() -> None:
    before = Catalog(
        "sqlite", (TABLE, replace(TABLE, name="gone")), (DeclaredObject("view", "v", "…"),), {"user_version": 1}
    )
    columns = (DeclaredColumn("id"), DeclaredColumn("name", nullable=False), DeclaredColumn("more"))
    indexed = replace(TABLE, columns=columns, indexes=(DeclaredIndex("by_name", ("name",)),), counter=7)
    after = Catalog("sqlite", (indexed, replace(TABLE, name="new")), (), {"user_version": 2})
    told = {(one.table, one.part, one.name, one.change.value) for one in compare.schema(before, after)}
    assert told == {
        ("gone", "table", "gone", "removed"),
        ("new", "table", "new", "added"),
        ("t", "column", "name", "changed"),
        ("t", "column", "more", "added"),
        ("t", "index", "by_name", "added"),
        ("t", "counter", "", "changed"),
        ("", "view", "v", "removed"),
        ("", "setting", "user_version", "changed"),
    }
    assert list(compare.schema(before, before)) == []
    assert all(one.document()["change"] for one in compare.schema(before, after))
