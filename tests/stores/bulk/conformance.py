"""What every bulk store keeps, whatever engine lies behind it. Each store's tests subclass `BulkStoreConformance`.

The fixture `bench` gives a store on a database that a test may fill behind its back with portable SQL (integers and
varchar), and more empty databases of the same engine. What an engine cannot do, its bench says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol

import pytest

from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import DataError, GuardError, NotFoundError
from recon_cli.stores.bulk.base import BulkStore, Incoming, Loaded, Loading, Mode, Row, Span, View

CRATES = "CREATE TABLE crates (id INTEGER PRIMARY KEY, label VARCHAR(100) NOT NULL, shelf INTEGER, note VARCHAR(100))"
BIDS = "CREATE TABLE bids (id INTEGER PRIMARY KEY, crate INTEGER, FOREIGN KEY (crate) REFERENCES crates (id))"
SLOTS = "CREATE TABLE slots (hall VARCHAR(20), place INTEGER, crate VARCHAR(100), PRIMARY KEY (hall, place))"


WHOLE = Span()


class Bench(Protocol):
    """One engine as a test sees it."""

    store: BulkStore
    """On a database that is there and empty."""
    creates: bool
    """Whether a load can create tables (PostgREST cannot)."""
    transactions: bool
    """Whether a load is one transaction and a view one state (not so over PostgREST)."""

    def sql(self, *statements: str) -> None:
        """Run statements as another program would, each committed, in the store's database."""

    def empty(self) -> BulkStore:
        """Another empty database of this engine; where nothing can be created, with the same tables, empty."""

    def missing(self) -> BulkStore:
        """A store on a database that is not there."""


def every(view: View, table: str, span: Span = WHOLE, chunk_rows: int = 1000) -> list[Row]:
    """All rows of a span."""
    return list(chain.from_iterable(view.rows(table, span, chunk_rows=chunk_rows)))


def read(store: BulkStore, table: str) -> list[Row]:
    """All rows of a table as they are now."""
    with store.join() as view:
        return every(view, table)


def declared(store: BulkStore, table: str) -> DeclaredTable:
    """The table as the store declares it."""
    with store.join() as view:
        found = view.catalog().table(table)
    assert found is not None
    return found


def catalog(store: BulkStore) -> Catalog:
    """Everything declared."""
    with store.join() as view:
        return view.catalog()


def incoming(table: DeclaredTable, rows: Sequence[Row], chunk_rows: int = 2) -> Incoming:
    """Rows of a snapshot of that table."""

    def chunks() -> Iterator[list[Row]]:
        for start in range(0, len(rows), chunk_rows):
            yield list(rows[start : start + chunk_rows])

    return Incoming(table, chunks, len(rows))


def without(table: DeclaredTable, *names: str) -> DeclaredTable:
    """The table without these columns."""
    return replace(table, columns=tuple(column for column in table.columns if column.name not in names), sql=None)


def everything(store: BulkStore) -> tuple[Catalog, tuple[Incoming, ...]]:
    """A snapshot of the whole store in memory."""
    with store.join() as view:
        found = view.catalog()
        tables = tuple(incoming(table, every(view, table.name)) for table in found.tables)
    return found, tables


