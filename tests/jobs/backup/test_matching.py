from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.jobs.backup import matching
from recon_cli.jobs.backup.matching import Change, Difference, differences
from recon_cli.snapshot.cut import Row

CELLS = st.one_of(st.integers(-3, 3), st.floats(allow_nan=False), st.text(max_size=3), st.binary(max_size=3), st.none())


def chunked(rows: Sequence[Row], size: int) -> Iterator[list[Row]]:
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk


def compare(left: Sequence[Row], right: Sequence[Row], *key: int, size: int = 2) -> list[Difference]:
    return list(differences(chunked(left, size), chunked(right, size + 1), key, range(len([*left, *right, ()][0]))))


@given(
    st.dictionaries(st.integers(0, 30), st.tuples(CELLS, CELLS)),
    st.dictionaries(st.integers(0, 30), st.tuples(CELLS, CELLS)),
    st.randoms(use_true_random=False),
)
def test_what_two_tables_differ_in_is_found_in_any_order(
    left: dict[int, Row], right: dict[int, Row], dice: random.Random
) -> None:
    rows = [[(key, *cells) for key, cells in side.items()] for side in (left, right)]
    for side in rows:
        dice.shuffle(side)
    found = {(one.key[0], one.change) for one in compare(*rows, 0)}
    assert found == {
        *((key, Change.REMOVED) for key in left.keys() - right.keys()),
        *((key, Change.ADDED) for key in right.keys() - left.keys()),
        *((key, Change.CHANGED) for key in left.keys() & right.keys() if repr(left[key]) != repr(right[key])),
    }


@pytest.mark.parametrize(
    ("before", "after"), [(1, 1.0), (0.0, -0.0), ("1", 1), (b"a", "a"), (None, ""), (float("inf"), float("-inf"))]
)
def test_a_cell_that_only_looks_the_same_has_changed(before: object, after: object) -> None:
    (found,) = compare([(7, "x", before)], [(7, "x", after)], 0)
    assert found == Difference(Change.CHANGED, (7,), (2,))


def test_rows_without_a_key_are_counted_as_often_as_they_are_there() -> None:
    found = compare([("a",), ("a",), ("b",)], [("a",), ("b",), ("b",), ("b",)])
    assert Counter((one.change, one.key) for one in found) == {
        (Change.REMOVED, ("a",)): 1,
        (Change.ADDED, ("b",)): 2,
    }


def test_two_orders_that_never_meet_are_still_matched_when_memory_keeps_digests_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matching, "_WHOLE_BYTES", 100)
    rows: list[Row] = [(number, f"text {number}") for number in range(50)]
    changed: list[Row] = [*rows[:20], (20, "other"), *rows[21:]]
    assert compare(rows, list(reversed(changed)), 0) == [Difference(Change.CHANGED, (20,))]


def test_equal_streams_keep_nothing_back() -> None:
    rows: list[Row] = [(number, float(number)) for number in range(1000)]
    assert compare(rows, rows, 0, size=100) == []
