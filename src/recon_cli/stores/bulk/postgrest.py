"""Supabase and any other PostgREST server as a bulk store: read page by page, written batch by batch.

`supabase+https://PROJECT.supabase.co` and `postgrest+http://host:port/`; the key is the place's secret. Options:
`schema`, `timeout_s`, `patience_s` (how long to bear with a server that asks to wait), `ca_file`, and `replace` (true
allows an import that deletes rows, which no transaction protects here).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import orjson

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import Bounds, Loaded, Loading, Row, Span
from recon_cli.stores.bulk.postgrest_cells import ordered, readers, row_of, selected, within
from recon_cli.stores.bulk.postgrest_load import load
from recon_cli.stores.bulk.postgrest_openapi import UNTOLD, Exposed, exposed
from recon_cli.stores.bulk.postgrest_wire import Request, Wire, rows_of

_FIRST_PAGE = 20
_PAGE_BYTES = 4 * 1024 * 1024
_GROWTH = 8
_CONSISTENCY = (
    "page by page: PostgREST has no transaction over several requests, so rows written meanwhile may be in or not; each"
    " table's rows are compared with an exact count; only what row level security shows to this key is seen"
)


def open_postgrest(place: Place) -> PostgrestStore:
    """A store behind a PostgREST server."""
    return PostgrestStore(place)


class PostgrestStore:
    """One schema behind a PostgREST server."""

    engine = "postgrest"
    atomicity = "batch by batch: each batch is in or out as a whole, the load is not one transaction"
    """What `load` promises instead of one transaction."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._wire = Wire(place)
        self.url = self._wire.url

    @contextmanager
    def gate(self) -> Iterator[str]:
        """Nothing can be held still over HTTP: every view reads what is there, see `View.consistency`."""
        yield "postgrest"

    @contextmanager
    def join(self, ticket: str | None = None) -> Iterator[PostgrestView]:  # noqa: ARG002  there is no state to join
        """A view on a connection of its own. The root is read at once: it tells whether anything is there."""
        wire = Wire(self._place)
        try:
            view = PostgrestView(wire, self._place.text("schema", "public"))
            view.catalog()
            yield view
        finally:
            wire.close()

    def load(self, loading: Loading) -> Loaded:
        """Take rows in, in foreign-key order; tables must be there. NOT one transaction: see `postgrest_load`."""
        with self.join() as view:
            allowed = self._place.text("replace", "false").lower() == "true"
            return load(self._wire, view, loading, replace_allowed=allowed)

    def close(self) -> None:
        """End the connection."""
        self._wire.close()


