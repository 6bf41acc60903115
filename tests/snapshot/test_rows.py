"""Rows as JSON lines: exact, canonical, and nothing but rows comes back out."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_cli.core.catalog import DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import DataError
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row
from tests.support.snapshots import ODD, same

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(),
    st.text(st.sampled_from('{}[]"$b:,\n\\null')),
    st.binary(),
    st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)


def back(text: bytes, columns: int, tagged: frozenset[int]) -> list[Row]:
    return [row for chunk in lines.read([text], columns=columns, tagged=sorted(tagged)) for row in chunk]


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=5)))
def test_any_rows_come_back_exactly_and_only_tagged_columns_are_named(rows: list[Row]) -> None:
    width = len(rows[0])
    text, tags = lines.encode_counted(rows, range(width))
    tagged = lines.tagged(rows, tags)
    assert same(back(text, width, tagged), rows)
    assert tagged == frozenset().union(*map(lines.odd_places, rows))
    assert text.count(b"\n") == len(rows)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.data())
def test_the_lines_of_rows_do_not_depend_on_the_rows_beside_them(rows: list[Row], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(rows)))
    assert lines.encode(rows, (0, 1)) == lines.encode(rows[:cut], (0, 1)) + lines.encode(rows[cut:], (0, 1))


@pytest.mark.parametrize("row", ODD)
def test_a_row_written_piece_by_piece_is_the_row_written_at_once(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LARGE", 3)
    monkeypatch.setattr(lines, "_PIECE", 3)
    assert b"".join(lines.parts(row)) == lines.encode([row], range(len(row)))


def test_a_column_that_turns_floats_into_text_is_not_searched_for_infinities() -> None:
    columns = [DeclaredColumn("a", "TEXT"), DeclaredColumn("b", "INT"), DeclaredColumn("c", "", Kind.REAL)]
    assert lines.floats(DeclaredTable("t", (*columns, DeclaredColumn("d", "", Kind.TEXT)))) == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        b"1\n",
        b"{}\n",
        b"[1]\n[2]",
        b"[1],[2]\n",
        b"[1,2]\n",
        b"[]\n",
        b"[[1]]\n",
        b'[{"a":1}]\n',
        b"[1\n",
        b"[\xff]\n",
        b'["\xff"]\n',
        b'[{"$b":"!"}]\n',
        b'[{"$b":1}]\n',
        b'[{"$r":"1.5"}]\n',
        b'[{"$r":"infinity"}]\n',
        b'[{"$s":"zz"}]\n',
        b'[{"$x":""}]\n',
        b"[{}]\n",
        b'[{"$b":"","$r":""}]\n',
        b'[{"$n":"1"}]\n',
        b"[NaN]\n",
        b"\n",
        b"[" * 5000 + b"\n",
    ],
)
@pytest.mark.parametrize("tagged", [(), (0,)])
def test_a_line_that_is_no_row_of_one_cell_is_refused(text: bytes, tagged: tuple[int, ...]) -> None:
    with pytest.raises(DataError):
        back(text, 1, frozenset(tagged))


def test_a_tag_counts_only_in_the_columns_that_have_tags() -> None:
    text = b'["{",{"$b":"AA=="}]\n'
    assert back(text, 2, frozenset({1})) == [("{", b"\0")]
    with pytest.raises(DataError, match="without tags"):
        back(text, 2, frozenset({0}))


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_rows_or_a_data_error(text: bytes, tagged: bool) -> None:  # noqa: FBT001  drawn
    with contextlib.suppress(DataError):
        back(text, 2, frozenset({0}) if tagged else frozenset())


@given(st.lists(st.tuples(st.text(max_size=30), st.binary(max_size=30)), min_size=1), st.integers(1, 50))
def test_however_a_stream_is_cut_its_rows_are_the_same(rows: list[Row], step: int) -> None:
    text = lines.encode(rows, ())
    chunks = [text[start : start + step] for start in range(0, len(text), step)]
    found = [row for block in lines.blocks(chunks, size_bytes=40) for row in back(block, 2, frozenset({1}))]
    assert found == rows


def test_a_line_longer_than_a_row_may_be_ends_the_reading_before_it_is_held() -> None:
    given_out = 0

    def endless() -> object:
        nonlocal given_out
        while True:
            given_out += 1
            yield b"[1,1,1,1,1"

    with pytest.raises(DataError, match="longer"):
        list(lines.blocks(endless(), size_bytes=100, longest_bytes=1000))  # type: ignore[arg-type]
    assert given_out < 150


def test_a_long_line_of_brackets_is_refused_unparsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LARGE", 1000)
    with pytest.raises(DataError, match="not JSON"):
        back(b"[" + b"[]," * 1000 + b"0]\n", 1001, frozenset())
    long = ("x" * 5000 + '\\"[{', b"y" * 5000)
    assert back(lines.encode([long, long], ()), 2, frozenset({1})) == [long, long]


def test_a_long_blob_is_cut_out_before_the_line_is_parsed_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LARGE", 100)
    monkeypatch.setattr(lines, "_LONG_BLOB", re.compile(rb'\{"\$b":"([A-Za-z0-9+/]{20,}={0,2})"\}'))
    row: Row = (1, bytes(range(100)), '{"$b":"#0"}', b"short", None, bytes(99), "end{")
    text = lines.encode([row, row], ())
    assert list(lines.read([text], columns=7, tagged=[1, 3, 5])) == [[row, row]]


@pytest.mark.parametrize(
    "cell", [b'{"$b":"#0"}', b'{"$b":"#1"}', b'[{"$b":"%s"}]' % (b"A" * 40), b'{"$b":"%s"}' % (b"A" * 41)]
)
def test_what_only_looks_like_a_blob_that_was_cut_out_is_refused(monkeypatch: pytest.MonkeyPatch, cell: bytes) -> None:
    monkeypatch.setattr(lines, "LARGE", 20)
    monkeypatch.setattr(lines, "_LONG_BLOB", re.compile(rb'\{"\$b":"([A-Za-z0-9+/]{20,}={0,2})"\}'))
    text = b'[%s,{"$b":"%s"},1]\n' % (cell, b"A" * 40)
    with pytest.raises(DataError):
        list(lines.read([text], columns=3, tagged=[0, 1]))
