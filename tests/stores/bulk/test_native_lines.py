"""The compiled library writes and reads the lines of snapshots as Python does, or leaves them to it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from itertools import chain, pairwise
from operator import itemgetter
from types import ModuleType

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_cli.core.errors import DataError
from recon_cli.core.lines import Block
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row
from recon_cli.stores.bulk import native
from recon_cli.stores.bulk.sqlite_put import Field, Fields, Putter
from tests.support.snapshots import same
from tests.support.system import missing

WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.one_of(st.text(), st.text(st.sampled_from('{}[]"$b:,\n\r\t\\nul\0\x1f')), st.text(st.sampled_from("가힣é🗣a")))
FLOATS = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(10**18), 10**18).map(float),
    st.tuples(st.integers(-(10**6), 10**6), st.sampled_from((1, 10, 1000, 10**9))).map(lambda pair: pair[0] / pair[1]),
    st.integers(-1074, 1023).map(lambda power: 2.0**power),
)
CELLS = st.one_of(st.none(), WHOLE, FLOATS, TEXT, st.binary())
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8)
MANY = settings(max_examples=100, deadline=None)
TAGGED = (1, 2, 3)


@pytest.fixture(scope="module")
def library() -> ModuleType:
    found = native.for_lines()
    if found is None:
        missing(f"needs recon-cli-native, which is {native.told()[1]}: `python3 noxfile.py -s native`")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def db() -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(":memory:")) as connection:
        connection.execute("CREATE TABLE t (k INTEGER PRIMARY KEY, a, b, c)")
        yield connection


def keyed(rows: list[tuple[object, ...]]) -> list[Row]:
    return [(7 * place - 20, *row) for place, row in enumerate(rows)]  # type: ignore[misc]  # cells


def written(library: ModuleType, db: apsw.Connection, width: int) -> tuple[list[tuple[bytes, int]], int, list[int]]:
    sql = "SELECT k, a, b, c FROM t ORDER BY k"
    found: list[tuple[bytes, int]] = []
    with closing(library.SqliteLines(db, db.sqlite3_pointer(), sql, (), 0)) as reading:
        ended = native.MORE
        while ended == native.MORE:
            text, rows, ended, last = reading.read(width, 200, 1 << 20)
            assert text.count(b"\n") == rows
            found += [(text, last)] if rows else []
        return found, ended, reading.tagged()


def put(library: ModuleType, db: apsw.Connection, text: bytes) -> tuple[int, int]:
    db.execute("DELETE FROM t")
    sql = "INSERT INTO t VALUES (?, ?, ?, ?)"
    with closing(library.SqliteFilling(db, db.sqlite3_pointer(), sql, TAGGED)) as filling:
        count, reached = filling.put(text, 0)
        return count, reached


def there(db: apsw.Connection) -> list[Row]:
    return db.execute("SELECT * FROM t ORDER BY k").fetchall()


def stored(db: apsw.Connection) -> list[Row]:
    """Also where text is not UTF-8."""
    return db.execute("SELECT k, typeof(a), CAST(a AS BLOB), b, c FROM t ORDER BY k").fetchall()


def decoded(text: bytes) -> list[Row]:
    return list(chain.from_iterable(lines.read([text], columns=4, tagged=TAGGED)))


@MANY
@given(rows=ROWS, width=st.integers(1, 50))
def test_rows_of_sqlite_are_written_as_python_writes_them_and_no_text_crosses_a_shard(
    library: ModuleType, db: apsw.Connection, rows: list[tuple[object, ...]], width: int
) -> None:
    wanted = keyed(rows)
    db.execute("DELETE FROM t")
    db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", wanted)
    found, ended, tagged = written(library, db, width)
    assert ended == native.DONE
    assert b"".join(text for text, _ in found) == lines.encode(wanted, range(4))
    assert all(len({row[0] // width for row in decoded(text)}) == 1 for text, _ in found)  # type: ignore[operator]
    assert [last for _, last in found] == [decoded(text)[-1][0] for text, _ in found]
    assert frozenset(tagged) == frozenset().union(*map(lines.odd_places, wanted))


@MANY
@given(rows=ROWS)
def test_lines_go_into_sqlite_as_their_rows_do(
    library: ModuleType, db: apsw.Connection, rows: list[tuple[object, ...]]
) -> None:
    wanted = keyed(rows)
    text = lines.encode(wanted, range(4))
    assert put(library, db, text) == (len(wanted), len(text))
    assert same(there(db), wanted)


@MANY
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=2), data=st.data())
def test_a_line_that_is_taken_is_one_that_python_reads_as_the_same_row(
    library: ModuleType, db: apsw.Connection, rows: list[tuple[object, ...]], data: st.DataObject
) -> None:
    text = bytearray(lines.encode(keyed(rows), range(4)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 2))] = data.draw(
            st.one_of(
                st.binary(max_size=2), st.sampled_from('0123456789eE+-.,[]{}"\\/ntfu$br:= \0\x7f').map(str.encode)
            )
        )
    count, reached = put(library, db, bytes(text))
    assert bytes(text[:reached]).count(b"\n") == count
    assert same(there(db), sorted(decoded(bytes(text[:reached])), key=itemgetter(0)))


@MANY
@given(junk=st.binary(max_size=60), whole=st.binary(max_size=30))
def test_bytes_that_are_no_rows_are_left_alone(
    library: ModuleType, db: apsw.Connection, junk: bytes, whole: bytes
) -> None:
    assert put(library, db, junk + b"\n")[0] == len(there(db))
    reader = library.CopyLines("i?dtb"[: 1 + len(whole) % 5], 0)
    text, rows, _, _, reached = reader.read(whole + junk, 0, 10)
    assert text.count(b"\n") == rows
    assert reached <= len(whole) + len(junk)
    body, rows, reached = library.CopyRows(3, (1,)).put(junk, 0)
    assert body.count(b"\n") == rows == junk[:reached].count(b"\n")


@pytest.mark.parametrize(
    "cells",
    [
        "[1, 2,3,4]",
        "[1,2,3]",
        "[1,2,3,4,5]",
        "[1,true,3,4]",
        "[1,-0,3,4]",
        "[1,01,3,4]",
        "[1,9223372036854775808,3,4]",
        "[1,1e999,3,4]",
        "[1,1.5E3,3,4]",
        '[1,"\\/",3,4]',
        '[1,"\\u00e9",3,4]',
        '[1,{"$b":"QQ"},3,4]',
        '[1,{"$b":"QR=="},3,4]',
        '[1,{"$s":"edb280"},3,4]',
        '[1,{"$r":"nan"},3,4]',
        '[{"$b":"QQ=="},2,3,4]',
        "[1,[2],3,4]",
    ],
)
def test_a_spelling_that_is_not_our_own_is_taken_by_python_or_refused_by_it(
    library: ModuleType, db: apsw.Connection, cells: str
) -> None:
    text = f"[0,null,null,null]\n{cells}\n[2,null,null,null]\n".encode()
    taken, _ = put(library, db, text)
    assert taken in {1, 3}
    db.execute("DELETE FROM t")
    fields = Fields("t", tuple(Field(name, "", "") for name in "kabc"), (0,))
    putter = Putter(db, fields, "main.t", list("kabc"))
    try:
        wanted = decoded(text)
    except DataError:
        with pytest.raises(DataError):
            putter.put(Block(text, 3, TAGGED, decoded))
        return
    if any(isinstance(cell, int) and cell >= 2**63 for cell in wanted[1]):
        with pytest.raises(DataError, match="the row with key 1 cannot be stored"):
            putter.put(Block(text, 3, TAGGED, decoded))
        return
    putter.put(Block(text, 3, TAGGED, decoded))
    rows = stored(db)
    db.execute("DELETE FROM t")
    putter.put(wanted)
    assert rows == stored(db)


def test_a_row_that_the_table_refuses_is_named(library: ModuleType, db: apsw.Connection) -> None:
    assert library
    putter = Putter(db, Fields("t", tuple(Field(name, "", "") for name in "kabc"), (0,)), "main.t", list("kabc"))
    text = lines.encode([(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 2, 2)], range(4))
    with pytest.raises(DataError, match="the row with key 1 cannot be stored"):
        putter.put(Block(text, 3, TAGGED, decoded))


def copied(rows: list[Row]) -> bytes:
    """The rows of (bigint, boolean, float8, text, bytea) as COPY's binary stream, with its end."""
    body = b""
    for key, flag, real, text, raw in rows:
        cells = (
            struct.pack(">q", key),
            None if flag is None else struct.pack(">?", flag),
            None if real is None else struct.pack(">d", real),
            None if text is None else str(text).encode(),
            raw,
        )
        body += struct.pack(">h", len(cells))
        for cell in cells:
            body += struct.pack(">i", -1) if cell is None else struct.pack(">i", len(cell)) + cell  # type: ignore[arg-type]
    return body + struct.pack(">h", -1)