class PostgrestView:
    """What the server shows, page by page."""

    def __init__(self, wire: Wire, schema: str) -> None:
        self._wire, self._schema = wire, schema
        self._exposed: Exposed | None = None

    @property
    def consistency(self) -> str:
        """That pages are not one transaction, and what is left out."""
        views = self._exposed.read_only if self._exposed else ()
        left = f"; left out, for they can only be read: {', '.join(views)}" if views else ""
        return f"{_CONSISTENCY}; {UNTOLD}{left}"

    def catalog(self) -> Catalog:
        """What the OpenAPI root tells; see `postgrest_openapi` for what it does not."""
        if self._exposed is None:
            answer = self._wire.ask(Request("GET", accept="application/openapi+json"))
            try:
                document = orjson.loads(answer.body)
            except ValueError as exc:
                raise DataError(f"the root of {self._wire.url} is not JSON", cause=str(exc)) from exc
            self._exposed = exposed(document, self._schema)
        return self._exposed.catalog

    def declared(self, table: str) -> DeclaredTable:
        """The table as declared; raises NotFoundError."""
        found = self.catalog().table(table)
        if found is None:
            hint = "it may be new: `NOTIFY pgrst, 'reload schema'` lets the server see it"
            raise NotFoundError(f"no table `{table}` at {self._wire.url}", hint=hint)
        return found

    def count(self, table: str) -> int:
        """How many rows, exactly, as the server counts them."""
        return self._count(self.declared(table), ())

    def _count(self, table: DeclaredTable, where: Sequence[tuple[str, str]]) -> int:
        query = [("select", selected(table.stored[:1])), ("limit", "1"), *where]
        total = self._wire.ask(Request("HEAD", table.name, query, ("count=exact",))).total
        if total is None:
            raise DataError(
                f"{self._wire.url} does not count the rows of `{table.name}`",
                hint="check that the address is PostgREST's",
            )
        return total

    def bounds(self, table: str) -> Bounds | None:
        """The ends of an integer key."""
        declared = self.declared(table)
        columns = _key_columns(declared)
        if len(columns) != 1 or columns[0].kind is not Kind.INTEGER:
            return None
        ends = [self._page(declared, columns, [("order", f"{ordered(declared.key)[:-4]}.{way}")], 1) for way in _WAYS]
        if not all(ends):
            return None
        least, greatest = (end[0][0] for end in ends)
        return Bounds(int(str(least)), int(str(greatest)), self._count(declared, ()))

    def keys(self, table: str, *, start: Row | None = None, skip_rows: int = 0) -> Iterator[Row]:
        """The keys in order."""
        declared = self.declared(table)
        columns = _key_columns(declared)
        if not columns:
            return
        for page in self._pages(declared, columns, Span(start), 10_000):
            yield from page[skip_rows:]
            skip_rows = max(0, skip_rows - len(page))

    def rows(self, table: str, span: Span = Span(), *, chunk_rows: int = 1000) -> Iterator[list[Row]]:  # noqa: B008  frozen
        """The rows in key order; at the end their number is compared with an exact count.

        Raises:
            DataError: it is another number, also after reading on; or the table has no key and more than one page.
        """
        declared = self.declared(table)
        if not declared.key_positions:
            yield from self._whole(declared, chunk_rows)
            return
        seen, last = 0, None
        for _attempt in range(2):
            rest = Span(span.first if last is None else None, span.end)
            for page in self._pages(declared, declared.stored, rest, chunk_rows, after=last):
                seen, last = seen + len(page), tuple(page[-1][place] for place in declared.key_positions)
                yield page
            there = self._count(declared, within(declared.key, span))
            if seen == there:
                return
        raise _changed(table, seen, there)

    def _pages(
        self,
        table: DeclaredTable,
        columns: Sequence[DeclaredColumn],
        span: Span,
        most: int,
        *,
        after: Row | None = None,
    ) -> Iterator[list[Row]]:
        """Until an empty one: a page may be shorter than asked for (`max-rows`), which is not the end."""
        places = [[one.name for one in columns].index(name) for name in table.key]
        size = min(most, _FIRST_PAGE)
        while True:
            query = [("order", ordered(table.key)), *within(table.key, span, after=after)]
            page, size_bytes = self._sized(table, columns, query, size)
            if not page:
                return
            yield page
            after = tuple(page[-1][place] for place in places)
            fitting = max(1, _PAGE_BYTES * len(page) // size_bytes)
            size = min(most, fitting, size * _GROWTH)

    def _whole(self, table: DeclaredTable, chunk_rows: int) -> Iterator[list[Row]]:
        """A table without a key, in one page: its rows cannot be told apart, so they cannot be paged."""
        there = self._count(table, ())
        page = self._page(table, table.stored, [], max(1, there + 1))
        if len(page) != there:
            raise DataError(
                f"`{table.name}` has no primary key and more rows than one page",
                cause=f"the server gave {len(page)} of {there} rows",
                hint="give it a primary key, or back it up over `postgresql://`",
            )
        page.sort(key=repr)
        for start in range(0, len(page), chunk_rows):
            yield page[start : start + chunk_rows]

    def _page(
        self, table: DeclaredTable, columns: Sequence[DeclaredColumn], query: Sequence[tuple[str, str]], limit: int
    ) -> list[Row]:
        return self._sized(table, columns, query, limit)[0]

    def _sized(
        self, table: DeclaredTable, columns: Sequence[DeclaredColumn], query: Sequence[tuple[str, str]], limit: int
    ) -> tuple[list[Row], int]:
        asked = [("select", selected(columns)), *query, ("limit", str(limit))]
        answer = self._wire.ask(Request("GET", table.name, asked, ("timezone=UTC",)))
        read = readers(columns)
        try:
            rows = [row_of(told, read) for told in rows_of(answer, f"`{table.name}`")]
        except (KeyError, ValueError) as exc:
            cause = f"no column {exc}" if isinstance(exc, KeyError) else str(exc)
            raise DataError(
                f"a row of `{table.name}` cannot be read", cause=cause, hint="run again; its schema may have changed"
            ) from exc
        return rows, max(1, len(answer.body))

    def found(self, table: DeclaredTable, where: Sequence[tuple[str, str]], most: int) -> list[Row]:
        """The rows that a filter on unique keys finds, `most` at the most, whatever the server's page."""
        rows: list[Row] = []
        while len(rows) < most:
            last = tuple(rows[-1][place] for place in table.key_positions) if rows else None
            query = [("order", ordered(table.key)), *where, *within(table.key, Span(), after=last)]
            page = self._page(table, table.stored, query, most)
            rows += page
            if not page:
                break
        return rows


_WAYS = ("asc", "desc")


def _key_columns(table: DeclaredTable) -> list[DeclaredColumn]:
    return [table.stored[place] for place in table.key_positions]


def _changed(table: str, seen: int, there: int) -> DataError:
    return DataError(
        f"`{table}` changed while it was read",
        cause=f"{seen} rows came, the server counts {there}",
        hint="run again when less is written, or back up over `postgresql://`, where a transaction holds it still",
    )
