"""Whole schemas out of Postgres and into it, on a real server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import orjson
import psycopg
import pytest

from recon_cli.core.catalog import Catalog, Cell, DeclaredColumn, DeclaredObject, DeclaredTable, Kind
from recon_cli.core.errors import AuthError, DataError, GuardError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.lines import Block, Lines
from recon_cli.core.place import Place
from recon_cli.snapshot import rows as lines
from recon_cli.stores.bulk import native
from recon_cli.stores.bulk import postgres_stream as stream
from recon_cli.stores.bulk.base import BulkStore, Incoming, Loading, Mode, Row, Span, Writing
from recon_cli.stores.bulk.postgres import open_postgres
from recon_cli.stores.bulk.postgres_link import Connection
from recon_cli.stores.bulk.to_postgres import cell_of
from tests.stores.bulk.conformance import BulkStoreConformance, catalog, declared, everything, incoming, read
from tests.support import postgres
from tests.support.system import missing


@dataclass(frozen=True, slots=True)
class PostgresBench:
    """A new database of the test's server."""

    server: postgres.PostgresServer
    url: str
    store: BulkStore
    creates: bool = True
    transactions: bool = True

    def sql(self, *statements: str) -> None:
        with psycopg.connect(self.url, password=self.server.password) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, password=self.server.password) as connection:
            return connection.execute(sql.encode()).fetchall()

    def empty(self) -> BulkStore:
        return opened(self.server, self.server.database())

    def missing(self) -> BulkStore:
        return opened(self.server, self.server.url("nowhere"))


def opened(server: postgres.PostgresServer, url: str, **options: str | float) -> BulkStore:
    return open_postgres(Place(url, secret=lambda: server.password, options=options))


@pytest.fixture
def bench(postgres_server: postgres.PostgresServer) -> PostgresBench:
    url = postgres_server.database()
    return PostgresBench(postgres_server, url, opened(postgres_server, url))


class TestPostgres(BulkStoreConformance):
    """The whole suite."""


# reading


def test_rows_written_as_lines_are_the_rows_read(bench: PostgresBench) -> None:
    bench.sql(
        """CREATE TABLE t (a text, k int PRIMARY KEY, f float8, g real, n numeric(12, 3), s smallint, b boolean,
           d date, c char(4), y bytea, j jsonb)""",
        """INSERT INTO t SELECT '서울 ' || n || E'\t"\\\n', n, n / 7.0, n / 3.0, n * 1.5, n % 7, n % 2 = 0,
           DATE '2026-01-01' + n, n % 10,
           CASE WHEN n % 9 = 0 THEN decode(md5(n::text), 'hex') END, jsonb_build_object('n', n)
           FROM generate_series(-2000, 2000) n""",
        "UPDATE t SET f = 'NaN' WHERE k % 50 = 0",
        "UPDATE t SET f = '-Infinity', a = NULL, b = NULL, s = NULL WHERE k % 51 = 0",
    )
    with bench.store.join() as view:
        assert isinstance(view, Writing)
        for span in (Span(), Span((-17,), (1500,)), Span((9000,))):
            rows = [row for chunk in view.rows("t", span) for row in chunk]
            found = list(view.lines("t", span, 64))
            texts = [one.text if isinstance(one, Lines) else lines.encode(one, range(11)) for one in found]
            assert b"".join(texts) == lines.encode(rows, range(11))
            if native.for_lines():
                assert all(
                    isinstance(one, Lines) and (one.last - int(one.rows) + 1) // 64 == one.last // 64 for one in found
                )