POSTGRES = st.tuples(
    st.none() | st.booleans(), st.none() | st.floats(), st.none() | TEXT, st.none() | st.binary(max_size=40)
)


@MANY
@given(cells=st.lists(POSTGRES, min_size=1, max_size=6), width=st.integers(1, 40), data=st.data())
def test_rows_of_copy_are_written_as_python_writes_them(
    library: ModuleType, cells: list[tuple[object, ...]], width: int, data: st.DataObject
) -> None:
    wanted = keyed(cells)
    body = copied(wanted)
    writer, start, ended, found = library.CopyLines("i?dtb", 0), 0, native.MORE, list[bytes]()
    while ended == native.MORE:
        text, _, ended, _, start = writer.read(body, start, width)
        found.append(text)
    assert ended == native.DONE
    assert b"".join(found) == lines.encode(wanted, range(5))
    assert all(
        one < other for one, other in pairwise([int(text[1:].split(b",")[0]) // width for text in found if text])
    )
    assert frozenset(writer.tagged()) == frozenset().union(*map(lines.odd_places, wanted))
    short = body[: data.draw(st.integers(0, len(body) - 1))]
    text, _, ended, _, start = library.CopyLines("i?dtb", 0).read(short, 0, 1 << 62)
    assert ended != native.DONE
    assert lines.encode(wanted, range(5)).startswith(text)
    assert start <= len(short)


@MANY
@given(rows=ROWS)
def test_lines_become_what_postgres_reads_as_the_same_cells(
    library: ModuleType, rows: list[tuple[object, ...]]
) -> None:
    wanted = [row for row in keyed(rows) if not any(isinstance(cell, str) and "\0" in cell for cell in row)]
    text = lines.encode(wanted, range(4))
    body, count, reached = library.CopyRows(4, TAGGED).put(text, 0)
    assert (count, reached) == (len(wanted), len(text))
    for row, line in zip(wanted, body.split(b"\n")[:-1], strict=True):
        for cell, shown in zip(row, line.split(b"\t"), strict=True):
            assert same([(cell,)], [(meant(shown, cell),)])


def meant(shown: bytes, like: object) -> object:
    """What COPY's text means (https://www.postgresql.org/docs/current/sql-copy.html, text format)."""
    if shown == rb"\N":
        return None
    for escape, stands in ((rb"\n", b"\n"), (rb"\r", b"\r"), (rb"\t", b"\t")):
        parts = shown.split(rb"\\")
        shown = rb"\\".join(part.replace(escape, stands) for part in parts)
    text = shown.replace(rb"\\", b"\\")
    if isinstance(like, bytes):
        assert text.startswith(rb"\x")
        return bytes.fromhex(text[2:].decode())
    return text.decode() if isinstance(like, str) else type(like)(text)


def test_a_text_with_nul_is_left_to_python_which_refuses_it(library: ModuleType) -> None:
    text = lines.encode([(1, "a"), (2, "b\0")], (0, 1))
    body, rows, reached = library.CopyRows(2, ()).put(text, 0)
    assert (body, rows, text[reached:]) == (b"1\ta\n", 1, b'[2,"b\\u0000"]\n')


DIGITS = st.text("0123456789", min_size=1, max_size=30)
DECIMALS = st.tuples(st.sampled_from(("", "-")), DIGITS, st.none() | DIGITS).map(
    lambda found: found[0] + found[1] + ("" if found[2] is None else "." + found[2])
)


@MANY
@given(text=DECIMALS)
def test_decimals_keep_their_digits_and_their_scale(library: ModuleType, text: str) -> None:
    body, rows, _ = library.CopyRows(1, (), "n").put(lines.encode([(text,)], ()), 0)
    assert rows == 1
    columns, _, count, weight, sign, scale = struct.unpack(">hihhHh", body[:14])
    groups = struct.unpack(f">{count}h", body[14:])
    value = sum(
        (Fraction(group) * Fraction(10000) ** (weight - place) for place, group in enumerate(groups)), Fraction()
    )
    assert columns == 1
    assert (-value if sign else value) == Fraction(text)
    assert scale == len(text.partition(".")[2])


@MANY
@given(
    cells=st.lists(
        st.one_of(TEXT, DECIMALS, WHOLE, FLOATS, st.text("0123456789-:.+ TZabcdef", max_size=50)),
        min_size=9,
        max_size=9,
    )
)
def test_a_cell_that_is_no_value_of_its_type_is_left_to_python(library: ModuleType, cells: list[object]) -> None:
    text = lines.encode([tuple(cells)], ())  # type: ignore[arg-type]  # cells
    for codes in ("tjasDnu28", "?dbn4asDu", "nnnnnnnnn", "aaaassssD"):
        body, rows, reached = library.CopyRows(9, (), codes).put(text, 0)
        assert (rows, reached) in {(0, 0), (1, len(text))}
        assert len(body) >= rows * (2 + 9 * 4)
