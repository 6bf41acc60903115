"""Whether the target holds what the source holds: checksums of every column on both sides, then the rows that differ.

Tables whose key is the row number are compared block by block: an MD5 over each column's values in key order, made by
the server from its own rows and here from the source's. Other tables are compared by the sum of their rows' digests,
which needs no order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import apsw

from recon_cli.core.json_text import loads
from recon_cli.migration import compiled, ddl
from recon_cli.migration.copying import huge_cells, learn, reader
from recon_cli.migration.encode import Encoder
from recon_cli.migration.plan import Coding, ColumnPlan, TablePlan
from recon_cli.migration.policy import Policies
from recon_cli.migration.reading import LARGE_BYTES, WHOLE, Chunk, Reader, Span
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote

NAMED = 5
"""How many differing keys are named per table."""
_SENT = {
    "bigint": "int8send({})",
    "double precision": "float8send({})",
    "boolean": "boolsend({})",
    "date": "date_send({})",
    "time": "time_send({})",
    "timestamp without time zone": "timestamp_send({})",
    "timestamp with time zone": "timestamptz_send({})",
    "uuid": "uuid_send({})",
    "bytea": "{}",
    "json": "convert_to({}::text, 'UTF8')",
    "jsonb": "convert_to({}::text, 'UTF8')",
}
_FIXED = frozenset(list(_SENT)[:7])
_SUM_HEX = 15
_BLOCK_BYTES, _BLOCK_ROWS = 2 << 20, 2000


@dataclass(slots=True)
class Verdict:
    """One table, or a span of it: rows on both sides, the columns that differ, the first keys that do."""

    table: str
    source_rows: int = 0
    target_rows: int = 0
    columns: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    total: int = 0
    """The sum of the digests of the source's rows less the target's, where rows are compared by sums."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self.source_rows == self.target_rows and not self.columns and not self.keys and not self.total

    def add(self, other: Verdict) -> None:
        """Take another span of the same table in."""
        self.source_rows += other.source_rows
        self.target_rows += other.target_rows
        self.columns |= other.columns
        self.keys = [*self.keys, *other.keys][:NAMED]
        self.total += other.total


def sent(column: ColumnPlan) -> str:
    """The column's value as bytes, in SQL: as `Encoder.column_bytes` has it."""
    name = quote(column.target)
    if column.type.startswith("numeric"):
        return f"numeric_send({name})"
    return _SENT.get(column.type, "convert_to({}, 'UTF8')").format(name)


def _aggregate(column: ColumnPlan) -> str:
    between = "''" if column.type in _FIXED else r"'\x01'::bytea"
    value = sent(column) if not column.nullable else rf"coalesce({sent(column)}, '\x02'::bytea)"
    return f"md5(string_agg({value}, {between}))"


