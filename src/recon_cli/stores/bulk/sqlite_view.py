"""Reading one state of a SQLite file: whole tables in key order, as fast as SQLite gives them.

Rows come a chunk at a time straight from the cursor. Two things stop it, and only the chunk that has them is slow:
text that is not UTF-8, and a cell over a limit (SQLITE_LIMIT_LENGTH), which is how rows of 40 MB are found before they
fill the memory. From the last good row on, such a chunk is read with text as bytes, or row by row.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from types import ModuleType

import apsw

from recon_cli.core.catalog import Catalog, Cell
from recon_cli.core.errors import LockedError, NotFoundError, UsageError
from recon_cli.core.lines import Lines
from recon_cli.stores.bulk import native
from recon_cli.stores.bulk.base import Bounds, Row, Span
from recon_cli.stores.bulk.sqlite_catalog import KNOWN_COLLATIONS, SEARCH, listed, read_catalog
from recon_cli.stores.bulk.sqlite_open import ask, state, translated
from recon_cli.stores.bulk.sqlite_words import module, quoted

_BUDGET_BYTES = 4 << 20
_GUARD_BYTES = 16 << 20
_MOST_APART = 64
"""So many chunks are read as rows where the compiled library stopped often."""
_TEXT_BYTES = 1 << 19
_WHOLE = Span()
_LONGEST = 1 << 30
_SAMPLE = 8


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an order: an expression with its collation. `nullable`: NULL may be stored in it."""

    sql: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How to read a table: its cells as expressions, its order, and where the order's cells stand in a row."""

    table: str
    cells: tuple[str, ...]
    order: tuple[Term, ...]
    places: tuple[int, ...]
    keyed: bool
    row_number: str | None = None


@dataclass(slots=True)
class _Reach:
    """How far reading came: `after` cells of the order (or `first`, included), and how many rows to skip from there."""

    start: Row | None
    included: bool = True
    skip_rows: int = 0


@dataclass(slots=True)
class SqliteView:
    """One read transaction."""

    db: apsw.Connection
    path: Path
    timeout_s: float
    immutable: bool = False
    consistency: str = "one transaction"
    _shapes: dict[str, Shape] = field(default_factory=dict)
    _utf16: str = ""
    _opened: str = ""

    def begin(self) -> None:
        """Take the state as it is now."""
        self._opened = state(self.path)
        self.db.execute("BEGIN")
        ask(self.db, "SELECT 1 FROM sqlite_schema LIMIT 1")
        encoding = str(self.db.pragma("encoding"))
        self._utf16 = (
            ""
            if encoding == "UTF-8"
            else encoding.lower().replace("utf-16le", "utf-16-le").replace("utf-16be", "utf-16-be")
        )
        self.db.collation_needed(_any_collation)

    def end(self) -> None:
        """Verify what was only assumed: that nobody changed a file which was read without locks."""
        if self.immutable and state(self.path) != self._opened:
            raise LockedError(
                f"{self.path} was changed while it was read",
                cause="its folder cannot be written to, so that it was read without locks",
                hint="run again, or give recon write permission on the folder",
            )

    def _errors(self) -> AbstractContextManager[None]:
        return translated(self.path, self.timeout_s)

    def catalog(self) -> Catalog:
        """See `View`."""
        with self._errors():
            return read_catalog(self.db)

    def count(self, table: str) -> int:
        """See `View`."""
        with self._errors():
            return int(ask(self.db, f"SELECT count(*) FROM {quoted(self._shape(table).table)}")[0][0])

    def bounds(self, table: str) -> Bounds | None:
        """See `View`."""
        with self._errors():
            shape = self._shape(table)
            if not shape.keyed or len(shape.places) != 1:
                return None
            key = shape.cells[shape.places[0]]
            name = quoted(shape.table)
            least, greatest = (ask(self.db, f"SELECT {which}({key}) FROM {name}")[0][0] for which in ("min", "max"))
            rows = int(ask(self.db, f"SELECT count(*) FROM {name}")[0][0])
            if type(least) is not int or type(greatest) is not int:
                return None
            odd = f"SELECT 1 FROM {name} WHERE typeof({key}) <> 'integer' LIMIT 1"
            if key != shape.row_number and ask(self.db, odd):
                return None
            return Bounds(least, greatest, rows)

    def keys(self, table: str, *, start: Row | None = None, skip_rows: int = 0) -> Iterator[Row]:
        """See `View`."""
        with self._errors():
            shape = self._shape(table)
        if not shape.keyed:
            raise UsageError(f"{table} has no key")
        only = Shape(
            shape.table,
            tuple(shape.cells[place] for place in shape.places),
            shape.order,
            tuple(range(len(shape.places))),
            keyed=True,
            row_number=shape.row_number,
        )
        return chain.from_iterable(self._chunks(only, _Reach(start, skip_rows=skip_rows), None, 1000))

    def rows(self, table: str, span: Span = _WHOLE, *, chunk_rows: int = 1000) -> Iterator[list[Row]]:
        """See `View`."""
        with self._errors():
            shape = self._shape(table)
        if not shape.keyed and span != _WHOLE:
            raise UsageError(f"{table} has no key, so that it has one span only")
        return self._chunks(shape, _Reach(span.first), span.end, chunk_rows)

    def lines(self, table: str, span: Span, width: int) -> Iterator[list[Row] | Lines]:
        """See `Writing`."""
        with self._errors():
            shape = self._shape(table)
        library = native.for_lines()
        if library is None or self._utf16 or len(shape.places) != 1 or width >> 63:
            return self.rows(table, span)
        return self._lines(library, shape, span, width)

    def _lines(self, library: ModuleType, shape: Shape, span: Span, width: int) -> Iterator[list[Row] | Lines]:
        """Line by line; what stops that (a large row, text that is not UTF-8, damage) is read as rows, then on."""
        reach, apart = _Reach(span.first), 1
        with self._errors():
            reader = _Reader(self.db, shape, span.end, 1000, self._utf16)
            while reader.numbered(reach) and not (yield from _written(library, reader, reach, width)):
                with closing(self._chunks(shape, reach, span.end, 1000)) as chunks:
                    yield from islice(chunks, apart)
                apart = min(apart * 2, _MOST_APART)
            if not reader.numbered(reach):
                yield from self._chunks(shape, reach, span.end, 1000)

    def _shape(self, table: str) -> Shape:
        if table not in self._shapes:
            self._shapes[table] = _shape(self.db, table)
        return self._shapes[table]

    def _chunks(self, shape: Shape, reach: _Reach, end: Row | None, chunk_rows: int) -> Generator[list[Row]]:
        """Chunk after chunk; a chunk that stops in the middle is read on slowly, then all goes on fast."""
        with self._errors():
            reader = _Reader(self.db, shape, end, chunk_rows, self._utf16)
            size = min(chunk_rows, _SAMPLE)
            while True:
                chunk, stopped = reader.fast(reach, size)
                if not chunk and not stopped:
                    return
                if chunk:
                    reader.advance(reach, chunk)
                    yield chunk
                if stopped:
                    yield from reader.slow(reach, size)
                size = _next_size(chunk, size, chunk_rows)


