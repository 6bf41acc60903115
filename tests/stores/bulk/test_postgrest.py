"""The bulk store over REST, against our double of PostgREST on a real Postgres."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import AuthError, DataError, GuardError, NotFoundError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import Bounds, Incoming, Loaded, Loading, Mode, Row, Span
from recon_cli.stores.bulk.postgrest import PostgrestStore
from recon_cli.stores.bulk.registry import open_bulk
from tests.support import postgrest
from tests.support.postgres import PostgresServer
from tests.support.postgrest import Rest

ODD = """
CREATE TYPE table_type AS ENUM ('FEATURE_TABLE', 'MAIN TABLE');
CREATE TABLE odd (
    id bigint PRIMARY KEY, "two words" text, fixed character(4), short varchar(20), n numeric, r double precision,
    f real, b boolean, raw bytea, d date, t time, ts timestamp, tz timestamptz, i interval, u uuid, j json, jb jsonb,
    many integer[], kind table_type)"""


@pytest.fixture
def rest(postgres_server: PostgresServer) -> Iterator[Rest]:
    """An empty database behind the double, capped at 7 rows a page."""
    with postgrest.serving(postgres_server.database(), postgres_server.password, max_rows=7) as served:
        yield served


def store(rest: Rest, **options: str | float) -> PostgrestStore:
    opened = open_bulk(Place(rest.url, secret=lambda: rest.key, options={"timeout_s": 5, **options}))
    assert isinstance(opened, PostgrestStore)
    return opened


def all_rows(rest: Rest, table: str, span: Span = Span()) -> list[Row]:  # noqa: B008  frozen
    with closing(store(rest)) as opened, opened.join() as view:
        return [row for chunk in view.rows(table, span, chunk_rows=100) for row in chunk]


def numbered(rest: Rest, rows: int) -> None:
    rest.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text)",
        f"INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, {rows}) i",  # noqa: S608  a number
    )


def incoming(
    columns: dict[str, Kind], rows: list[Row], key: tuple[str, ...] = ("id",), name: str = "items"
) -> Incoming:
    declared = DeclaredTable(name, tuple(DeclaredColumn(one, kind=kind) for one, kind in columns.items()), key)
    return Incoming(declared, lambda: iter([rows]), len(rows))


ITEMS = {"id": Kind.INTEGER, "name": Kind.TEXT}


def loading(*tables: Incoming, mode: Mode = Mode.INSERT, commit: bool = True, **more: Callable[..., None]) -> Loading:
    source = Catalog("postgresql", tuple(one.declared for one in tables))
    return Loading(source, tables, mode=mode, commit=commit, **more)


def test_a_table_larger_than_the_servers_page_comes_whole(rest: Rest) -> None:
    numbered(rest, 100)
    assert all_rows(rest, "items") == [(number, f"item {number}") for number in range(1, 101)]
    assert not any("offset" in path for _method, path in rest.seen)


def test_a_span_begins_with_its_first_key_and_ends_before_its_end(rest: Rest) -> None:
    numbered(rest, 40)
    assert [row[0] for row in all_rows(rest, "items", Span((10,), (30,)))] == list(range(10, 30))


def test_keys_of_several_columns_are_paged_without_gap_or_repetition(rest: Rest) -> None:
    rest.sql(
        "CREATE TABLE pairs (a text, b integer, PRIMARY KEY (a, b))",
        """INSERT INTO pairs SELECT x, i FROM unnest(ARRAY['가', 'a,b', '(c)', 'd"e', 'f\\g', '']) x,"""
        " generate_series(1, 9) i",
    )
    want = rest.sql("SELECT a, b FROM pairs ORDER BY a, b")
    assert all_rows(rest, "pairs") == want
    middle = want[23]
    assert all_rows(rest, "pairs", Span(middle)) == want[23:]


def test_every_value_comes_as_it_is_stored(rest: Rest) -> None:
    rest.sql(
        ODD,
        "INSERT INTO odd VALUES (9223372036854775807, '한글 \"q\" \\', 'ab', 'x', 12345678901234567890.1234567890,"
        " '-0', 0.1, true, '\\x00ff', '2025-02-14', '10:02:49.5', '2025-02-14 10:02:49.123456',"
        " '2025-02-14 10:02:49+09', '1 day 02:03:04', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',"
        """ '{"a" : 1.10, "a":2}', '{"b": 1.10}',"""
        " '{1,NULL,3}', 'MAIN TABLE')",
        "INSERT INTO odd (id, r, f) VALUES (-9223372036854775808, 'NaN', '-Infinity'), (0, 5e-324, NULL)",
    )
    low, zero, high = all_rows(rest, "odd")
    assert (low[0], low[6], zero[5], zero[6]) == (-(2**63), -math.inf, 5e-324, None)
    assert isinstance(low[5], float)
    assert math.isnan(low[5])
    assert high == (
        *(2**63 - 1, '한글 "q" \\', "ab  ", "x", "12345678901234567890.1234567890", -0.0, 0.1, True, b"\x00\xff"),
        *("2025-02-14", "10:02:49.5", "2025-02-14 10:02:49.123456", "2025-02-14 01:02:49+00", "1 day 02:03:04"),
        *("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", '{"a" : 1.10, "a":2}', '{"b": 1.10}', "{1,NULL,3}", "MAIN TABLE"),
    )
    assert math.copysign(1, high[5]) == -1  # type: ignore[arg-type]  # a float, as the line above says


def test_what_was_read_can_be_loaded_into_the_emptied_table_and_reads_the_same(rest: Rest) -> None:
    test_every_value_comes_as_it_is_stored(rest)
    before = all_rows(rest, "odd")
    rest.sql("DELETE FROM odd")
    with closing(store(rest)) as opened:
        with opened.join() as view:
            declared = view.catalog().table("odd")
        assert declared is not None
        loaded = opened.load(loading(Incoming(declared, lambda: iter([before]), 3)))
    assert repr(all_rows(rest, "odd")) == repr(before)
    assert loaded.tables[0].inserted == 3


def test_the_catalog_tells_types_keys_links_enums_and_defaults(rest: Rest) -> None:
    rest.sql(
        ODD,
        "CREATE TABLE child (id integer PRIMARY KEY, odd_id bigint NOT NULL REFERENCES odd (id), "
        " about text DEFAULT 'it''s', made timestamptz DEFAULT now(), size integer DEFAULT 3)",
        "COMMENT ON COLUMN child.about IS 'what it is'",
        "CREATE VIEW summary AS SELECT count(*) FROM odd",
        "CREATE TABLE recon_journal (id integer PRIMARY KEY)",
    )
    with closing(store(rest)) as opened, opened.join() as view:
        catalog = view.catalog()
        assert "summary" in view.consistency
    odd, child = catalog.table("odd"), catalog.table("child")
    assert odd is not None
    assert child is not None
    assert [table.name for table in catalog.tables] == ["child", "odd"]
    assert [column.kind for column in odd.columns[1:5]] == [Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.DECIMAL]
    assert [column.declared for column in odd.columns[2:4]] == ["character(4)", "character varying(20)"]
    assert [column.kind for column in odd.columns[-4:]] == [Kind.JSON, Kind.JSONB, Kind.ARRAY, Kind.ENUM]
    assert odd.key == ("id",)
    assert [(link.columns, link.table, link.targets) for link in child.foreign_keys] == [(("odd_id",), "odd", ("id",))]
    assert [column.default for column in child.columns[2:]] == ["'it''s'", "now()", "3"]
    assert [column.nullable for column in child.columns] == [False, False, True, True, True]
    assert child.columns[2].comment == "what it is"


def test_counts_bounds_and_keys_are_read_without_rows(rest: Rest) -> None:
    numbered(rest, 30)
    with closing(store(rest)) as opened, opened.join() as view:
        assert view.count("items") == 30
        assert view.bounds("items") == Bounds(1, 30, 30)
        assert list(view.keys("items", start=(5,), skip_rows=20)) == [(number,) for number in range(25, 31)]
    assert not any("name" in path for _method, path in rest.seen)


def test_rows_that_a_server_hides_are_found_by_the_exact_count(rest: Rest) -> None:
    """A server that gives an empty page before the end, as one with a broken cap does."""
    numbered(rest, 30)
    with closing(store(rest)) as opened, opened.join() as view:
        chunks = view.rows("items")
        next(chunks)
        rest.faults.answer(200, times=2, method="GET", body=[])
        with pytest.raises(DataError, match="`items` changed while it was read") as caught:
            list(chunks)
    assert "the server counts 30" in str(caught.value.cause)


def test_rows_written_at_the_end_while_reading_are_read_too(rest: Rest) -> None:
    numbered(rest, 30)
    with closing(store(rest)) as opened, opened.join() as view:
        chunks = view.rows("items")
        first = next(chunks)
        rest.sql("INSERT INTO items VALUES (31, 'late')")
        assert len(first) + sum(map(len, chunks)) == 31


def test_a_row_removed_behind_the_reader_is_told(rest: Rest) -> None:
    numbered(rest, 30)
    with closing(store(rest)) as opened, opened.join() as view:
        chunks = view.rows("items")
        next(chunks)
        rest.sql("DELETE FROM items WHERE id = 1")
        with pytest.raises(DataError, match="changed while it was read"):
            list(chunks)


def test_a_table_without_a_key_comes_if_it_fits_one_page_and_is_refused_if_not(rest: Rest) -> None:
    rest.sql("CREATE TABLE notes (said text)", "INSERT INTO notes VALUES ('b'), ('a'), ('a')")
    assert all_rows(rest, "notes") == [("a",), ("a",), ("b",)]
    rest.sql("INSERT INTO notes SELECT 'c' FROM generate_series(1, 20)")
    with pytest.raises(DataError, match="no primary key and more rows than one page"):
        all_rows(rest, "notes")


def test_a_wrong_key_is_told_as_such(rest: Rest) -> None:
    opened = open_bulk(Place(rest.url, secret=lambda: "another"))
    with closing(opened), pytest.raises(AuthError, match="refuses the login"), opened.join():
        pass


def test_the_key_is_in_no_message_and_no_url(rest: Rest) -> None:
    rest.faults.answer(503, times=9)
    with closing(store(rest, patience_s=0)) as opened:
        with pytest.raises(UnreachableError) as caught, opened.join():
            pass
        assert rest.key not in f"{caught.value.document()} {opened.url}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_asks_for_patience_gets_it(rest: Rest, status: int) -> None:
    numbered(rest, 20)
    rest.faults.answer(status, times=2, retry_after_s=0.01)
    assert len(all_rows(rest, "items")) == 20


def test_a_server_that_asks_for_more_patience_than_there_is_is_unreachable(rest: Rest) -> None:
    rest.faults.answer(503, retry_after_s=3600)
    with closing(store(rest)) as opened, pytest.raises(UnreachableError) as caught, opened.join():
        pass
    assert "3600 s" in str(caught.value.hint)


def test_a_silent_server_is_unreachable(rest: Rest) -> None:
    rest.faults.black_hole(times=9)
    opened = store(rest, timeout_s=0.05, patience_s=0.1)
    with closing(opened), pytest.raises(UnreachableError, match="does not answer"), opened.join():
        pass


def test_a_table_that_is_not_there_is_not_found(rest: Rest) -> None:
    with pytest.raises(NotFoundError, match="no table `items`"):
        all_rows(rest, "items")


def test_insert_leaves_other_content_alone_and_names_the_conflict(rest: Rest) -> None:
    numbered(rest, 3)
    rows: list[Row] = [(2, "item 2"), (3, "other"), (4, "new")]
    with closing(store(rest)) as opened:
        (outcome,) = opened.load(loading(incoming(ITEMS, rows))).tables
    assert (outcome.inserted, outcome.unchanged, outcome.conflicts) == (1, 1, 1)
    assert outcome.first_conflicts == (((3,), ("name",)),)
    assert all_rows(rest, "items") == [(1, "item 1"), (2, "item 2"), (3, "item 3"), (4, "new")]


def test_upsert_writes_only_what_differs(rest: Rest) -> None:
    numbered(rest, 3)
    with closing(store(rest)) as opened:
        (outcome,) = opened.load(
            loading(incoming(ITEMS, [(2, "item 2"), (3, "other"), (4, None)]), mode=Mode.UPSERT)
        ).tables
    assert (outcome.inserted, outcome.updated, outcome.unchanged) == (1, 1, 1)
    assert all_rows(rest, "items")[1:] == [(2, "item 2"), (3, "other"), (4, None)]


def test_merge_fills_what_is_empty_and_keeps_what_is_there(rest: Rest) -> None:
    rest.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text, size integer)",
        "INSERT INTO items VALUES (1, NULL, 5), (2, 'two', 6)",
    )
    columns = {**ITEMS, "size": Kind.INTEGER}
    with closing(store(rest)) as opened:
        (outcome,) = opened.load(loading(incoming(columns, [(1, "one", None), (2, "deux", 6)]), mode=Mode.MERGE)).tables
    assert (outcome.updated, outcome.conflicts) == (1, 1)
    assert all_rows(rest, "items") == [(1, "one", 5), (2, "two", 6)]


def test_replace_deletes_only_where_it_is_allowed(rest: Rest) -> None:
    numbered(rest, 9)
    wanted = loading(incoming(ITEMS, [(2, "item 2"), (10, "ten")]), mode=Mode.REPLACE)
    with closing(store(rest)) as opened, pytest.raises(GuardError, match="without a transaction"):
        opened.load(wanted)
    assert len(all_rows(rest, "items")) == 9
    with closing(store(rest, replace="true")) as opened:
        (outcome,) = opened.load(wanted).tables
    assert (outcome.inserted, outcome.deleted, outcome.unchanged) == (1, 8, 1)
    assert all_rows(rest, "items") == [(2, "item 2"), (10, "ten")]


def test_a_plan_writes_nothing(rest: Rest) -> None:
    numbered(rest, 3)
    with closing(store(rest)) as opened:
        (outcome,) = opened.load(loading(incoming(ITEMS, [(1, "x"), (9, "y")]), mode=Mode.REPLACE, commit=False)).tables
    assert (outcome.inserted, outcome.updated, outcome.deleted) == (1, 1, 2)
    assert {method for method, _path in rest.seen} <= {"GET", "HEAD"}
    assert len(all_rows(rest, "items")) == 3


def test_what_prepared_raises_stops_the_load_before_the_first_write(rest: Rest) -> None:
    numbered(rest, 3)

    def no(_loaded: Loaded) -> None:
        raise GuardError("no")

    with closing(store(rest)) as opened, pytest.raises(GuardError):
        opened.load(loading(incoming(ITEMS, [(9, "y")]), prepared=no))
    assert len(all_rows(rest, "items")) == 3


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_lost_answer_doubles_nothing_and_loses_nothing(rest: Rest, *, after_commit: bool) -> None:
    rest.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text)")
    rest.faults.close(after_commit=after_commit, method="POST", times=2)
    rows: list[Row] = [(number, "x") for number in range(50)]
    with closing(store(rest)) as opened:
        (outcome,) = opened.load(loading(incoming(ITEMS, rows))).tables
    assert outcome.inserted == 50
    assert all_rows(rest, "items") == rows


def test_a_batch_that_is_refused_half_way_says_what_is_in(rest: Rest) -> None:
    rest.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text CHECK (name <> 'bad'))")
    rows: list[Row] = [(number, "bad" if number == 700 else "x") for number in range(1000)]
    with closing(store(rest)) as opened, pytest.raises(DataError) as caught:
        opened.load(loading(incoming(ITEMS, rows)))
    assert "in are 500 rows of `items`; the batch of `items` from 500 to 999" in str(caught.value.hint)
    assert len(all_rows(rest, "items")) == 500
    assert "23514" in str(caught.value.cause)


def test_a_value_that_does_not_fit_is_named_before_anything_is_written(rest: Rest) -> None:
    rest.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text)")
    with closing(store(rest)) as opened, pytest.raises(DataError, match="row 8 of `items`: column `name`"):
        opened.load(loading(incoming(ITEMS, [(7, "x"), (8, "nul\0")])))
    assert all_rows(rest, "items") == []


def test_a_trigger_that_changes_a_row_is_noticed(rest: Rest) -> None:
    rest.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text)",
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.name = upper(NEW.name); RETURN NEW; END $$",
        "CREATE TRIGGER loud BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION shout()",
    )
    with closing(store(rest)) as opened, pytest.raises(DataError, match="row 1 of `items` came back other"):
        opened.load(loading(incoming(ITEMS, [(1, "soft")])))


def test_parents_are_written_before_their_children(rest: Rest) -> None:
    rest.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY, name text)",
        "CREATE TABLE child (id bigint PRIMARY KEY, item bigint REFERENCES items)",
    )
    with closing(store(rest)) as opened:
        with opened.join() as view:
            child, items = view.catalog().tables
        tables = (Incoming(child, lambda: iter([[(1, 5)]]), 1), Incoming(items, lambda: iter([[(5, "x")]]), 1))
        loaded = opened.load(loading(*tables))
    assert [outcome.table for outcome in loaded.tables] == ["child", "items"]
    assert all_rows(rest, "child") == [(1, 5)]


def test_a_sqlite_rows_number_and_text_are_the_servers_boolean_and_moment(rest: Rest) -> None:
    rest.sql("CREATE TABLE items (id bigint PRIMARY KEY, done boolean, made timestamptz, price numeric)")
    columns = {"id": Kind.ANY, "done": Kind.ANY, "made": Kind.ANY, "price": Kind.ANY}
    wanted = loading(incoming(columns, [(1, 1, "2025-02-14 01:02:03", 1.5), (2, 0, None, 2)]))
    with closing(store(rest)) as opened:
        opened.load(wanted)
        (again,) = opened.load(wanted).tables
    assert again.unchanged == 2
    assert all_rows(rest, "items")[0] == (1, True, "2025-02-14 01:02:03+00", "1.5")


def test_large_rows_are_sent_in_small_requests_and_read_in_small_pages(rest: Rest) -> None:
    rest.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text)")
    rows: list[Row] = [(number, str(number) * 400_000) for number in range(1, 10)]
    with closing(store(rest)) as opened:
        opened.load(loading(incoming(ITEMS, rows)))
    assert [method for method, _path in rest.seen].count("POST") > 2
    assert all_rows(rest, "items") == rows


def test_keys_that_are_long_are_asked_for_in_urls_of_bounded_length(rest: Rest) -> None:
    rest.sql("CREATE TABLE items (id text PRIMARY KEY, name text)")
    rows: list[Row] = [(f'{number:03d} 한글, "(x)\\ ' * 10, "x") for number in range(100)]
    table = incoming({"id": Kind.TEXT, "name": Kind.TEXT}, rows)
    with closing(store(rest)) as opened:
        opened.load(loading(table))
        (again,) = opened.load(loading(table)).tables
    assert again.unchanged == 100
    assert max(len(path) for _method, path in rest.seen) < 8000
    assert all_rows(rest, "items") == rows


def test_a_unique_constraint_that_another_row_holds_is_told_in_the_servers_words(rest: Rest) -> None:
    rest.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text UNIQUE)", "INSERT INTO items VALUES (1, 'x')")
    with closing(store(rest)) as opened, pytest.raises(DataError) as caught:
        opened.load(loading(incoming(ITEMS, [(2, "x")])))
    assert "23505" in str(caught.value.cause)
    assert "Key (name)=(x) already exists" in str(caught.value.cause)


def test_columns_and_tables_with_odd_names_are_read_and_written(rest: Rest) -> None:
    rest.sql('CREATE TABLE "odd, table" ("a.b" bigint, "c ""d""" text, "(e)" text, PRIMARY KEY ("a.b"))')
    rows: list[Row] = [(number, "x", None) for number in range(20)]
    columns = {"a.b": Kind.INTEGER, 'c "d"': Kind.TEXT, "(e)": Kind.TEXT}
    with closing(store(rest)) as opened:
        opened.load(loading(incoming(columns, rows, ("a.b",), "odd, table")))
    assert all_rows(rest, "odd, table") == rows