@dataclass(slots=True)
class Comparison:
    """Compares one table; `schema` is where the target has it."""

    db: apsw.Connection
    connection: Connection
    schema: str
    table: TablePlan
    policies: Policies
    skipped: frozenset[int] = frozenset()
    """Row numbers that were refused, and are not expected in the target."""
    quick: bool = False
    source: Reader = field(init=False)
    """It learns of large cells on the way."""

    def __post_init__(self) -> None:
        self.source = reader(self.db, self.table, self.table.columns)

    def compare(self, span: Span = WHOLE) -> Verdict:
        """A span of the table; tables without a row number as key have one span only."""
        if self.table.number is None:
            return self._by_sums(span)
        return self._by_blocks(span)

    def _by_blocks(self, span: Span) -> Verdict:
        verdict = Verdict(self.table.name)
        ours = list(self._own_blocks(span))
        starts = [first for first, *_ in ours][1:]
        theirs: dict[int, list[Any]] = {number: rest for number, *rest in self._their_blocks(span, starts)}
        for place, (_, rows, digests) in enumerate(ours):
            verdict.source_rows += rows
            count, *found = theirs.get(place) or [0, *[None] * len(digests)]
            verdict.target_rows += count
            odd = {
                column.name
                for column, one, other in zip(self.table.columns, digests, found, strict=True)
                if one != (other or _EMPTY)
            }
            if odd or count != rows:
                verdict.columns |= odd
                last = starts[place] - 1 if place < len(starts) else span.last
                first = ours[place][0] if place else span.first
                self._name_rows(verdict, Span(first, last))
        if not ours:
            verdict.target_rows += sum(rest[0] for rest in theirs.values())
        self._compare_large(verdict, span)
        return verdict

    def _compare_large(self, verdict: Verdict, span: Span) -> None:
        """Rows with a large cell, one by one."""
        number = self.table.number
        assert number is not None  # as above
        encoder = Encoder(self.table.columns, self.policies)
        listed = ", ".join(f"md5({sent(column)})" for column in self.table.columns)
        on, name = ddl.relation(self.schema, self.table.target), quote(number.target)
        source = self.source
        for key in source.large_numbers(span) if source.longest_bytes > LARGE_BYTES else ():
            huge = huge_cells(source, self.table, self.table.columns, key, documents=False)
            cells, _ = source.one(key, without=huge)
            wires, rejected = encoder.wires(cells)
            if rejected or key in self.skipped:
                continue
            verdict.source_rows += 1
            theirs = ask(self.connection, f"SELECT {listed} FROM {on} WHERE {name} = {key:d}")
            verdict.target_rows += len(theirs)
            ours = tuple(
                _in_pieces(source, key, column.name)
                if column.name in huge
                else self._digest(encoder, place, wires[place][0])
                for place, column in enumerate(self.table.columns)
            )
            if not theirs or ours != theirs[0]:
                found = theirs[0] if theirs else ours
                odd = [c.name for c, one, other in zip(self.table.columns, ours, found, strict=True) if one != other]
                verdict.columns |= set(odd)
                verdict.keys = [*verdict.keys, f"{key}: {', '.join(odd) or 'not in the target'}"][:NAMED]

    def _own_blocks(self, span: Span) -> Iterator[tuple[int, int, list[str]]]:
        rest: Span | None = span
        codes = compiled.codes(self.table, self.table.columns, quick=self.quick, verifying=True)
        if codes and not self.skipped and compiled.usable(self.source):
            native = compiled.Native(self.source, codes, parts=True)
            for body in native.bodies(span, _BLOCK_BYTES, _BLOCK_ROWS):
                yield body.first, body.rows, [_md5(part) for part in body.parts]
            rest = native.rest
        if rest is not None and self.quick:
            learn(self.source, self.table, self.table.columns, rest)
        encoder = Encoder(self.table.columns, self.policies)
        for chunk in map(self._kept, self.source.chunks(rest)) if rest is not None else ():
            if not chunk.rows:
                continue
            wires, _ = encoder.wires(chunk.cells)
            rows = len(wires[0])
            digests = [
                _md5(encoder.column_bytes(place, compared(column, values)))
                for place, (column, values) in enumerate(zip(self.table.columns, wires, strict=True))
            ]
            yield chunk.numbers[0], rows, digests

    def _their_blocks(self, span: Span, starts: Sequence[int]) -> list[tuple[Any, ...]]:
        number = self.table.number
        assert number is not None  # blocks are cut by it
        name = quote(number.target)
        listed = ", ".join(_aggregate(column) for column in self.table.columns)
        large = self._large_numbers(span)
        without = f" AND NOT {name} = ANY({_array(large)})" if large else ""
        bucket = f"width_bucket({name}, {_array(starts)})" if starts else "0"
        sql = (
            f"SELECT {bucket}, count(*), {listed} FROM (SELECT * FROM"
            f" {ddl.relation(self.schema, self.table.target)} WHERE {_between(name, span)}{without}"
            f" ORDER BY {name}) AS s GROUP BY 1"
        )
        return ask(self.connection, sql)

    def _large_numbers(self, span: Span) -> list[int]:
        return [] if self.source.longest_bytes <= LARGE_BYTES else self.source.large_numbers(span)

    def _by_sums(self, span: Span) -> Verdict:
        verdict = Verdict(self.table.name)
        for _, one in self._own_rows(span):
            verdict.source_rows += 1
            verdict.total += one
        columns = " || ".join(_row_part(column) for column in self.table.columns) or "''::bytea"
        digest = f"('x' || left(md5({columns}), {_SUM_HEX}))::bit(60)::bigint"
        sql = (
            f"SELECT count(*), coalesce(sum({digest}::numeric), 0) FROM {ddl.relation(self.schema, self.table.target)}"
        )
        ((rows, total),) = ask(self.connection, sql)
        verdict.target_rows, verdict.total = rows, verdict.total - int(total)
        if not verdict.same:
            self._name_rows_by_digest(verdict, digest, span)
        return verdict

    def _own_rows(self, span: Span) -> Iterator[tuple[tuple[object, ...], int]]:
        encoder = Encoder(self.table.columns, self.policies)
        for chunk in self._chunks(span):
            wires, _ = encoder.wires(chunk.cells)
            pieces = [
                row_pieces(encoder, place, compared(column, values))
                for place, (column, values) in enumerate(zip(self.table.columns, wires, strict=True))
            ]
            for row in zip(*pieces, strict=True):
                found = hashlib.md5(b"".join(row), usedforsecurity=False).hexdigest()
                yield row, int(found[:_SUM_HEX], 16)

    def _chunks(self, span: Span) -> Iterator[Chunk]:
        yield from map(self._kept, self.source.chunks(span))
        yield from (self._kept(chunk) for _, chunk in self.source.large(span))

    def _kept(self, chunk: Chunk) -> Chunk:
        """The chunk without the rows that were refused."""
        if not self.skipped or self.skipped.isdisjoint(chunk.numbers):
            return chunk
        places = [place for place, number in enumerate(chunk.numbers) if number not in self.skipped]
        cells = [[values[place] for place in places] for values in chunk.cells]
        return Chunk([chunk.numbers[place] for place in places], cells)

    def _name_rows_by_digest(self, verdict: Verdict, digest: str, span: Span) -> None:
        """The first rows of the source that the target does not have, by their key or first columns."""
        on = ddl.relation(self.schema, self.table.target)
        theirs: dict[int, int] = {}
        for (one,) in ask(self.connection, f"SELECT {digest} FROM {on}"):
            theirs[one] = theirs.get(one, 0) + 1
        shown = self.table.key or tuple(column.target for column in self.table.columns[:2])
        places = [place for place, column in enumerate(self.table.columns) if column.target in shown]
        for row, one in self._own_rows(span):
            if theirs.get(one, 0):
                theirs[one] -= 1
                continue
            told = ", ".join(row[place][4:].decode("utf-8", "replace")[:60] for place in places)  # type: ignore[index]
            verdict.keys.append(f"({told})")
            if len(verdict.keys) >= NAMED:
                return
        extra = sum(theirs.values())
        if extra and not verdict.keys:
            verdict.keys.append(f"{extra} rows that the source does not have")

    def _name_rows(self, verdict: Verdict, span: Span) -> None:
        """The first keys of a block that differ, and in which columns."""
        if len(verdict.keys) >= NAMED:
            return
        number = self.table.number
        assert number is not None  # as above
        listed = ", ".join(f"md5({sent(column)})" for column in self.table.columns)
        on, name = ddl.relation(self.schema, self.table.target), quote(number.target)
        sql = f"SELECT {name}, {listed} FROM {on} WHERE {_between(name, span)}"
        theirs = {key: tuple(rest) for key, *rest in ask(self.connection, sql)}
        for key, digests in self._own_keys(span):
            found = theirs.pop(key, None)
            if found is None:
                verdict.keys.append(f"{key}: not in the target")
            elif found != digests:
                odd = [c.name for c, one, other in zip(self.table.columns, digests, found, strict=True) if one != other]
                verdict.columns |= set(odd)
                verdict.keys.append(f"{key}: {', '.join(odd)}")
            if len(verdict.keys) >= NAMED:
                return
        verdict.keys += [f"{key}: not in the source" for key in sorted(theirs)[: NAMED - len(verdict.keys)]]

    def _own_keys(self, span: Span) -> Iterator[tuple[int, tuple[str | None, ...]]]:
        encoder = Encoder(self.table.columns, self.policies)
        place = next(at for at, column in enumerate(self.table.columns) if column is self.table.number)
        for chunk in map(self._kept, self.source.chunks(span)):
            wires, _ = encoder.wires(chunk.cells)
            for row in zip(*wires, strict=True):
                yield row[place], tuple(self._digest(encoder, at, value) for at, value in enumerate(row))

    def _digest(self, encoder: Encoder, place: int, value: object) -> str | None:
        if value is None:
            return None
        return _md5(encoder.column_bytes(place, compared(self.table.columns[place], [value])))