def _written(library: ModuleType, reader: _Reader, reach: _Reach, width: int) -> Generator[Lines, None, bool]:
    """Rows as lines until one that has to be read apart; whether all were written."""
    sql, bound = reader.plain_statement(reach)
    reading = library.SqliteLines(reader.db, reader.db.sqlite3_pointer(), sql, bound, reader.shape.places[0])
    with closing(reading):
        ended = native.MORE
        while ended == native.MORE:
            text, rows, ended, last = reading.read(width, _TEXT_BYTES, _GUARD_BYTES >> 4)
            if rows:
                reach.start, reach.included, reach.skip_rows = (last,), False, 0
                yield Lines(text, rows, last, frozenset(reading.tagged()))
    return bool(ended == native.DONE)


def _next_size(chunk: list[Row], size: int, chunk_rows: int) -> int:
    """How many rows to fetch next: by what some of the last ones weigh, twice as many as before at most."""
    if not chunk:
        return max(1, size // 2)
    some = chunk[:: max(1, len(chunk) // _SAMPLE)]
    weight = sum(len(cell) for row in some for cell in row if isinstance(cell, str | bytes)) // len(some) + 64
    return max(1, min(chunk_rows, size * 4, _BUDGET_BYTES // weight))


class _Reader:
    """The statements of one pass over a table, or a part of it."""

    def __init__(self, db: apsw.Connection, shape: Shape, end: Row | None, chunk_rows: int, utf16: str) -> None:
        self.db, self.shape, self.end, self.chunk_rows, self.utf16 = db, shape, end, chunk_rows, utf16
        self.cursor: Iterator[Row] | None = None
        self.nulls = any(term.nullable for term in shape.order) and self._has_nulls()

    def _has_nulls(self) -> bool:
        any_null = " OR ".join(f"{term.sql} IS NULL" for term in self.shape.order if term.nullable)
        return bool(ask(self.db, f"SELECT 1 FROM {quoted(self.shape.table)} WHERE {any_null} LIMIT 1"))

    def fast(self, reach: _Reach, size: int) -> tuple[list[Row], bool]:
        """Up to `size` rows straight from the cursor, and whether it stopped at a row that must be read slowly."""
        if self.utf16:
            return [], self._any_left(reach)
        if self.cursor is None:
            sql, bound = self._statement(reach, ", ".join(self.shape.cells))
            self.cursor = self.db.execute(sql, bound)
        rows: list[Row] = []
        longest = self.db.limit(apsw.SQLITE_LIMIT_LENGTH, max(_GUARD_BYTES // size, 1 << 14))
        try:
            rows.extend(islice(self.cursor, size))
        except (UnicodeDecodeError, apsw.TooBigError):
            self.cursor = None
            return rows, True
        finally:
            self.db.limit(apsw.SQLITE_LIMIT_LENGTH, longest)
        return rows, False

    def numbered(self, reach: _Reach) -> bool:
        """Whether the key is an integer as far as can be seen, so that reading can go on behind any."""
        ends = [row[0] for row in (reach.start, self.end) if row is not None]
        return not self.nulls and not reach.skip_rows and all(type(end) is int for end in ends)

    def plain_statement(self, reach: _Reach) -> tuple[str, tuple[Cell, ...]]:
        """All cells from where reading came."""
        sql, bound = self._statement(reach, ", ".join(self.shape.cells))
        return sql, tuple(bound)

    def _any_left(self, reach: _Reach) -> bool:
        sql, bound = self._statement(reach, "1", " LIMIT 1")
        return bool(ask(self.db, sql, bound))

    def slow(self, reach: _Reach, size: int) -> Iterator[list[Row]]:
        """The next `size` rows with text as bytes; each chunk ends where the budget does."""
        cells = ", ".join(
            f"typeof({cell}), CASE typeof({cell}) WHEN 'text' THEN CAST({cell} AS BLOB) ELSE {cell} END"
            for cell in self.shape.cells
        )
        by_number = not self.shape.keyed and self.shape.row_number is not None
        sql, bound = self._statement(reach, f"{self.shape.row_number if by_number else 0}, {cells}", f" LIMIT {size}")
        chunk, weight = list[Row](), 0
        for number, *raw in self.db.execute(sql, bound):
            row = tuple(self._cell(kind, cell) for kind, cell in zip(raw[::2], raw[1::2], strict=True))
            chunk.append(row)
            self.advance(reach, [row], (number,) if by_number else None)
            weight += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
            if weight > _BUDGET_BYTES:
                yield chunk
                chunk, weight = [], 0
        if chunk:
            yield chunk

    def _cell(self, kind: str, cell: Cell) -> Cell:
        if kind != "text" or not isinstance(cell, bytes):
            return cell
        return cell.decode(self.utf16, "surrogatepass") if self.utf16 else cell.decode("utf-8", "surrogateescape")

    def advance(self, reach: _Reach, chunk: list[Row], number: Row | None = None) -> None:
        """Remember the last row of a chunk, so that a new statement could go on behind it."""
        if number is not None:
            reach.start, reach.included, reach.skip_rows = number, False, 0
        elif self.shape.keyed and not self.nulls:
            last = chunk[-1]
            reach.start, reach.included, reach.skip_rows = tuple(last[place] for place in self.shape.places), False, 0
        else:
            reach.skip_rows += len(chunk)

    def _statement(self, reach: _Reach, cells: str, tail: str = "") -> tuple[str, list[Cell]]:
        conditions, bound = list[str](), list[Cell]()
        if reach.start is not None:
            condition, cells_bound = self._compare(">=" if reach.included else ">", reach.start)
            conditions.append(condition)
            bound += cells_bound
        if self.end is not None:
            condition, cells_bound = self._compare("<", self.end)
            conditions.append(condition)
            bound += cells_bound
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = ", ".join(term.sql for term in self.shape.order)
        order = f" ORDER BY {order}" if order else ""
        if reach.skip_rows:
            tail = f"{tail or ' LIMIT -1'} OFFSET {int(reach.skip_rows)}"
        return f"SELECT {cells} FROM {quoted(self.shape.table)}{where}{order}{tail}", bound

    def _compare(self, sign: str, cells: Row) -> tuple[str, list[Cell]]:
        """The order's terms against cells; by row values, which an index can serve, unless NULLs are about."""
        terms = [term.sql for term in self.shape.order][: len(cells)]
        if not self.nulls and None not in cells:
            marks, bound = zip(*(self.bind(cell) for cell in cells), strict=True)
            return f"({', '.join(terms)}) {sign} ({', '.join(marks)})", list(bound)
        return _null_safe(sign, terms, [self.bind(cell) for cell in cells])

    def bind(self, cell: Cell) -> tuple[str, Cell]:
        """A mark and what is bound to it; text with surrogates goes in as bytes, and has no affinity."""
        if isinstance(cell, str) and (encoded := surrogate_bytes(cell, self.utf16)) is not None:
            return "(CAST(? AS TEXT) || '')", encoded
        return "?", cell


def surrogate_bytes(text: str, utf16: str) -> bytes | None:
    """The bytes of text that cannot be bound as it is; None for any other."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(utf16, "surrogatepass") if utf16 else text.encode("utf-8", "surrogateescape")
    return None


def _null_safe(sign: str, terms: Sequence[str], cells: Sequence[tuple[str, Cell]]) -> tuple[str, list[Cell]]:
    """`a > x OR a IS x AND (b > y OR …)`; NULL comes before everything."""
    *before, (mark, cell) = cells
    strict = _one(sign[0], terms[len(before)], mark, cell)
    sql, bound = strict[0], list(strict[1])
    if sign.endswith("="):
        sql, bound = f"({sql} OR {terms[len(before)]} IS {mark})", [*bound, cell]
    for place in reversed(range(len(before))):
        mark, cell = before[place]
        greater, greater_bound = _one(sign[0], terms[place], mark, cell)
        sql = f"({greater} OR {terms[place]} IS {mark} AND {sql})"
        bound = [*greater_bound, cell, *bound]
    return sql, bound


def _one(sign: str, term: str, mark: str, cell: Cell) -> tuple[str, list[Cell]]:
    if cell is None:
        return (f"{term} IS NOT NULL", []) if sign == ">" else ("0", [])
    if sign == ">":
        return f"{term} > {mark}", [cell]
    return f"({term} < {mark} OR {term} IS NULL)", [cell]


def _any_collation(db: apsw.Connection, name: str) -> None:
    """A program's own collation, which only it knows: statements must compile, no order relies on it."""
    if name.upper() not in KNOWN_COLLATIONS:  # SQLite asks for those, too, in another encoding
        db.create_collation(name, lambda one, two: (one > two) - (one < two))


def _shape(db: apsw.Connection, table: str) -> Shape:
    found = next((one for one in listed(db) if one.name == table and one.type in ("table", "virtual")), None)
    if found is None:
        raise NotFoundError(f"no table {table}")
    raw = ask(db, 'SELECT name, pk, hidden, "notnull" FROM pragma_table_xinfo(?) ORDER BY cid', (table,))
    stored = [name for name, _, hidden, _ in raw if not hidden]
    if found.type == "virtual":
        return _virtual_shape(table, stored, module(found.sql)[0])
    keys = [name for _, name in sorted((pk, name) for name, pk, _, _ in raw if pk)]
    row_number = _row_number({name.lower() for name, *_ in raw}) if not found.without_rowid else None
    cells = tuple(quoted(name) for name in stored)
    if not keys or any(name not in stored for name in keys):
        return Shape(table, cells, (Term(row_number),) if row_number else (), (), keyed=False, row_number=row_number)
    collations = _collations(db, table)
    nullable = {name for name, pk, _, not_null in raw if pk and not not_null}
    alias = len(keys) == 1 and not collations
    order = tuple(
        Term(_ordered(db, table, name, collations.get(name)), nullable=name in nullable and not alias) for name in keys
    )
    if any(term.nullable for term in order) and row_number:
        order = (*order, Term(row_number))
    places = tuple(stored.index(name) for name in keys)
    return Shape(table, cells, order, places, keyed=True, row_number=quoted(keys[0]) if alias else None)


def _virtual_shape(table: str, stored: list[str], kind: str) -> Shape:
    cells = tuple(quoted(name) for name in stored)
    if kind in SEARCH or kind == "geopoly":
        cells = ("rowid", *cells)
    return Shape(table, cells, (Term(cells[0]),), (0,), keyed=True, row_number=cells[0])


def _collations(db: apsw.Connection, table: str) -> dict[str, str]:
    """The collation of each part of the primary key's own index; empty where the key is the row number."""
    names = ask(db, "SELECT name FROM pragma_index_list(?) WHERE origin = 'pk'", (table,))
    if not names:
        return {}
    return dict(ask(db, "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key", names[0]))


def _ordered(db: apsw.Connection, table: str, name: str, collation: str | None) -> str:
    """A key's part in an order that its index gives; by bytes where only the program knows the collation."""
    if collation is None:
        return quoted(name)
    _, own, *_ = db.column_metadata("main", table, name)
    wanted = collation.upper() if collation.upper() in KNOWN_COLLATIONS else "BINARY"
    return quoted(name) if (own or "BINARY").upper() == wanted else f"{quoted(name)} COLLATE {wanted}"


def _row_number(taken: set[str]) -> str | None:
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)