class BulkStoreConformance:
    """Every promise of `stores/bulk/base.py` that all engines can show."""

    @pytest.fixture
    def crates(self, bench: Bench) -> Bench:
        """Three crates: 3, 1 and 2, written in that order."""
        bench.sql(
            CRATES,
            "INSERT INTO crates VALUES (3, 'hinges', 7, NULL)",
            "INSERT INTO crates VALUES (1, 'bolts', 7, 'heavy')",
            "INSERT INTO crates VALUES (2, '서울 ''모델''', NULL, '')",
        )
        return bench

    @pytest.fixture
    def slots(self, bench: Bench) -> Bench:
        """Twelve slots in three halls; a key of two columns of different types."""
        numbers = [(hall, place) for place in (2, 10, 1, 9) for hall in ("b", "a", "c")]
        bench.sql(SLOTS, *(f"INSERT INTO slots VALUES ('{h}', {p}, '{h}-{p}')" for h, p in numbers))  # noqa: S608  our own words
        return bench

    # reading

    def test_rows_come_in_key_order_however_they_were_written(self, crates: Bench) -> None:
        assert read(crates.store, "crates") == [
            (1, "bolts", 7, "heavy"),
            (2, "서울 '모델'", None, ""),
            (3, "hinges", 7, None),
        ]

    def test_a_key_of_two_columns_orders_numbers_as_numbers(self, slots: Bench) -> None:
        keys = [row[:2] for row in read(slots.store, "slots")]
        assert keys == [(hall, place) for hall in "abc" for place in (1, 2, 9, 10)]

    def test_chunks_are_as_long_as_asked(self, slots: Bench) -> None:
        with slots.store.join() as view:
            chunks = list(view.rows("slots", chunk_rows=5))
        assert max(map(len, chunks)) <= 5
        assert sum(map(len, chunks)) == 12

    @pytest.mark.parametrize("cut", [("a", 9), ("b", 1), ("b", 3), ("c", 10), ("zz", 0), ("", 0)])
    def test_two_spans_that_meet_are_the_whole_table(self, slots: Bench, cut: Row) -> None:
        with slots.store.join() as view:
            whole = every(view, "slots")
            low, high = every(view, "slots", Span(end=cut)), every(view, "slots", Span(first=cut))
        assert low + high == whole
        assert [row for row in low if row[:2] == cut] == []

    def test_a_span_includes_its_first_key_and_not_its_end(self, crates: Bench) -> None:
        with crates.store.join() as view:
            assert [row[0] for row in every(view, "crates", Span((2,), (3,)))] == [2]
            assert every(view, "crates", Span((2,), (2,))) == []

    def test_keys_can_be_skipped_from_any_place(self, slots: Bench) -> None:
        with slots.store.join() as view:
            assert list(view.keys("slots")) == [row[:2] for row in every(view, "slots")]
            assert next(view.keys("slots", skip_rows=5)) == ("b", 2)
            assert list(view.keys("slots", start=("b", 2), skip_rows=5)) == [("c", 9), ("c", 10)]
            assert list(view.keys("slots", skip_rows=12)) == []

    def test_bounds_tell_the_range_of_an_integer_key_only(self, crates: Bench) -> None:
        crates.sql(SLOTS)
        with crates.store.join() as view:
            found = view.bounds("crates")
            assert found is not None
            assert (found.least, found.greatest, found.rows) == (1, 3, 3)
            assert view.bounds("slots") is None

    def test_an_empty_table_has_no_rows_no_keys_and_no_bounds(self, bench: Bench) -> None:
        bench.sql(CRATES)
        with bench.store.join() as view:
            assert (view.count("crates"), every(view, "crates"), list(view.keys("crates"))) == (0, [], [])
            assert view.bounds("crates") is None

    def test_what_is_declared_is_told(self, slots: Bench) -> None:
        table = declared(slots.store, "slots")
        assert [column.name for column in table.stored] == ["hall", "place", "crate"]
        assert table.key == ("hall", "place")
        assert table.key_positions == (0, 1)

    def test_a_database_that_is_not_there_is_not_found(self, bench: Bench) -> None:
        with pytest.raises(NotFoundError), bench.missing().join():
            pass

    def test_a_table_that_is_not_there_is_not_found(self, crates: Bench) -> None:
        with crates.store.join() as view:
            with pytest.raises(NotFoundError):
                view.count("barrels")
            with pytest.raises(NotFoundError):
                every(view, "barrels")

    def test_a_view_stays_as_it_is_while_others_write(self, crates: Bench) -> None:
        if not crates.transactions:
            pytest.skip("says so itself: page by page")
        with crates.store.join() as view:
            self.beside(crates, "INSERT INTO crates VALUES (4, 'late', 1, NULL)")
            assert view.count("crates") == 3
            assert len(every(view, "crates")) == 3
        assert len(read(crates.store, "crates")) == 4

    def test_all_who_join_at_an_open_gate_see_one_state(self, crates: Bench) -> None:
        if not crates.transactions:
            pytest.skip("says so itself: page by page")
        with crates.store.gate() as ticket:
            one, two = crates.store.join(ticket), crates.store.join(ticket)
            first, second = one.__enter__(), two.__enter__()
        self.beside(crates, "INSERT INTO crates VALUES (4, 'late', 1, NULL)")
        assert every(first, "crates") == every(second, "crates")
        assert first.count("crates") == 3
        two.__exit__(None, None, None)
        one.__exit__(None, None, None)
        assert len(read(crates.store, "crates")) == 4

    def beside(self, bench: Bench, statement: str) -> None:
        """A write while views are open; an engine whose readers hold writers up overrides this."""
        bench.sql(statement)

    def test_a_gate_leaves_nothing_behind(self, crates: Bench) -> None:
        with crates.store.gate():
            pass
        crates.sql("INSERT INTO crates VALUES (4, 'late', 1, NULL)")
        assert len(read(crates.store, "crates")) == 4

    def test_closing_twice_is_fine(self, crates: Bench) -> None:
        crates.store.close()
        crates.store.close()

    # loading

    def test_what_was_exported_comes_back_the_same(self, crates: Bench) -> None:
        crates.sql(SLOTS, "INSERT INTO slots VALUES ('a', 1, NULL)")
        source, tables = everything(crates.store)
        other = crates.empty()
        loaded = other.load(Loading(source, tables))
        assert {table.table: table.inserted for table in loaded.tables} == {"crates": 3, "slots": 1}
        again, rows = everything(other)
        assert [(t.name, t.columns, t.key) for t in again.tables] == [(t.name, t.columns, t.key) for t in source.tables]
        assert [list(table.rows()) for table in rows] == [list(table.rows()) for table in tables]

    def load(self, bench: Bench, rows: Sequence[Row], mode: Mode, **options: object) -> Loaded:
        """Load rows into `crates`."""
        table = declared(bench.store, "crates")
        loading = Loading(Catalog(bench.store.engine, (table,)), (incoming(table, rows),), mode)
        return bench.store.load(replace(loading, **options))  # type: ignore[arg-type]

    def test_insert_takes_new_keys_and_reports_other_content(self, crates: Bench) -> None:
        rows: list[Row] = [(1, "bolts", 7, "heavy"), (2, "changed", 9, ""), (4, "new", None, None)]
        (done,) = self.load(crates, rows, Mode.INSERT).tables
        assert (done.inserted, done.unchanged, done.conflicts, done.updated, done.deleted) == (1, 1, 1, 0, 0)
        assert done.first_conflicts == (((2,), ("label", "shelf")),)
        assert [row[1] for row in read(crates.store, "crates")] == ["bolts", "서울 '모델'", "hinges", "new"]

    def test_upsert_lets_the_snapshot_win(self, crates: Bench) -> None:
        rows: list[Row] = [(1, "bolts", 7, "heavy"), (2, "changed", 9, None), (4, "new", None, None)]
        (done,) = self.load(crates, rows, Mode.UPSERT).tables
        assert (done.inserted, done.updated, done.unchanged, done.conflicts, done.deleted) == (1, 1, 1, 0, 0)
        assert read(crates.store, "crates") == [rows[0], rows[1], (3, "hinges", 7, None), rows[2]]

    def test_replace_leaves_what_the_snapshot_has_and_nothing_else(self, crates: Bench) -> None:
        rows: list[Row] = [(1, "bolts", 7, "heavy"), (2, "changed", 9, ""), (4, "new", None, None)]
        (done,) = self.load(crates, rows, Mode.REPLACE).tables
        assert (done.inserted, done.updated, done.unchanged, done.deleted) == (1, 1, 1, 1)
        assert read(crates.store, "crates") == rows

    def test_merge_fills_what_is_empty_and_never_overwrites(self, crates: Bench) -> None:
        rows: list[Row] = [(1, "nuts", None, "light"), (2, "서울 '모델'", 5, None), (3, "hinges", 7, "new")]
        (done,) = self.load(crates, rows, Mode.MERGE).tables
        assert (done.inserted, done.updated, done.conflicts) == (0, 2, 1)
        assert done.first_conflicts == (((1,), ("label", "note")),)
        assert read(crates.store, "crates") == [
            (1, "bolts", 7, "heavy"),
            (2, "서울 '모델'", 5, ""),
            (3, "hinges", 7, "new"),
        ]

    def test_conflicts_are_all_counted_and_the_first_twenty_named(self, bench: Bench) -> None:
        bench.sql(CRATES, *(f"INSERT INTO crates VALUES ({n}, 'here', NULL, NULL)" for n in range(30)))  # noqa: S608  our own words
        (done,) = self.load(bench, [(n, "there", None, None) for n in range(30)], Mode.INSERT).tables
        assert done.conflicts == 30
        assert [key for key, _ in done.first_conflicts] == [(n,) for n in range(20)]

    def test_a_plan_counts_everything_and_writes_nothing(self, crates: Bench) -> None:
        before = read(crates.store, "crates")
        rows: list[Row] = [(1, "changed", 7, "heavy"), (4, "new", None, None)]
        (planned,) = self.load(crates, rows, Mode.REPLACE, commit=False).tables
        assert read(crates.store, "crates") == before
        (done,) = self.load(crates, rows, Mode.REPLACE).tables
        assert planned == done

    def test_nothing_is_written_when_the_last_word_is_no(self, crates: Bench) -> None:
        if not crates.transactions:
            pytest.skip("has no transactions")
        before = read(crates.store, "crates")

        def refuse(loaded: Loaded) -> None:
            assert loaded.tables[0].inserted == 1
            raise GuardError("no")

        with pytest.raises(GuardError):
            self.load(crates, [(4, "new", None, None)], Mode.INSERT, prepared=refuse)
        assert read(crates.store, "crates") == before

    def test_nothing_is_written_when_the_snapshot_breaks_off(self, crates: Bench) -> None:
        if not crates.transactions:
            pytest.skip("has no transactions")
        before = read(crates.store, "crates")
        table = declared(crates.store, "crates")

        def broken() -> Iterator[list[Row]]:
            yield [(4, "new", None, None)]
            raise DataError("a shard is damaged")

        for mode in Mode:
            loading = Loading(Catalog(crates.store.engine, (table,)), (Incoming(table, broken, 2),), mode)
            with pytest.raises(DataError, match="damaged"):
                crates.store.load(loading)
            assert read(crates.store, "crates") == before

    def test_progress_adds_up_to_the_rows(self, crates: Bench) -> None:
        seen: list[int] = []
        self.load(crates, [(n, "new", None, None) for n in range(4, 9)], Mode.INSERT, progress=seen.append)
        assert sum(seen) == 5

    def test_a_column_that_the_target_lacks_is_named(self, crates: Bench) -> None:
        source = declared(crates.store, "crates")
        crates.sql("ALTER TABLE crates DROP COLUMN note")
        loading = Loading(Catalog(crates.store.engine, (source,)), (incoming(source, [(9, "x", 1, "y")]),))
        with pytest.raises(DataError, match=r"(?s)crates.*note|note.*crates"):
            crates.store.load(loading)

    def test_columns_are_matched_by_name_and_new_ones_keep_their_default(self, crates: Bench) -> None:
        source = declared(crates.store, "crates")
        crates.sql("ALTER TABLE crates ADD COLUMN colour VARCHAR(20) DEFAULT 'grey'")
        turned = replace(source, columns=tuple(reversed(source.columns)), sql=None)
        loading = Loading(Catalog(crates.store.engine, (turned,)), (incoming(turned, [("y", 1, "x", 9)]),))
        crates.store.load(loading)
        assert read(crates.store, "crates")[-1] == (9, "x", 1, "y", "grey")

    def test_a_column_that_must_be_filled_and_is_not_is_named(self, crates: Bench) -> None:
        source = without(declared(crates.store, "crates"), "label")
        loading = Loading(Catalog(crates.store.engine, (source,)), (incoming(source, [(9, 1, "y")]),))
        with pytest.raises(DataError, match="label"):
            crates.store.load(loading)

    def test_a_cell_that_its_column_cannot_hold_is_named_by_table_key_and_column(self, crates: Bench) -> None:
        before = read(crates.store, "crates")
        for mode in Mode:
            with pytest.raises(DataError) as caught:
                self.load(crates, [(8, "fine", None, None), (9, None, 1, "y")], mode)
            told = f"{caught.value.message} {caught.value.cause}"
            assert "crates" in told
            assert "label" in told
            assert "9" in told
        if crates.transactions:
            assert read(crates.store, "crates") == before

    def test_children_may_come_before_their_parents(self, bench: Bench) -> None:
        bench.sql(
            CRATES,
            "INSERT INTO crates VALUES (1, 'bolts', 7, NULL)",
            BIDS,
            "INSERT INTO bids VALUES (1, 1)",
        )
        source, tables = everything(bench.store)
        other = bench.empty()
        other.load(Loading(source, sorted(tables, key=lambda one: one.declared.name)))
        assert read(other, "bids") == [(1, 1)]

    def test_a_child_without_its_parent_is_refused(self, bench: Bench) -> None:
        bench.sql(
            CRATES,
            BIDS,
        )
        table = declared(bench.store, "bids")
        with pytest.raises(DataError, match=r"(?s)bids"):
            bench.store.load(Loading(catalog(bench.store), (incoming(table, [(1, 77)]),)))
        if bench.transactions:
            assert read(bench.store, "bids") == []

    def test_a_view_is_only_created_for_those_who_are_trusted(self, crates: Bench) -> None:
        if not crates.creates:
            pytest.skip("creates nothing")
        crates.sql("CREATE VIEW heavy AS SELECT id FROM crates WHERE note = 'heavy'")
        source, tables = everything(crates.store)
        other = crates.empty()
        with pytest.raises(GuardError, match="heavy"):
            other.load(Loading(source, tables))
        assert self.tables_of(other) == ()
        loaded = other.load(Loading(source, tables, trusted=True))
        assert "heavy" in " ".join(loaded.created_objects)
        assert [one.name for one in catalog(other).objects if one.kind == "view"] == ["heavy"]

    def test_a_partial_import_leaves_views_alone(self, crates: Bench) -> None:
        if not crates.creates:
            pytest.skip("creates nothing")
        crates.sql("CREATE VIEW heavy AS SELECT id FROM crates WHERE note = 'heavy'")
        source, tables = everything(crates.store)
        other = crates.empty()
        other.load(Loading(source, tables, objects=False))
        assert len(read(other, "crates")) == 3
        assert catalog(other).objects == ()

    def tables_of(self, store: BulkStore) -> Sequence[str]:
        """The names of a store's tables; none where there is no database."""
        try:
            return tuple(table.name for table in catalog(store).tables)
        except NotFoundError:
            return ()
