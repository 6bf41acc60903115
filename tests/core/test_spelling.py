from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core import spelling
from recon_cli.core.catalog import Cell, Kind


@pytest.mark.parametrize(
    ("one", "other", "ours", "theirs"),
    [
        (Kind.ANY, Kind.BOOLEAN, 1, True),
        (Kind.INTEGER, Kind.BOOLEAN, 0, False),
        (Kind.TEXT, Kind.BOOLEAN, "t", True),
        (Kind.ANY, Kind.DECIMAL, "1.50", "1.5"),
        (Kind.ANY, Kind.REAL, "1.0", 1.0),
        (Kind.REAL, Kind.DECIMAL, 0.1, "0.10"),
        (Kind.ANY, Kind.INTEGER, 2.0, 2),
        (Kind.INTEGER, Kind.DECIMAL, 2**64 - 1, "18446744073709551615.00"),
        (Kind.REAL, Kind.DECIMAL, math.inf, "Infinity"),
        (Kind.ANY, Kind.TIMESTAMP, "2026-11-21T03:00:00.500", "2026-11-21 03:00:00.5"),
        (Kind.TEXT, Kind.TIMESTAMPTZ, "2026-11-21 12:00:00+09:00", "2026-11-21 03:00:00+00"),
        (Kind.ANY, Kind.DATE, "2026-11-21", "2026-11-21"),
        (Kind.ANY, Kind.JSONB, '{"b":1,"a":[1.0]}', '{"a": [1], "b": 1}'),
        (Kind.TEXT, Kind.UUID, "0F0E0D0C-0000-4000-8000-000000000000", "0f0e0d0c-0000-4000-8000-000000000000"),
    ],
)
def test_one_value_that_two_engines_spell_differently_is_one_value(
    one: Kind, other: Kind, ours: Cell, theirs: Cell
) -> None:
    for turn in (spelling.common(one, other), spelling.common(other, one)):
        assert turn is not None
        assert turn(ours) == turn(theirs)
        assert type(turn(ours)) is type(turn(theirs))


@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        (Kind.DECIMAL, "1.5", "1.50000000000000000000000000000000001"),
        (Kind.DECIMAL, "1", "l"),
        (Kind.DECIMAL, "1_000", "1000"),
        (Kind.INTEGER, 2**62, float(2**62) + 2**20),
        (Kind.INTEGER, None, 0),
        (Kind.BOOLEAN, "", False),
        (Kind.TIMESTAMPTZ, "2026-11-21 03:00:00+00", "2026-11-21 03:00:00+09"),
        (Kind.TIMESTAMP, "2026-11-21 03:00:00.1234561", "2026-11-21 03:00:00.1234562"),
        (Kind.TIMESTAMP, "2026-02-30", "2026-03-02"),
        (Kind.JSONB, '{"a": 1}', '{"a": "1"}'),
        (Kind.JSONB, "null", None),
    ],
)
def test_two_values_stay_two_values(kind: Kind, ours: Cell, theirs: Cell) -> None:
    turn = spelling.common(Kind.ANY, kind)
    assert turn is not None
    assert turn(ours) != turn(theirs)


def test_columns_of_one_kind_and_kinds_that_mean_different_things_are_left_alone() -> None:
    assert all(spelling.common(kind, kind) is None for kind in Kind)
    assert spelling.common(Kind.INTEGER, Kind.TIMESTAMP) is None
    assert spelling.common(Kind.ANY, Kind.TEXT) is None


@given(st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary()))
def test_no_cell_is_refused_and_a_second_turn_changes_nothing(cell: Cell) -> None:
    for kind in Kind:
        turn = spelling.common(Kind.ANY, kind)
        if turn is not None and kind not in (Kind.JSON, Kind.JSONB):
            once = turn(cell)
            assert repr(turn(once)) == repr(once)
        elif turn is not None:
            turn(cell)
