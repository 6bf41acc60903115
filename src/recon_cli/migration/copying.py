"""One unit of a table into Postgres: a span of rows as one binary COPY, rows that are refused set aside."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack

import apsw
import psycopg

from recon_cli.core.catalog import Cell
from recon_cli.core.errors import StageError
from recon_cli.migration import compiled, ddl
from recon_cli.migration.choose import affinity
from recon_cli.migration.encode import HEADER, TRAILER, Encoder, Rejected
from recon_cli.migration.plan import Coding, ColumnPlan, TablePlan
from recon_cli.migration.policy import Policies
from recon_cli.migration.reading import HUGE_BYTES, LARGE_BYTES, WHOLE, Chunk, Reader, Span, Wanted, encoding_of, joined
from recon_cli.migration.target import REJECTS, Target
from recon_cli.stores.bulk.postgres_link import Connection, quote, run
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_words import quoted

_NULL = b"\xff\xff\xff\xff"
_IN_PIECES = {Coding.TEXT: b"", Coding.BYTES: b"", Coding.JSON: b"", Coding.JSONB: b"\x01"}
_STRICT = {Coding.BOOL, Coding.EPOCH_S, Coding.EPOCH_MS, Coding.EPOCH_US}
_DATA_REFUSED = ("22", "23", "54")


class MisjudgedError(StageError):
    """A plan that was made quickly does not hold for every value: a careful one has to be made."""


@dataclass(slots=True)
class Copied:
    """What one unit brought over, and the lines of what it could not."""

    rows: int = 0
    rejects: list[str] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)


def wanted(columns: Sequence[ColumnPlan]) -> list[Wanted]:
    """How each column is read."""
    return [Wanted(one.name, text="texts" in one.holds, mixed=len(one.holds) > 1) for one in columns]


def reader(db: apsw.Connection, table: TablePlan, columns: Sequence[ColumnPlan]) -> Reader:
    """Reads these columns of a table."""
    longest = table.longest_bytes if table.rowid else 0
    return Reader(db, table.name, wanted(columns), table.rowid, longest, encoding_of(db))


def learn(source: Reader, table: TablePlan, columns: Sequence[ColumnPlan], span: Span) -> bool:
    """Make up for a plan by a sample where Python reads: learn of large cells; False if a value is not as planned.

    Only what the encoder would not notice is asked for: it takes text that was cast, and numbers for one another.
    """
    odd = [found for column in columns if (found := _unexpected(column))]
    large = [
        f"octet_length({quoted(one.name)}) > {LARGE_BYTES}" for one in columns if {*one.holds} & {"texts", "blobs"}
    ]
    if not table.rowid or not (odd or large):
        return True
    source.longest_bytes = max(source.longest_bytes, LARGE_BYTES + 1 if _any(source, large, span) else 0)
    return not _any(source, odd, span)


def _any(source: Reader, conditions: Sequence[str], span: Span) -> bool:
    where = f"{source.rowid} BETWEEN ? AND ? AND ({joined(conditions, 'OR')})"
    sql = f"SELECT 1 FROM {quoted(source.table)} WHERE {where} LIMIT 1"
    return bool(conditions) and bool(ask(source.db, sql, (span.first, span.last)))


def _unexpected(column: ColumnPlan) -> str:
    """When a value is of another storage class than planned, and nobody else would notice."""
    if len(column.holds) != 1 or column.coding in _STRICT:
        return ""
    (held,), name = column.holds, quoted(column.name)
    by_affinity = affinity(column.declared) == held
    if by_affinity and held in {"integers", "reals"}:
        return ""
    if by_affinity and held == "texts":
        return f"typeof({name}) = 'blob'"
    return f"typeof({name}) NOT IN ('{held.removesuffix('s')}', 'null')"


def huge_cells(
    source: Reader, table: TablePlan, columns: Sequence[ColumnPlan], number: int, *, documents: bool = True
) -> dict[str, int]:
    """The cells of a row that can be read and sent in pieces, by column; how many bytes each has."""
    if source.utf16 or table.virtual:
        return {}
    fit = [one.name for one in columns if one.coding in _IN_PIECES and len(one.holds) == 1 and not one.careful]
    whole = {
        one.name for one in columns if (one.coding is Coding.JSONB and not documents) or one.expression is not None
    }
    return {name: size for name, size in source.sizes(number, fit) if size > HUGE_BYTES and name not in whole}


@dataclass(slots=True)
class Unit:
    """A span of a table on its way. `frozen`: the table is made in the same transaction."""

    db: apsw.Connection
    target: Target
    table: TablePlan
    policies: Policies
    span: Span = WHOLE
    frozen: bool = False
    quick: bool = False
    only: tuple[str, tuple[Cell, ...]] = ("", ())
    progress: Callable[[int], None] = lambda _rows: None

    def copy(self, connection: Connection) -> Copied:
        """Copy it, within the caller's transaction; where the server refuses a row, that row is found and set aside."""
        done = Copied()
        try:
            with connection.transaction():
                if self.frozen:
                    run(connection, ddl.create_table(self.target.aside, self.table))
                self._stream(connection, done)
        except psycopg.Error as exc:
            if not (exc.sqlstate or "").startswith(_DATA_REFUSED):
                raise
            if self.quick:
                raise MisjudgedError(f"{self.table.name} holds what was not seen at first", cause=str(exc)) from exc
            done = Copied()
            if self.frozen:
                run(connection, ddl.create_table(self.target.aside, self.table))
            self._in_parts(connection, done)
        self._keep(connection, done)
        return done

    def _keep(self, connection: Connection, done: Copied) -> None:
        statement = f"INSERT INTO {quote(self.target.aside)}.{REJECTS} VALUES (%s, %s)".encode()
        with connection.cursor() as cursor:
            if done.rejects:
                cursor.executemany(statement, [(self.table.name, line) for line in done.rejects])

    def _reader(self) -> Reader:
        source = reader(self.db, self.table, self.table.stored)
        source.only = self.only
        return source

    def _copy_sql(self, *, frozen: bool) -> bytes:
        columns = ", ".join(quote(column.target) for column in self.table.stored)
        listed = f" ({columns})" if columns else ""
        freeze = ", FREEZE" if frozen else ""
        into = ddl.relation(self.target.aside, self.table.target)
        return f"COPY {into}{listed} FROM STDIN (FORMAT binary{freeze})".encode()

    def _stream(self, connection: Connection, done: Copied) -> None:
        encoder = Encoder(self.table.stored, self.policies, strict=self.quick)
        source = self._reader()
        with connection.cursor() as cursor, cursor.copy(self._copy_sql(frozen=self.frozen)) as copy:
            copy.write(HEADER)
            for body in self._bodies(source, encoder, done):
                copy.write(body)
            for piece in self._large(source, done):
                copy.write(piece)
            copy.write(TRAILER)
        done.damage += source.damage

    def _bodies(self, source: Reader, encoder: Encoder, done: Copied) -> Iterator[bytes]:
        """All rows but large ones: by the compiled reader as far as it comes, then in Python."""
        span: Span | None = self.span
        codes = compiled.codes(self.table, self.table.stored, quick=self.quick)
        if codes and compiled.usable(source):
            native = compiled.Native(source, codes)
            for part in native.bodies(self.span):
                yield part.body
                done.rows += part.rows
                self.progress(part.rows)
            span = native.rest
            if span is not None and self.quick:
                raise MisjudgedError(f"{self.table.name} holds what was not seen at first")
        if span is not None and self.quick and not learn(source, self.table, self.table.stored, span):
            raise MisjudgedError(f"{self.table.name} holds what was not seen at first")
        for chunk in source.chunks(span) if span is not None else ():
            body, rejected = encoder.encode(chunk.cells)
            yield body
            self._count(done, chunk, rejected)

    def _count(self, done: Copied, chunk: Chunk, rejected: Sequence[Rejected]) -> None:
        if rejected and self.quick:
            raise MisjudgedError(f"{self.table.name} holds what was not seen at first", cause=rejected[0].reason)
        first = {one.place: one for one in reversed(rejected)}
        done.rejects += [self._line(chunk, one) for _, one in sorted(first.items())]
        rows = chunk.rows - len(first)
        done.rows += rows
        self.progress(rows)

    def _line(self, chunk: Chunk, one: Rejected) -> str:
        cells = {
            column.name: _told(values[one.place]) for column, values in zip(self.table.stored, chunk.cells, strict=True)
        }
        number = chunk.numbers[one.place] if chunk.numbers else None
        value = one.value
        hexed = {"hex": value.hex()} if isinstance(value, bytes) else {}
        line = {"table": self.table.name, "rowid": number, "column": one.column.name, "reason": one.reason}
        return json.dumps({**line, "value": _told(value), **hexed, "row": cells}, ensure_ascii=False)

    def _large(self, source: Reader, done: Copied) -> Iterator[bytes]:
        """Rows with a large cell, each cell in pieces."""
        if source.longest_bytes <= LARGE_BYTES:
            return
        encoder = Encoder(self.table.stored, self.policies)
        for number in source.large_numbers(self.span):
            sizes = huge_cells(source, self.table, self.table.stored, number)
            small, chunk = source.one(number, without=sizes)
            rejected: list[Rejected] = []
            if sizes:
                yield from self._pieces(encoder, source, number, small, sizes)
            else:
                body, rejected = encoder.encode(chunk.cells)
                yield body
            self._count(done, chunk, rejected)

    def _pieces(
        self, encoder: Encoder, source: Reader, number: int, cells: Sequence[Sequence[Cell]], sizes: Mapping[str, int]
    ) -> Iterator[bytes]:
        """One row, its huge cells read and sent a piece at a time."""
        wires, rejected = encoder.wires(cells)
        if rejected:
            raise MisjudgedError(f"{self.table.name} row {number}: {rejected[0].reason}")
        yield pack(">h", len(self.table.stored))
        for place, column in enumerate(self.table.stored):
            if column.name not in sizes:
                yield encoder.one_piece(place, wires[place][0])
                continue
            before = _IN_PIECES[column.coding]
            yield pack(">i", sizes[column.name] + len(before)) + before
            yield from source.pieces(number, column.name)

    def _in_parts(self, connection: Connection, done: Copied) -> None:
        """The slow way: a chunk that the server refuses is halved until the row is alone."""
        source = self._reader()
        encoder = Encoder(self.table.stored, self.policies)
        for chunk in source.chunks(self.span):
            self._halve(connection, encoder, chunk, done)
        for _, chunk in source.large(self.span):
            self._halve(connection, encoder, chunk, done)
        done.damage += source.damage

    def _halve(self, connection: Connection, encoder: Encoder, chunk: Chunk, done: Copied) -> None:
        body, rejected = encoder.encode(chunk.cells)
        try:
            with (
                connection.transaction(),
                connection.cursor() as cursor,
                cursor.copy(self._copy_sql(frozen=False)) as c,
            ):
                c.write(HEADER + body + TRAILER)
        except psycopg.Error as exc:
            if not (exc.sqlstate or "").startswith(_DATA_REFUSED):
                raise
            if chunk.rows == 1:
                self._count(done, chunk, [self._refused(chunk, exc)])
                return
            middle = chunk.rows // 2
            for part in (slice(None, middle), slice(middle, None)):
                half = Chunk(chunk.numbers[part], [values[part] for values in chunk.cells])
                self._halve(connection, encoder, half, done)
            return
        self._count(done, chunk, rejected)

    def _refused(self, chunk: Chunk, error: psycopg.Error) -> Rejected:
        context = error.diag.context or ""
        named = next((one for one in self.table.stored if f"column {one.target}" in context), self.table.stored[0])
        values = chunk.cells[self.table.stored.index(named)]
        return Rejected(0, named, values[0], error.diag.message_primary or str(error))


def _told(value: Cell) -> object:
    """A stored value as JSON; bytes that are no text as base64 under `$b`."""
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return {"$b": base64.b64encode(value).decode()}
        return text
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124  NaN
        return {"$r": repr(value)}
    return value