MANY_TYPES = """
    CREATE TABLE t (k bigint PRIMARY KEY, a text, i int, s smallint, b boolean, f float8, n numeric, m numeric(20, 6),
                    d date, z timestamptz, u timestamp(3), j jsonb, o json, y bytea, c char(4), v varchar(9),
                    w uuid{more})
"""
COMMON = """
    INSERT INTO t SELECT n, E'서\\t"\\\\\\n\\r' || n, n * 100000, n % 9, n % 2 = 0, n / 7.0, n * 1.00010,
        n::numeric ^ 3 / 7, DATE '2026-01-01' + n * 100,
        TIMESTAMPTZ '2026-01-01 00:00:00.5+00' + n * interval '17 hours 1 microsecond',
        TIMESTAMP '1970-01-01' + n * interval '1 second', jsonb_build_object('n', n, 'x', '서"'),
        json_build_array(n, 1.50), decode(md5(n::text), 'hex'), n % 10, n % 1000, md5(n::text)::uuid
        FROM generate_series(-300, 300) n
"""
ODD_ROWS = """
    INSERT INTO t VALUES
        (1000, '', -2147483648, -32768, NULL, 'NaN', 0, -0.000001, '0001-01-01', '9999-12-31 23:59:59.999999+00',
         '0001-01-01', 'null', ' {"a" : 1}', '', '', '', NULL),
        (1001, NULL, 2147483647, 32767, true, '-Infinity', 1e130, 99999999999999.999999, '9999-12-31',
         '0001-01-01 00:00:00+00', '9999-12-31 23:59:59.999', '[]', '1', '\\x00', 'abcd', '서울', NULL),
        (1002, NULL, NULL, NULL, NULL, 5e-324, 12345.67890, 1000000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
         NULL),
        (1003, NULL, NULL, NULL, NULL, -0.0, -10000.00010, 0.0001, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""
ODDER_ROWS = """
    INSERT INTO t (k, n, d, z) VALUES (1004, 'NaN', 'infinity', '-infinity'), (1005, 1e-30, '0044-03-15 BC', NULL),
        (1006, 3, '2026-01-01', now()), (1007, 0.1e-400, '12026-01-01', NULL)