def _in_pieces(source: Reader, number: int, name: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for piece in source.pieces(number, name):
        digest.update(piece)
    return digest.hexdigest()


def _array(numbers: Sequence[int]) -> str:
    return f"'{{{','.join(map(str, numbers))}}}'::bigint[]"


def _between(name: str, span: Span) -> str:
    return f"{name} BETWEEN '{span.first:d}' AND '{span.last:d}'"


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


_EMPTY = _md5(b"")


def _row_part(column: ColumnPlan) -> str:
    value = sent(column)
    return rf"coalesce(int4send(octet_length({value})) || {value}, '\xffffffff'::bytea)"


def row_pieces(encoder: Encoder, place: int, values: Sequence[object]) -> list[bytes]:
    """Each value with its length before it, as `_row_part` has it on the server."""
    form = encoder.form(place)
    if form:
        return encoder.fixed_pieces(place, values)
    return [
        b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big") + value  # type: ignore[arg-type,operator]
        for value in values
    ]


def compared(column: ColumnPlan, values: Sequence[object]) -> Sequence[object]:
    """Values as they go out → as the server shows them: `jsonb` in its own spelling, all else the same."""
    if column.coding is not Coding.JSONB:
        return values
    return [None if value is None else jsonb_text(value[1:]) for value in values]  # type: ignore[index]


class _OddNumber(Exception):  # noqa: N818  a signal within this module
    """A number that Python would spell otherwise than Postgres."""


def jsonb_text(text: bytes) -> bytes:
    """A JSON text as Postgres's `jsonb` writes it: keys by length, then by bytes, the last of two; numbers in full."""
    try:
        found = loads(text, parse_float=_float, object_pairs_hook=_ordered)
        return json.dumps(found, ensure_ascii=False).encode()
    except _OddNumber:
        return _spelled(loads(text, parse_float=Decimal, object_pairs_hook=_ordered)).encode()


def _float(text: str) -> float:
    value = float(text)
    if "e" in text or "E" in text or repr(value) != text or value == 0:
        raise _OddNumber
    return value


def _ordered(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) < 2:  # noqa: PLR2004  nothing to order
        return dict(pairs)
    return dict(sorted(dict(pairs).items(), key=_by_length))


def _by_length(pair: tuple[str, object]) -> tuple[int, bytes]:
    raw = pair[0].encode()
    return len(raw), raw


def _spelled(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {_spelled(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_spelled, value)) + "]"
    if isinstance(value, Decimal):
        return f"{abs(value) if value == 0 else value:f}"
    return json.dumps(value, ensure_ascii=False)
