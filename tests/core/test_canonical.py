"""Canonical JSON: one byte string for one value, and back."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core import canonical

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.decimals(),
    st.datetimes(timezones=st.sampled_from([None, UTC])),
    st.dates(),
    st.times(),
    st.uuids(),
    st.text(st.characters(categories=["Cs", "Lu"])),
    st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


def same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return repr(a) == repr(b)
    if isinstance(a, Decimal) and isinstance(b, Decimal):
        return str(a) == str(b)
    return type(a) is type(b) and a == b


@given(SCALARS)
def test_every_value_comes_back_exactly_through_a_json_file(value: canonical.Value) -> None:
    through = json.loads(json.dumps(canonical.encode(value)))
    assert same(canonical.decode(through), value)


@given(st.dictionaries(st.text(), SCALARS))
def test_a_digest_does_not_depend_on_column_order(row: dict[str, canonical.Value]) -> None:
    backwards = dict(reversed(row.items()))
    assert canonical.digest(row) == canonical.digest(backwards)


def test_values_that_print_alike_have_different_digests() -> None:
    alike: list[canonical.Value] = [
        "1",
        1,
        1.0,
        b"1",
        Decimal(1),
        True,
        "true",
        None,
        "null",
        date(2026, 1, 1),
        "2026-01-01",
    ]
    digests = {canonical.digest({"a": value}) for value in alike}
    assert len(digests) == len(alike)


def test_zero_and_minus_zero_are_two_values() -> None:
    assert canonical.digest({"a": 0.0}) != canonical.digest({"a": -0.0})


@given(st.lists(st.binary(max_size=8)), st.randoms(use_true_random=False))
def test_the_sum_of_digests_does_not_depend_on_row_order(rows: list[bytes], shuffle: object) -> None:
    digests = [canonical.digest({"a": row}) for row in rows]
    mixed = list(digests)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert canonical.sum_digests(digests) == canonical.sum_digests(mixed)


@given(st.lists(st.integers()), st.integers())
def test_taking_a_row_out_of_the_sum_undoes_adding_it(rows: list[int], extra: int) -> None:
    before = canonical.sum_digests(canonical.digest({"a": row}) for row in rows)
    added = canonical.digest({"a": extra})
    after = canonical.sum_digests([added], start=before)
    assert canonical.sum_digests([added], start=after, sign=-1) == before
    assert after != before


@pytest.mark.parametrize("cell", [{"$x": 1}, {"$b": "!"}, {"$u": "no"}, {"$b": "AA==", "$t": "2026-01-01"}])
def test_an_unknown_or_broken_tag_is_refused(cell: canonical.Json) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical.decode(cell)


def test_tags_say_what_they_hold() -> None:
    assert canonical.encode(math.inf) == {"$r": "inf"}
    assert canonical.encode(b"\x00") == {"$b": "AA=="}
    assert canonical.encode(UUID(int=1)) == {"$u": "00000000-0000-0000-0000-000000000001"}
    assert canonical.encode(time(1, 2)) == {"$t": "01:02:00"}
    assert canonical.encode(datetime(2026, 1, 2, tzinfo=UTC)) == {"$t": "2026-01-02T00:00:00+00:00"}
    assert canonical.encode({"a": [1]}) == {"$j": {"a": [1]}}