"""


@pytest.mark.parametrize("more", ["", ", r real"])
def test_lines_go_in_as_their_rows_would(bench: PostgresBench, more: str) -> None:
    bench.sql(MANY_TYPES.format(more=more), COMMON, ODD_ROWS, ODDER_ROWS)
    with bench.store.join() as view:
        rows, source = [row for chunk in view.rows("t") for row in chunk], view.catalog()
    (table,) = source.tables
    places = tuple(range(len(table.stored)))
    assert bool(stream.codes(table, [column.name for column in table.stored])) is not bool(more)

    def decoded(text: bytes) -> list[Row]:
        return [row for chunk in lines.read([text], columns=len(places), tagged=places) for row in chunk]

    def blocks() -> Iterator[Block]:
        for start in range(0, len(rows), 100):
            some = rows[start : start + 100]
            yield Block(lines.encode(some, places), len(some), places, decoded)

    other = bench.empty()
    other.load(Loading(source, [Incoming(table, lambda: iter([rows]), len(rows), blocks)]))
    with other.join() as view:
        assert lines.encode([row for chunk in view.rows("t") for row in chunk], places) == lines.encode(rows, places)


def test_a_line_that_does_not_fit_is_named_by_its_key_in_either_copy(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, d date, v varchar(3))")
    with bench.store.join() as view:
        source = view.catalog()
    (table,) = source.tables

    def tried(rows: list[Row]) -> None:
        text = lines.encode(rows, ())
        block = Block(text, len(rows), (), lambda some: [tuple(orjson.loads(line)) for line in some.splitlines()])
        bench.empty().load(Loading(source, [Incoming(table, lambda: iter([rows]), len(rows), lambda: iter([block]))]))

    with pytest.raises(DataError, match=r"k=2\) does not fit in column v"):
        tried([(1, "2026-01-01", "a"), (2, None, "long")])
    with pytest.raises(DataError, match=r"k=4\) does not fit in column v"):
        tried([(1, "2026-01-01", "a"), (2, "infinity", "a"), (3, None, None), (4, "2026-01-01", "long")])


def test_lines_that_are_left_half_way_leave_the_view_as_it_was(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (k int PRIMARY KEY, a text)")
    bench.sql("INSERT INTO t SELECT n, repeat('x', 900) FROM generate_series(1, 30000) n")
    with bench.store.join() as view:
        assert isinstance(view, Writing)
        half = iter(view.lines("t", Span(), 100))
        next(half)
        half.close()  # type: ignore[attr-defined]  # a generator
        assert view.count("t") == sum(len(one) for one in view.lines("t", Span(), 100)) == 30000


def test_every_value_is_read_as_the_server_says_it(bench: PostgresBench) -> None:
    bench.sql(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        """CREATE TABLE odd (id int PRIMARY KEY, r real, d double precision, n numeric, t timestamptz, i interval,
           p inet, c char(5), j json, b jsonb, a numeric(10,2)[], y bytea, m mood, k boolean, x tsvector, w bit(3))""",
        """INSERT INTO odd VALUES
           (1, 0.1, '-0', 'NaN', 'infinity', '1 mon -2 days', '10.0.0.1', 'ab', '{"a":  1}', '{"b":1,"a":1.50}',
            '{1.50,NULL}', '\\x00ff', 'ok', true, 'fat:1 cat', B'101'),
           (2, '-Infinity', '5e-324', 1.10, '0044-03-15 12:00:00+00 BC', NULL, '10.0.0.0/8', NULL, NULL, NULL, '{}', '',
            NULL, false, NULL, NULL)""".replace("\\\\x", "\\x"),
    )
    one, two = read(bench.store, "odd")
    assert one == (1, 0.1, -0.0, "NaN", "infinity", "1 mon -2 days", "10.0.0.1", "ab   ", '{"a":  1}',
                   '{"a": 1.50, "b": 1}', "{1.50,NULL}", b"\0\xff", "ok", True, "'cat' 'fat':1", "101")  # fmt: skip
    assert str(one[2]) == "-0.0"
    assert two[1:5] == (-math.inf, 5e-324, "1.10", "0044-03-15 12:00:00+00 BC")
    assert two[10:12] == ("{}", b"")


def test_an_iterator_left_half_way_leaves_the_view_as_it_was(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t SELECT generate_series(1, 5000)")
    with bench.store.join() as view:
        first, second = view.rows("t", chunk_rows=10), view.keys("t", skip_rows=7)
        assert next(first)[0] == (1,)
        bench.sql("DELETE FROM t")
        assert next(second) == (8,)
        first.close()
        assert view.count("t") == 5000
        assert next(second) == (9,)


def test_a_table_without_a_key_is_read_in_one_order(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (t text, j json)")
    bench.sql("INSERT INTO t VALUES ('b', '{}'), ('a', NULL), ('b', '{}'), (NULL, '1')")
    before = read(bench.store, "t")
    bench.sql("CREATE TABLE u AS SELECT * FROM t ORDER BY t NULLS FIRST", "TRUNCATE t", "INSERT INTO t SELECT * FROM u")
    assert read(bench.store, "t") == before
    assert len(before) == 4


def test_large_cells_come_whole_beside_small_and_empty_ones(bench: PostgresBench) -> None:
    bench.sql(
        "CREATE TABLE t (id int PRIMARY KEY, b bytea, x text, n int)",
        "INSERT INTO t VALUES (1, decode(repeat('00ff', 4500000), 'hex'), repeat('가b', 2500000), 7)",
        "INSERT INTO t VALUES (2, decode(repeat('ab', 4194304), 'hex'), NULL, 8)",
        "INSERT INTO t VALUES (3, NULL, repeat('x', 8388608), 9), (4, '', '', NULL)",
    )
    expected = [(1, b"\0\xff" * 4_500_000, "가b" * 2_500_000, 7), (2, b"\xab" * (4 << 20), None, 8)]
    assert read(bench.store, "t") == [*expected, (3, None, "x" * (8 << 20), 9), (4, b"", "", None)]


def test_a_key_may_be_any_type_and_a_span_finds_its_place(bench: PostgresBench) -> None:
    bench.sql(
        "CREATE TABLE t (at timestamptz, n numeric, PRIMARY KEY (at, n))",
        "INSERT INTO t VALUES ('-infinity', 1), ('2024-01-01', 1.5), ('2024-01-01', 'NaN'), ('infinity', 0)",
    )
    with bench.store.join() as view:
        keys = list(view.keys("t"))
        assert list(view.keys("t", start=keys[2])) == keys[2:]


def test_rows_that_a_policy_hides_are_an_error_not_a_gap(bench: PostgresBench) -> None:
    bench.sql(
        "CREATE TABLE t (id int PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        f"DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD '{bench.server.password}'",
        "GRANT SELECT ON t TO reader",
    )
    reader = opened(bench.server, bench.url.replace("//recon@", "//reader@"))
    with pytest.raises(AuthError, match="may not"):
        read(reader, "t")
    assert "row security on t" in str(catalog(bench.store).settings["not_carried"])


def test_a_database_without_an_encoding_gives_its_bytes(bench: PostgresBench) -> None:
    url = bench.url + "_raw"
    name = url.rpartition("/")[2]
    with psycopg.connect(bench.server.url(), password=bench.server.password, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C'".encode())
    with psycopg.connect(url, password=bench.server.password, client_encoding="SQL_ASCII") as connection:
        connection.execute(b"CREATE TABLE t (id int PRIMARY KEY, t text, n numeric)")
        connection.execute(b"INSERT INTO t VALUES (1, 'caf\xe9', 1.50), (2, '\xea\xb0\x80', 2)")
    raw = opened(bench.server, url)
    assert read(raw, "t") == [(1, "caf\udce9", "1.50"), (2, "가", "2")]
    found = declared(raw, "t")
    raw.load(Loading(Catalog("postgresql", (found,)), (incoming(found, [(3, "\udcff", "1")]),)))
    assert read(raw, "t")[-1] == (3, "\udcff", "1")
    source, tables = everything(raw)
    with pytest.raises(DataError, match=r"(?s)t: .*id=1.*column t"):
        bench.store.load(Loading(source, tables))


# everything that is declared, there and back

SHOP = """
CREATE TYPE mood AS ENUM ('sad', 'o''k');
CREATE DOMAIN share AS numeric(5,2) DEFAULT 1.00 CHECK (VALUE > 0);
CREATE TYPE spot AS (x int, "the y" text);
CREATE TYPE span AS RANGE (SUBTYPE = double precision);
CREATE FUNCTION plus(a int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT a + 1 $$;
CREATE SEQUENCE loose START 5 INCREMENT 5;
SELECT nextval('loose');
CREATE TABLE goods (id serial PRIMARY KEY, name text DEFAULT 'x' NOT NULL CHECK (name <> ''), mood mood DEFAULT 'sad',
    part share, spot spot, twice int GENERATED ALWAYS AS (id * 2) STORED, held span, "Odd ""name" text COLLATE "C",
    more int DEFAULT plus(1), CONSTRAINT one_name UNIQUE NULLS NOT DISTINCT (name, mood) INCLUDE (id));
COMMENT ON COLUMN goods.name IS 'what it''s called';
COMMENT ON TABLE goods IS 'what there is';
CREATE TABLE sales (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, up int REFERENCES sales (id),
    good int REFERENCES goods ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    lot bigint GENERATED BY DEFAULT AS IDENTITY (START 10 INCREMENT 2), during int4range,
    EXCLUDE USING gist (during WITH &&));
CREATE INDEX by_good ON sales (good DESC NULLS LAST) INCLUDE (lot) WHERE good > 3;
CREATE INDEX by_lower ON goods (lower(name));
ALTER TABLE goods ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
CREATE TABLE logs (day timestamptz NOT NULL, n int, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE logs_24 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE logs_rest PARTITION OF logs DEFAULT PARTITION BY HASH (n);
CREATE TABLE logs_rest_0 PARTITION OF logs_rest FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE base (a int, b text CHECK (b <> ''));
CREATE UNLOGGED TABLE kid (z int) INHERITS (base) WITH (fillfactor = 70);
CREATE TABLE pairs (a int, b int, PRIMARY KEY (a, b) DEFERRABLE);
ALTER TABLE pairs ADD UNIQUE (b, a);
CREATE TABLE halves (a int NOT NULL, b int, FOREIGN KEY (b, a) REFERENCES pairs (b, a) ON DELETE SET NULL (b),
    FOREIGN KEY (a, b) REFERENCES pairs (b, a) MATCH FULL ON UPDATE CASCADE);
CREATE VIEW names AS SELECT id, name FROM goods;
CREATE VIEW a_names AS SELECT * FROM names;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM a_names;
CREATE UNIQUE INDEX counted_n ON counted (n);
CREATE FUNCTION first_name() RETURNS names LANGUAGE sql AS $$ SELECT * FROM names LIMIT 1 $$;
CREATE FUNCTION bark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON goods FOR EACH ROW EXECUTE FUNCTION bark();
CREATE TRIGGER asleep BEFORE INSERT ON sales FOR EACH ROW EXECUTE FUNCTION bark();
ALTER TABLE sales DISABLE TRIGGER asleep;
ALTER TABLE goods DISABLE TRIGGER guard;
INSERT INTO goods (name, mood, part, spot, held) VALUES ('a', 'o''k', 2.5, ROW(1, 'q"'), '[1,2)');
INSERT INTO goods (name, mood, part) VALUES ('b', NULL, 1);
ALTER TABLE goods ENABLE TRIGGER guard;
INSERT INTO sales (up, good, during) VALUES (2, 1, '[1,2)'), (1, 2, '[5,6)');
INSERT INTO logs VALUES ('2024-05-01', 1), ('2030-01-01 00:00:00.123456+09', 2), ('-infinity', 3);
INSERT INTO base VALUES (1, 'b');
INSERT INTO kid VALUES (2, 'k', 3);
REFRESH MATERIALIZED VIEW counted;
"""


@pytest.fixture
def shop(bench: PostgresBench) -> PostgresBench:
    bench.sql(SHOP)
    return bench


def rows_of(tables: tuple[Incoming, ...]) -> dict[str, list[Row]]:
    return {table.declared.name: [row for chunk in table.rows() for row in chunk] for table in tables}


def test_a_schema_comes_back_whole_also_under_another_name(shop: PostgresBench) -> None:
    source, tables = everything(shop.store)
    other = opened(shop.server, shop.server.database(), schema="Other one")
    other.load(Loading(source, tables, trusted=True))
    again, rows = everything(other)
    assert again.tables == source.tables
    assert again.objects == source.objects
    assert rows_of(rows) == rows_of(tables)


def test_all_of_it_can_be_loaded_again_over_itself_past_its_triggers(shop: PostgresBench) -> None:
    source, tables = everything(shop.store)
    for mode in Mode:
        loaded = shop.store.load(Loading(source, tables, mode))
        assert {one.table for one in loaded.tables if one.unchanged != len(rows_of(tables)[one.table])} == set()
    again, rows = everything(shop.store)
    assert (again, rows_of(rows)) == (source, rows_of(tables))


def test_a_stranger_gets_only_what_is_plain(shop: PostgresBench) -> None:
    source, tables = everything(shop.store)
    other = shop.empty()
    with pytest.raises(GuardError) as caught:
        other.load(Loading(source, tables))
    for word in ("function plus", "view names", "trigger guard", "goods.more: default plus(1)"):
        assert word in caught.value.message
    for word in ("mood", "share", "spot", "loose", "by_good", "by_lower", "logs", "kid"):
        assert word not in caught.value.message
    assert "--trust-sql" in str(caught.value.hint)
    assert catalog(other).tables == ()


@pytest.mark.parametrize(
    "trick",
    [
        DeclaredObject("type", "x", "CREATE TYPE x AS ENUM ('a'); DROP TABLE victim"),
        DeclaredObject("type", "x", "CREATE DOMAIN x AS int DEFAULT boom() CHECK (VALUE > 0)"),
        DeclaredObject("type", "x", "CREATE DOMAIN x AS int CONSTRAINT c CHECK (VALUE > 0) CONSTRAINT d CHECK (f())"),
        DeclaredObject("sequence", "x", "CREATE SEQUENCE x; SELECT boom()"),
        DeclaredObject("extension", "x", 'CREATE EXTENSION "x"'),
    ],
)
def test_an_object_that_is_not_what_it_seems_is_refused(bench: PostgresBench, trick: DeclaredObject) -> None:
    with pytest.raises(GuardError, match=trick.kind):
        bench.store.load(Loading(Catalog("postgresql", (), (trick,)), ()))


@pytest.mark.parametrize(
    "table",
    [
        DeclaredTable("t", (DeclaredColumn("c", "text DEFAULT boom(1)", Kind.TEXT),)),
        DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT, collation='"C" DEFAULT boom()'),)),
        DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT, default="boom()"),)),
        DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT),), options={"with": "fillfactor=70); SELECT (1"}),
        DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT),), options={"inherits": '["a; SELECT 1"]'}),
        DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT),), options={"partition_by": "LIST (boom(c))"}),
        DeclaredTable(
            "t",
            (DeclaredColumn("c", "text", Kind.TEXT),),
            options={"partition_by": "LIST (c)", "partitions": '[["p", "t", "FOR VALUES IN (boom())", null]]'},
        ),
    ],
)
def test_a_table_that_brings_a_call_is_refused(bench: PostgresBench, table: DeclaredTable) -> None:
    with pytest.raises(GuardError, match="t"):
        bench.store.load(Loading(Catalog("postgresql", (table,)), (incoming(table, []),)))


@pytest.mark.parametrize(
    "sql", ["CREATE INDEX i ON t (boom(c))", "CREATE INDEX i ON victim USING btree (c)", "DROP TABLE t"]
)
def test_an_index_that_is_not_what_it_seems_is_refused(bench: PostgresBench, sql: str) -> None:
    bench.sql("CREATE TABLE t (c text)", "CREATE INDEX i ON t (c)")
    found = declared(bench.store, "t")
    forged = replace(found, indexes=(replace(found.indexes[0], sql=sql),))
    with pytest.raises(GuardError, match="index i"):
        bench.empty().load(Loading(Catalog("postgresql", (forged,)), (incoming(forged, []),)))


def test_options_that_cannot_be_read_are_no_crash(bench: PostgresBench) -> None:
    table = DeclaredTable("t", (DeclaredColumn("c", "text", Kind.TEXT),), options={"sequence:c": "{", "with": "a=1"})
    with pytest.raises(ReconError):
        bench.store.load(Loading(Catalog("postgresql", (table,)), (incoming(table, []),)))


# counters


def test_the_next_number_is_the_one_that_would_have_come(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (id serial PRIMARY KEY, n int)")
    bench.sql("INSERT INTO t (n) SELECT generate_series(1, 9)", "DELETE FROM t WHERE id > 3")
    source, tables = everything(bench.store)
    url = bench.server.database()
    opened(bench.server, url).load(Loading(source, tables))
    copy = replace(bench, url=url)
    assert copy.ask("INSERT INTO t DEFAULT VALUES RETURNING id") == [(10,)]


def test_a_plan_moves_no_sequence(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
    found = replace(declared(bench.store, "t"), counter=41)
    loading = Loading(Catalog("postgresql", (found,)), (incoming(found, [(41,)]),))
    bench.store.load(replace(loading, commit=False))
    assert bench.ask("INSERT INTO t DEFAULT VALUES RETURNING id") == [(1,)]
    bench.store.load(loading)
    assert bench.ask("INSERT INTO t DEFAULT VALUES RETURNING id") == [(42,)]


# loading into what is there


def test_tables_that_point_at_each_other_are_replaced_in_one_go(bench: PostgresBench) -> None:
    bench.sql(
        "CREATE TABLE a (id int PRIMARY KEY, b int)",
        "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)",
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b",
        "INSERT INTO a VALUES (1, NULL)",
        "INSERT INTO b VALUES (1, 1)",
        "UPDATE a SET b = 1",
    )
    source, tables = everything(bench.store)
    fresh = [incoming(table.declared, [(2, 2), (3, 2)][: 2 if table.declared.name == "a" else 1]) for table in tables]
    before = bench.ask("SELECT conname, condeferrable FROM pg_constraint ORDER BY 1")
    bench.store.load(Loading(source, fresh, Mode.REPLACE))
    assert (read(bench.store, "a"), read(bench.store, "b")) == ([(2, 2), (3, 2)], [(2, 2)])
    assert bench.ask("SELECT conname, condeferrable FROM pg_constraint ORDER BY 1") == before


def test_a_value_that_a_narrower_column_would_round_is_named(bench: PostgresBench) -> None:
    for there, comes, cell, column in (
        ("numeric(10,2)", "numeric", "1.234", Kind.DECIMAL),
        ("varchar(3)", "text", "abcd", Kind.TEXT),
        ("timestamp(0)", "timestamp without time zone", "2024-01-01 00:00:00.5", Kind.TIMESTAMP),
        ("real", "double precision", 0.1 + 2**-40, Kind.REAL),
        ("smallint", "bigint", 70000, Kind.INTEGER),
        ("boolean", "text", "perhaps", Kind.TEXT),
        ("text", "bytea", b"x", Kind.BYTES),
        ("bytea", "text", "x", Kind.TEXT),
    ):
        bench.sql(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, c {there})")
        columns = (DeclaredColumn("id", "integer", Kind.INTEGER), DeclaredColumn("c", comes, column))
        table = DeclaredTable("t", columns, ("id",))
        with pytest.raises(DataError, match=r"(?s)t: .*7.* column c"):
            bench.store.load(Loading(Catalog("postgresql", (table,)), (incoming(table, [(7, cell)]),)))


def test_without_a_key_a_row_counts_as_often_as_it_stands_there(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (a text, j json)", "INSERT INTO t VALUES ('x', '{}'), ('x', '{}'), ('old', NULL)")
    table = declared(bench.store, "t")
    rows: list[Row] = [("x", "{}"), ("x", "{}"), ("x", "{}"), ("new", None)]
    loading = Loading(Catalog("postgresql", (table,)), (incoming(table, rows),))
    (done,) = bench.store.load(replace(loading, commit=False)).tables
    assert (done.inserted, done.unchanged, done.deleted) == (2, 2, 0)
    (done,) = bench.store.load(replace(loading, mode=Mode.REPLACE)).tables
    assert (done.inserted, done.unchanged, done.deleted) == (2, 2, 1)
    assert sorted(map(str, read(bench.store, "t"))) == sorted(map(str, rows))


def test_a_row_that_points_nowhere_is_refused_and_nothing_stays(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)")
    table = declared(bench.store, "b")
    with pytest.raises(DataError, match="points at one that is not there"):
        bench.store.load(Loading(catalog(bench.store), (incoming(table, [(1, 9)]),)))
    assert bench.ask("SELECT condeferrable FROM pg_constraint WHERE contype = 'f'") == [(False,)]


# from SQLite and back

ODD: list[Cell] = [
    None, 0, -(2**63), 2**63 - 1, 0.0, -0.0, 1.5, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, "", "가 '\\\t\n",
    "a\0b", "caf\udce9", b"", b"\0\xff", "\\N", '{"$b":"AA=="}',
]  # fmt: skip


def test_every_sqlite_value_is_held_with_its_storage_class(bench: PostgresBench) -> None:
    columns = (DeclaredColumn("id", "INTEGER"), DeclaredColumn("any"), DeclaredColumn("r", "REAL"))
    table = DeclaredTable("odd", columns, ("id",))
    reals = [cell if isinstance(cell, float) else None for cell in ODD]
    rows: list[Row] = [(place, cell, real) for place, (cell, real) in enumerate(zip(ODD, reals, strict=True))]
    loading = Loading(Catalog("sqlite", (table,)), (incoming(table, rows),))
    loaded = bench.store.load(loading)
    assert any("JSON cell" in note for note in loaded.notes)
    held = declared(bench.store, "odd")
    assert [one.comment for one in held.columns] == ["recon:type INTEGER", "recon:cells", "recon:type REAL"]
    found = [(row[0], None if row[1] is None else cell_of(str(row[1])), row[2]) for row in read(bench.store, "odd")]
    assert list(map(repr, found)) == list(map(repr, rows))
    (again,) = bench.store.load(loading).tables
    assert (again.unchanged, again.inserted, again.conflicts) == (len(rows), 0, 0)
    assert bench.ask("INSERT INTO odd DEFAULT VALUES RETURNING id") == [(len(rows),)]


def test_sqlite_rows_go_into_a_table_that_was_made_for_them(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE jobs (id int PRIMARY KEY, done boolean, at timestamptz, cost numeric(10,2))")
    names = (("id", "INTEGER"), ("done", "BOOL"), ("at", "TIMESTAMP"), ("cost", "REAL"))
    table = DeclaredTable("jobs", tuple(DeclaredColumn(*one) for one in names), ("id",))
    rows: list[Row] = [(1, 1, "2024-01-01T10:00:00Z", 2.5), (2, 0, None, None)]
    bench.store.load(Loading(Catalog("sqlite", (table,)), (incoming(table, rows),)))
    assert read(bench.store, "jobs") == [(1, True, "2024-01-01 10:00:00+00", "2.50"), (2, False, None, None)]


# errors


def test_a_wrong_password_is_said_to_be_one(bench: PostgresBench) -> None:
    with pytest.raises(AuthError), open_postgres(Place(bench.url, secret=lambda: "wrong")).join():
        pass


def test_a_server_that_is_not_there_is_unreachable() -> None:
    nobody = open_postgres(Place(f"postgresql://recon@127.0.0.1:{postgres.free_port()}/x", secret=lambda: "x"))
    with pytest.raises(UnreachableError), nobody.gate():
        pass


def test_a_database_that_is_not_there_is_not_found_by_a_load_either(bench: PostgresBench) -> None:
    with pytest.raises(NotFoundError):
        bench.missing().load(Loading(Catalog("postgresql"), ()))


def test_a_right_that_is_missing_is_named(bench: PostgresBench) -> None:
    bench.sql(
        "CREATE TABLE t (id int PRIMARY KEY)",
        f"DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD '{bench.server.password}'",
    )
    guest = opened(bench.server, bench.url.replace("//recon@", "//guest@"))
    with pytest.raises(AuthError) as caught:
        read(guest, "t")
    assert "permission denied for table t" in str(caught.value.cause)


def test_a_connection_that_is_cut_in_the_middle_writes_nothing(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (id int PRIMARY KEY)")
    table = declared(bench.store, "t")

    def chunks() -> Iterator[list[Row]]:
        yield [(1,)]
        bench.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'recon'")
        for number in range(2, 20_000):
            yield [(number,)]

    with pytest.raises(UnreachableError):
        bench.store.load(Loading(Catalog("postgresql", (table,)), (Incoming(table, chunks, 20_000),)))
    assert bench.ask("SELECT count(*) FROM t") == [(0,)]


def test_a_view_whose_connection_is_cut_says_so(bench: PostgresBench) -> None:
    bench.sql("CREATE TABLE t (id int PRIMARY KEY)")
    with bench.store.join() as view:
        bench.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'recon'")
        with pytest.raises(UnreachableError):
            view.count("t")


@pytest.fixture(params=["many at once", "one by one"])
def link(request: pytest.FixtureRequest, bench: PostgresBench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection, and how rows of COPY are taken from it."""
    if request.param == "one by one":
        monkeypatch.setattr(stream, "_functions", lambda: None)
    elif native.module() is None:
        missing("the compiled library")
    with closing(psycopg.connect(bench.url, password=bench.server.password)) as connection:
        yield connection


ROWS = "SELECT n, repeat('x', n % 400), NULL::int FROM generate_series(1, 20000) AS n"


def test_the_rows_of_copy_are_the_same_however_they_are_taken(link: Connection) -> None:
    with link.cursor().copy(f"COPY ({ROWS}) TO STDOUT (FORMAT binary)") as copy:
        whole = b"".join(copy)
    found = list(stream.bodies(link, ROWS))
    assert len(found) > 5
    assert b"".join(found) == whole[len(stream.HEADER) :]
    assert b"".join(stream.bodies(link, f"{ROWS} LIMIT 0")) == stream.TRAILER
    large = b"".join(stream.bodies(link, "SELECT repeat('y', 3000000)"))
    assert large.count(b"y") == 3_000_000


def test_copy_that_is_left_or_fails_half_way_leaves_a_connection_that_works(link: Connection) -> None:
    rows = stream.bodies(link, ROWS)
    next(rows)
    rows.close()
    link.rollback()
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(stream.bodies(link, "SELECT 1 / (15000 - n) FROM generate_series(1, 20000) AS n"))
    link.rollback()
    assert link.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_ends_half_way_is_an_error_of_the_connection(link: Connection, bench: PostgresBench) -> None:
    rows = stream.bodies(link, "SELECT repeat('z', 1000) FROM generate_series(1, 200000)")
    next(rows)
    bench.ask(f"SELECT pg_terminate_backend({link.info.backend_pid})")
    with pytest.raises(psycopg.OperationalError):
        list(rows)
