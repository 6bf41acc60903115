"""Rows as JSON lines, a chunk at a time. docs/design/snapshot-format.md is the specification.

A row is one JSON array on one line. Plain cells are plain JSON; what JSON cannot say is an object with one `$` key, as
in `core/canonical.py`: `{"$b": base64}` bytes, `{"$r": "inf"}` a float that is not finite, `{"$s": hex}` text with lone
surrogates.
"""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from operator import itemgetter

import orjson

from recon_cli.core import canonical
from recon_cli.core.catalog import Cell, DeclaredTable, Kind
from recon_cli.core.errors import DataError

Row = tuple[Cell, ...]

LONGEST_LINE = 256 << 20
"""A row takes at most so many bytes as a line: whoever reads must hold one."""
LARGE = 1 << 20
"""From here on a cell, a line or a block is too large to be copied about."""

_INFINITE = float("inf")
_BLOCK_BYTES = 256 * 1024
_MAY_BE_ODD = frozenset({Kind.ANY, Kind.REAL})
_TEXT_WORDS = ("CHAR", "CLOB", "TEXT")
_PIECE = 3 << 18
"""Base64 can be written in pieces of three bytes."""


def floats(table: DeclaredTable) -> tuple[int, ...]:
    """The places in a row where a float may stand: all others need not be searched for infinities.

    A SQLite column of TEXT affinity turns floats into text (https://sqlite.org/datatype3.html, section 3.1).
    """
    return tuple(
        place
        for place, column in enumerate(table.stored)
        if column.kind in _MAY_BE_ODD and not (column.kind is Kind.ANY and _text_affinity(column.declared))
    )


def _text_affinity(declared: str) -> bool:
    upper = declared.upper()
    return "INT" not in upper and any(word in upper for word in _TEXT_WORDS)


def encode(rows: Sequence[Row], floats: Sequence[int]) -> bytes:
    """The rows as JSON lines, each ending in a newline; the same rows give the same bytes. `floats`: see `floats`.

    Raises:
        DataError: a cell is no `Cell`.
    """
    return encode_counted(rows, floats)[0]


def _encodable(text: str) -> bool:
    """Whether a large text is free of lone surrogates; asked piece by piece, for a str keeps its UTF-8 once made."""
    try:
        for start in range(0, len(text), _PIECE):
            text[start : start + _PIECE].encode()
    except UnicodeEncodeError:
        return False
    return True


def _string(text: str) -> Iterator[bytes]:
    yield b'"'
    for start in range(0, len(text), _PIECE):
        yield orjson.dumps(text[start : start + _PIECE])[1:-1]
    yield b'"'


def encode_counted(rows: Sequence[Row], floats: Sequence[int]) -> tuple[bytes, int]:
    """As `encode`, with the number of cells that are tagged."""
    found, tags = encode_lines(rows, floats)
    return joined(found), tags


def joined(found: list[bytes]) -> bytes:
    """Lines as one text, each ending in a newline."""
    return b"\n".join((*found, b"")) if found else b""


def encode_lines(rows: Sequence[Row], floats: Sequence[int]) -> tuple[list[bytes], int]:
    """As `encode`, line by line without their newlines, and the number of cells that are tagged."""
    if not rows:
        return [], 0
    _cells(rows[0])
    _cells(rows[-1])
    tags = _Tags()
    try:
        found = list(map(orjson.dumps, rows, repeat(tags.write)))
    except (TypeError, ValueError):  # lone surrogates
        return _slowly(rows)
    if any(_not_finite(rows, place) for place in floats):
        return _slowly(rows)
    return found, tags.written


def _cells(row: Row) -> None:
    """Refuse what orjson would write and no reader take: lists and dates of a store that did not spell its values.

    Looking at every row would cost more than writing it; a store that errs does so for a whole column.
    """
    for cell in row:
        if type(cell) not in _CELLS:
            raise DataError("a cell is nothing that a snapshot can hold", cause=type(cell).__name__, hint=_BUG)


_CELLS = frozenset({type(None), bool, int, float, str, bytes})
_BUG = "report this bug"


def _not_finite(rows: Sequence[Row], place: int) -> bool:
    """Whether a float of a column is none that JSON can say: orjson writes null for it. Their sum tells at once."""
    try:
        if math.isfinite(sum(filter(None, map(itemgetter(place), rows)))):
            return False
    except (TypeError, OverflowError):  # not numbers alone, or integers beyond all floats
        pass
    column = list(map(itemgetter(place), rows))
    return float in set(map(type, column)) and not all(math.isfinite(one) for one in column if type(one) is float)


class _Tags:
    """Writes the cells that orjson does not know, and counts them."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, cell: object) -> dict[str, str]:
        if not isinstance(cell, bytes):
            raise TypeError
        self.written += 1
        return {"$b": binascii.b2a_base64(cell, newline=False).decode("ascii")}


def _slowly(rows: Sequence[Row]) -> tuple[list[bytes], int]:
    try:
        cells = [[_odd(cell) for cell in row] for row in rows]
        found = [orjson.dumps(row) for row in cells]
    except (TypeError, ValueError, AttributeError) as exc:
        raise DataError("a cell is nothing that a snapshot can hold", cause=str(exc), hint=_BUG) from exc
    return found, sum(isinstance(cell, dict) for row in cells for cell in row)


def _odd(cell: Cell) -> object:
    if type(cell) not in _CELLS:
        raise TypeError(type(cell).__name__)
    if isinstance(cell, float) and not math.isfinite(cell):
        return {"$r": repr(cell)}
    return cell if isinstance(cell, float) else canonical.encode(cell)


def is_large(row: Row) -> bool:
    """Whether a row has a cell that had better be written by `parts`."""
    return any(len(cell) > LARGE for cell in row if isinstance(cell, bytes | str))


def parts(row: Row) -> Iterator[bytes]:
    """The line of one large row, piece by piece: the same bytes as `encode` gives."""
    lead = b"["
    for cell in row:
        yield lead
        lead = b","
        if isinstance(cell, bytes) and len(cell) > LARGE:
            yield from _base64(memoryview(cell))
        elif isinstance(cell, str) and len(cell) > LARGE and _encodable(cell):
            yield from _string(cell)
        else:
            yield encode([(cell,)], (0,))[1:-2]
    yield b"]\n"


def _base64(cell: memoryview) -> Iterator[bytes]:
    yield b'{"$b":"'
    for start in range(0, len(cell), _PIECE):
        yield binascii.b2a_base64(cell[start : start + _PIECE], newline=False)
    yield b'"}'


def tagged(rows: Sequence[Row], tags: int, known: frozenset[int] = frozenset()) -> frozenset[int]:
    """The places where a cell of these rows is tagged, of which there are `tags`, together with those known already."""
    if not tags or tags == sum(_types(rows, place).count(bytes) for place in known):
        return known
    return known | {place for place in range(len(rows[0])) if any(map(_is_odd, map(itemgetter(place), rows)))}


def odd_places(row: Row) -> frozenset[int]:
    """The places of the cells of one row that are tagged."""
    return frozenset(place for place, cell in enumerate(row) if _is_odd(cell))


def _types(rows: Sequence[Row], place: int) -> list[type]:
    return list(map(type, map(itemgetter(place), rows)))


def _is_odd(cell: Cell) -> bool:
    if isinstance(cell, str | float):
        return isinstance(_odd(cell), dict)
    return isinstance(cell, bytes)


def decode(block: bytes) -> list[list[object]]:
    """Whole lines as rows; tagged cells are still objects, see `untag`.

    Raises:
        DataError: the lines are not JSON arrays.
    """
    if not block:
        return []
    try:
        rows = _loaded(block) if len(block) < LARGE else [_line(line) for line in _lines(block)]
    except ValueError as exc:
        raise DataError("a line is not JSON", cause=str(exc)) from exc
    if not isinstance(rows, list) or not all(type(row) is list for row in rows):
        raise DataError("a line is not a JSON array")
    return rows


def _loaded(block: bytes) -> object:
    view = memoryview(block.replace(b"\n", b","))
    rows = orjson.loads(b"".join((b"[", view[:-1] if block.endswith(b"\n") else view, b"]")))
    if not isinstance(rows, list) or len(rows) != block.count(b"\n"):
        raise ValueError("a line holds more than one array")
    return rows


def _lines(block: bytes) -> Iterator[memoryview]:
    """The lines of a large block, without copying them. Deep nesting, which grows in memory, is refused unparsed."""
    view, start = memoryview(block), 0
    while start < len(block):
        end = block.index(b"\n", start)
        if end - start > LARGE and _structure(block, start, end) > LARGE:
            raise ValueError("a long line is made of more than texts")
        yield view[start:end]
        start = end + 1


def _line(line: memoryview) -> object:
    """One line; blobs over a megabyte are decoded where they stand, for the parser would copy their text twice."""
    bodies: list[bytes] = []
    pieces: list[bytes | memoryview] = []
    start = 0
    for found in _LONG_BLOB.finditer(line) if len(line) > LARGE else ():
        pieces += [line[start : found.start(1)], b"%s%d" % (_CUT_OUT, len(bodies))]
        bodies.append(binascii.a2b_base64(line[found.start(1) : found.end(1)], strict_mode=True))
        start = found.end(1)
    if not bodies:
        return orjson.loads(line)
    row = orjson.loads(b"".join((*pieces, line[start:])))
    _put_back(row, bodies)
    return row


_CUT_OUT = b"#"
"""What no base64 begins with. What it stands for in a line, no string can hold: its quotes would be escaped."""
_LONG_BLOB = re.compile(rb'\{"\$b":"([A-Za-z0-9+/]{%d,}={0,2})"\}' % LARGE)


def _put_back(row: object, bodies: list[bytes]) -> None:
    """Blobs in the place of what was put for them: still tagged, but as bytes, which JSON cannot hold."""
    marks = {f"{_CUT_OUT.decode()}{number}": body for number, body in enumerate(bodies)}
    for cell in row if isinstance(row, list) else ():
        if isinstance(cell, dict) and isinstance(mark := cell.get("$b"), str) and mark in marks:
            cell["$b"] = marks.pop(mark)
    if marks:
        raise ValueError("a blob stands in no cell")


_LONG_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def _structure(block: bytes, start: int, end: int) -> int:
    """How many bytes of a line stand outside its strings."""
    return end - start - sum(found.end() - found.start() for found in _LONG_STRING.finditer(block, start, end))


def untag(rows: list[list[object]], places: Iterable[int]) -> int:
    """Put the value for which it stands in the place of every tagged cell of these columns; how many there were.

    Raises:
        DataError: a tag is unknown or its body broken, or a row is too short.
    """
    found = 0
    try:
        for place in places:
            for row in rows:
                if type(row[place]) is dict:
                    row[place] = _value(row[place])
                    found += 1
    except (ValueError, TypeError, IndexError) as exc:
        raise DataError("a cell has a tag that cannot be read", cause=str(exc)) from exc
    return found


def _value(cell: object) -> Cell:
    assert isinstance(cell, dict)
    ((tag, body),) = cell.items()
    if tag == "$b" and isinstance(body, bytes):
        return body
    if tag not in _TAGS or not isinstance(body, str):
        raise ValueError("no tag of the format")
    return _TAGS[tag](body)


def _float(body: str) -> float:
    if body not in {"inf", "-inf", "nan"}:
        raise ValueError("no float that needs a tag")
    return float(body)


_TAGS: dict[str, Callable[[str], Cell]] = {
    "$b": lambda body: binascii.a2b_base64(body, strict_mode=True),
    "$r": _float,
    "$s": lambda body: bytes.fromhex(body).decode("utf-8", "surrogatepass"),
}


def blocks(
    chunks: Iterable[bytes], *, size_bytes: int = _BLOCK_BYTES, longest_bytes: int = LONGEST_LINE
) -> Iterator[bytes]:
    """A byte stream cut at line ends into blocks of about `size_bytes`.

    Raises:
        DataError: a line is longer than `longest_bytes`, or the last one does not end.
    """
    kept: list[bytes] = []
    held = 0
    for chunk in chunks:
        kept.append(chunk)
        held += len(chunk)
        if held < size_bytes:
            continue
        if held > longest_bytes + size_bytes:
            raise DataError("a line is longer than a row may be", cause=f"over {longest_bytes} bytes")
        cut = chunk.rfind(b"\n") + 1
        if cut:
            rest = chunk[cut:]
            kept[-1] = chunk[:cut]
            whole = [b"".join(kept)]
            kept, held = [rest], len(rest)
            yield whole.pop()  # nothing here holds on to it
    rest = b"".join(kept)
    if rest and not rest.endswith(b"\n"):
        raise DataError("the last line does not end", cause="the file is cut short")
    if rest:
        yield rest


def read(
    chunks: Iterable[bytes],
    *,
    columns: int,
    tagged: Sequence[int],
    opened: Callable[[bytes], None] = lambda _block: None,
) -> Iterator[list[Row]]:
    """Rows of a byte stream in lists: each of `columns` cells, which are objects only at the places `tagged`.

    `opened` sees each block's bytes.

    Raises:
        DataError: a line is anything else.
    """
    unlike = False
    for block in blocks(chunks):
        opened(block)
        # A container costs a bracket: where there are none but those of rows and tags, no cell needs to be looked at.
        # Where texts have brackets, counting them would be for nothing again.
        brackets, braces = (0, 0) if unlike else (block.count(b"["), block.count(b"{"))
        rows = decode(block)
        del block
        tags = untag(rows, tagged)
        if set(map(len, rows)) != {columns}:
            raise DataError("a row has not as many cells as its table has columns", cause=f"not {columns}")
        unlike = unlike or brackets != len(rows) or braces != tags
        if unlike and not _NESTED.isdisjoint(map(type, chain.from_iterable(rows))):
            raise DataError("a cell is an array, or an object in a column without tags")
        yield list(map(tuple, rows))  # type: ignore[arg-type]  # what is no container is a cell


_NESTED = frozenset({dict, list})
