"""What is particular to MySQL and MariaDB: its values, its declarations, DDL that commits, tables of other engines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from recon_cli.core.catalog import (
    Catalog,
    DeclaredCheck,
    DeclaredColumn,
    DeclaredForeignKey,
    DeclaredIndex,
    DeclaredObject,
    DeclaredTable,
    Kind,
    Numbered,
)
from recon_cli.core.errors import DataError, GuardError
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import Incoming, Loaded, Loading, Mode, Row
from recon_cli.stores.bulk.mysql import MysqlBulk
from recon_cli.stores.bulk.mysql_catalog import MAKING
from tests.stores.bulk.conformance import catalog, declared, everything, incoming, read
from tests.support.mariadb import MariaServer

ODD = """
CREATE TABLE odd (
    id bigint PRIMARY KEY, big bigint unsigned, tiny tinyint(1), n decimal(30,10), d double, f float, b bit(64),
    day date, t time(6), moment datetime(6), instant timestamp(3) NULL, y year,
    kind enum('a','it''s'), many set('x','y'), doc json,
    old varchar(20) CHARACTER SET latin1, said text, raw longblob, fixed char(4), fixed_raw binary(3))"""
FULL = """
INSERT INTO odd VALUES (1, 18446744073709551615, 127, 12345678901234567890.0123456789, -1e-320, 0.1, b'1', '0001-01-01',
 '-838:59:59.000000', '2025-02-14 10:02:49.123456', '2025-02-14 10:02:49.5', 2155, 'it''s', 'x,y', '{"a" : 1.10}',
 'caf\u00e9', '한글 \U0001f600 ''q'' \\\\ %', x'00ff0a', 'ab', x'010000')"""


class Server:
    """Databases of one test."""

    def __init__(self, server: MariaServer, stack: ExitStack) -> None:
        self.server, self._stack = server, stack
        self.url = server.database()
        self.store = self.open(self.url)

    def open(self, url: str) -> MysqlBulk:
        store = MysqlBulk(Place(url, secret=lambda: self.server.password, options={"timeout_s": 5}))
        self._stack.callback(store.close)
        return store

    def empty(self) -> MysqlBulk:
        return self.open(self.server.database())

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        with closing(self.server.connect(urlsplit(self.url).path.strip("/"))) as connection:
            connection.autocommit(True)
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())


@pytest.fixture
def maria(mariadb_server: MariaServer) -> Iterator[Server]:
    with ExitStack() as stack:
        yield Server(mariadb_server, stack)


def test_every_value_comes_as_it_is_stored(maria: Server) -> None:
    maria.sql(ODD, "SET NAMES utf8mb4", "SET time_zone = '+09:00'")
    connection = maria.server.connect(urlsplit(maria.url).path.strip("/"))
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute("SET time_zone = '+09:00'")
        cursor.execute(FULL)
        cursor.execute("INSERT INTO odd (id) VALUES (2)")
        cursor.execute("SET sql_mode = ''")
        cursor.execute("INSERT INTO odd (id, day, moment, instant) VALUES (3, '0000-00-00', '0000-00-00', 0)")
        connection.commit()
    full, empty, zero = read(maria.store, "odd")
    assert full == (
        *(1, 2**64 - 1, 127, "12345678901234567890.0123456789", -1e-320, 0.1, 1, "0001-01-01", "-838:59:59.000000"),
        *("2025-02-14 10:02:49.123456", "2025-02-14 01:02:49.500+00", 2155, "it's", "x,y", '{"a" : 1.10}', "café"),
        *("한글 \U0001f600 'q' \\ %", b"\x00\xff\n", "ab", b"\x01\0\0"),
    )
    assert empty[1:] == (None,) * 19
    assert (zero[7], zero[9], zero[10]) == ("0000-00-00", "0000-00-00 00:00:00.000000", "0000-00-00 00:00:00.000")


def test_every_value_goes_back_as_it_was(maria: Server) -> None:
    maria.sql("SET NAMES utf8mb4", ODD)
    connection = maria.server.connect(urlsplit(maria.url).path.strip("/"))
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute(FULL)
        cursor.execute(
            "INSERT INTO odd (id, d, f) VALUES (-9, 5e-324, 3.4028234663852886e38), (4, 1.7976931348623157e308, -1e-45)"
        )
        connection.commit()
    source, tables = everything(maria.store)
    other = maria.empty()
    other.load(Loading(source, tables))
    assert repr(read(other, "odd")) == repr(read(maria.store, "odd"))
    assert [(t.columns, t.key) for t in catalog(other).tables] == [(t.columns, t.key) for t in source.tables]


FAMILY = (
    """CREATE TABLE parent (id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    label varchar(300) COLLATE utf8mb4_bin, note text,
    made timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
    uid varchar(40) DEFAULT uuid(), size int DEFAULT 3 CHECK (size > 0), word varchar(9) DEFAULT 'it''s',
    twice int AS (size * 2) STORED, shown varchar(20) AS (concat('<', word, '>')) VIRTUAL,
    UNIQUE KEY by_label (label), KEY by_note (note(10), size), FULLTEXT KEY words (note)) COMMENT 'mothers'""",
    """CREATE TABLE child (id int PRIMARY KEY, parent_id int unsigned, CONSTRAINT up FOREIGN KEY (parent_id)
    REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL)""",
    "INSERT INTO parent (id, label) VALUES (7, 'A')",
    "INSERT INTO parent (id, label) VALUES (9, 'a')",
    "DELETE FROM parent WHERE id = 9",
    "INSERT INTO child VALUES (1, 7)",
)


def test_declarations_survive_the_way_into_another_database(maria: Server) -> None:
    maria.sql(*FAMILY)
    source, tables = everything(maria.store)
    other = maria.empty()
    other.load(Loading(source, tables))
    again = catalog(other)
    assert again.tables == source.tables
    parent, child = again.table("parent"), again.table("child")
    assert parent is not None
    assert child is not None
    assert parent.counter == 9
    assert [column.name for column in parent.stored] == ["id", "label", "note", "made", "uid", "size", "word"]
    assert [(index.name, index.parts, index.method) for index in parent.indexes] == [
        ("by_label", ("label",), "btree"),
        ("by_note", ("`note`(10)", "size"), "btree"),
        ("words", ("note",), "fulltext"),
    ]
    assert child.foreign_keys == (DeclaredForeignKey(("parent_id",), "parent", ("id",), "up", "CASCADE", "SET NULL"),)


def test_views_triggers_and_functions_are_carried_for_those_who_trust_them(maria: Server) -> None:
    maria.sql(
        *FAMILY,
        "CREATE FUNCTION plus(a int) RETURNS int DETERMINISTIC RETURN a + 1",
        "CREATE VIEW a_second AS SELECT 1 AS one",
        "CREATE OR REPLACE VIEW a_second AS SELECT id FROM (SELECT id FROM child) x",
        "CREATE VIEW first AS SELECT plus(parent.id) AS next FROM parent",
        "CREATE OR REPLACE VIEW a_second AS SELECT next FROM first",
        "CREATE TRIGGER grow BEFORE INSERT ON child FOR EACH ROW SET NEW.parent_id = NEW.parent_id + 1",
    )
    source, tables = everything(maria.store)
    other = maria.empty()
    loaded = other.load(Loading(source, tables, trusted=True))
    assert loaded.created_objects == ("function plus", "view first", "view a_second", "trigger grow")
    assert catalog(other).objects == source.objects
    assert read(other, "child") == [(1, 7)]
    assert "DEFINER" not in " ".join(one.sql.partition("SQL SECURITY")[0] for one in source.objects)


def test_a_failed_load_leaves_no_table_behind(maria: Server) -> None:
    maria.sql(*FAMILY)
    source, tables = everything(maria.store)
    other = maria.empty()

    def refuse(_loaded: Loaded) -> None:
        raise GuardError("no")

    with pytest.raises(GuardError):
        other.load(Loading(source, tables, prepared=refuse))
    assert catalog(other).tables == ()


def test_what_a_killed_load_left_is_not_there_for_anybody_and_is_built_anew(maria: Server) -> None:
    maria.sql(f"CREATE TABLE child (other int) COMMENT '{MAKING}'")
    assert catalog(maria.store).tables == ()
    table = DeclaredTable("child", (DeclaredColumn("id", "int", Kind.INTEGER, nullable=False),), ("id",))
    maria.store.load(Loading(Catalog("mysql", (table,)), (incoming(table, [(1,)]),)))
    assert read(maria.store, "child") == [(1,)]


KILLED = """
import os, signal, sys
from recon_cli.core.place import Place
from recon_cli.stores.bulk.base import Loading
from recon_cli.stores.bulk.registry import open_bulk
from tests.stores.bulk.conformance import everything
source, target, secret = sys.argv[1:]
found, tables = everything(open_bulk(Place(source, secret=lambda: secret)))
def die(_loaded): os.kill(os.getpid(), signal.SIGKILL)
open_bulk(Place(target, secret=lambda: secret)).load(Loading(found, tables, prepared=die))
"""


def test_a_load_that_is_killed_before_its_commit_changed_nothing_and_can_be_repeated(maria: Server) -> None:
    maria.sql(*FAMILY)
    other = maria.server.database()
    with closing(maria.server.connect(urlsplit(other).path.strip("/"))) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE child (id int PRIMARY KEY, parent_id int unsigned)")
        cursor.execute("INSERT INTO child VALUES (5, NULL)")
        connection.commit()
    paths = [str(Path(__file__).parents[3] / "src"), str(Path(__file__).parents[3])]
    child = [sys.executable, "-c", f"import sys; sys.path[:0] = {paths}\n{KILLED}", maria.url, other]
    ended = subprocess.run([*child, maria.server.password], check=False, timeout=30)
    assert ended.returncode == -9
    store = maria.open(other)
    assert [table.name for table in catalog(store).tables] == ["child"]
    assert read(store, "child") == [(5, None)]
    source, tables = everything(maria.store)
    loaded = store.load(Loading(source, tables))
    assert [(one.table, one.created_table, one.inserted) for one in loaded.tables] == [
        ("child", False, 1),
        ("parent", True, 1),
    ]
    assert [len(read(store, name)) for name in ("child", "parent")] == [2, 1]


def test_a_plan_with_missing_tables_makes_none(maria: Server) -> None:
    maria.sql(*FAMILY)
    source, tables = everything(maria.store)
    other = maria.empty()
    planned = other.load(Loading(source, tables, commit=False))
    assert [(one.table, one.created_table, one.inserted) for one in planned.tables] == [
        ("child", True, 1),
        ("parent", True, 1),
    ]
    assert catalog(other).tables == ()


def test_a_target_with_triggers_is_refused_for_they_would_run(maria: Server) -> None:
    maria.sql(*FAMILY, "CREATE TRIGGER grow BEFORE INSERT ON child FOR EACH ROW SET NEW.parent_id = NULL")
    table = declared(maria.store, "child")
    with pytest.raises(GuardError, match="`child` has the trigger `grow`"):
        maria.store.load(Loading(Catalog("mysql", (table,)), (incoming(table, [(2, 7)]),)))


def test_replacing_parents_does_not_cascade_and_is_refused_while_children_need_them(maria: Server) -> None:
    maria.sql(*FAMILY)
    table = declared(maria.store, "parent")
    with pytest.raises(DataError, match="row 1 of `child` refers to a row of `parent`"):
        maria.store.load(Loading(Catalog("mysql", (table,)), (incoming(table, []),), Mode.REPLACE))
    assert read(maria.store, "child") == [(1, 7)]
    assert len(read(maria.store, "parent")) == 1


def test_a_key_that_differs_by_case_only_is_one_key_for_the_engine_and_named(maria: Server) -> None:
    maria.sql("CREATE TABLE words (word varchar(20) COLLATE utf8mb4_general_ci PRIMARY KEY, n int)")
    table = declared(maria.store, "words")
    with pytest.raises(DataError, match="row A of `words`"):
        maria.store.load(Loading(Catalog("mysql", (table,)), (incoming(table, [("a", 1), ("A", 2)]),)))
    assert read(maria.store, "words") == []


def test_content_that_differs_by_case_only_is_a_change(maria: Server) -> None:
    maria.sql("CREATE TABLE words (id int PRIMARY KEY, word varchar(20))", "INSERT INTO words VALUES (1, 'a')")
    table = declared(maria.store, "words")
    (done,) = maria.store.load(Loading(Catalog("mysql", (table,)), (incoming(table, [(1, "A")]),), Mode.UPSERT)).tables
    assert done.updated == 1
    assert read(maria.store, "words") == [(1, "A")]


def test_a_user_who_may_not_hold_writers_gets_one_reader_and_is_told(maria: Server) -> None:
    name = urlsplit(maria.url).path.strip("/")
    maria.sql(
        "CREATE TABLE one (id int PRIMARY KEY)",
        "CREATE OR REPLACE USER plain@'127.0.0.1' IDENTIFIED BY 's3cret-of-the-test'",
        f"GRANT SELECT ON `{name}`.* TO plain@'127.0.0.1'",
    )
    store = maria.open(maria.server.url(name, "plain"))
    with store.gate() as ticket, store.join(ticket) as view:
        assert "one reader" in view.consistency
        assert view.count("one") == 0
        with pytest.raises(GuardError, match="second reader"), store.join(ticket):
            pass


def test_rows_without_a_key_come_in_one_order_and_other_questions_may_come_between(maria: Server) -> None:
    maria.sql("CREATE TABLE notes (said varchar(20) COLLATE utf8mb4_general_ci, n int)")
    maria.sql("INSERT INTO notes VALUES ('b', 1), ('A', 2), ('a', 3), ('B', NULL), ('a', 3)")
    with maria.store.join() as view:
        chunks = view.rows("notes", chunk_rows=2)
        rows = next(chunks)
        assert view.count("notes") == 5
        rows += [row for chunk in chunks for row in chunk]
    assert rows == [("A", 2), ("B", None), ("a", 3), ("a", 3), ("b", 1)]


def test_large_rows_come_in_short_chunks(maria: Server) -> None:
    maria.sql("CREATE TABLE files (id int PRIMARY KEY, body longblob)")
    maria.sql(*(f"INSERT INTO files VALUES ({n}, repeat('x', 1500000))" for n in range(6)))  # noqa: S608  a number
    with maria.store.join() as view:
        lengths = [len(chunk) for chunk in view.rows("files")]
    assert sum(lengths) == 6
    assert max(lengths) <= 2


def test_a_table_without_transactions_is_named_in_what_is_promised(maria: Server) -> None:
    maria.sql("CREATE TABLE loose (id int PRIMARY KEY) ENGINE=MyISAM")
    with maria.store.join() as view:
        assert view.consistency == "one transaction, but for tables without transactions: loose"


def of_sqlite(rows: list[Row], **columns: str) -> Incoming:
    declared_columns = tuple(DeclaredColumn(name, text, nullable=name != "id") for name, text in columns.items())
    return incoming(DeclaredTable("items", declared_columns, ("id",)), rows)


def test_a_sqlite_table_becomes_one_that_holds_its_values(maria: Server) -> None:
    rows: list[Row] = [(1, "한글", 0.1, b"\0", 2**62, "2025-02-14 10:00:00"), (2, None, -0.0, None, None, None)]
    table = of_sqlite(rows, id="INTEGER", name="TEXT", height="REAL", raw="BLOB", big="BIGINT", made="TIMESTAMP")
    loaded = maria.store.load(Loading(Catalog("sqlite", (table.declared,)), (table,)))
    assert read(maria.store, "items") == rows
    assert "items: MySQL has no negative zero, 1 of them became 0" in loaded.notes
    assert "items.made: TIMESTAMP → longtext" in loaded.notes


def test_the_links_of_sqlite_tables_are_made_whatever_widths_they_join(maria: Server) -> None:
    key = DeclaredColumn("id", "INTEGER", Kind.INTEGER, nullable=False)
    parent = DeclaredTable("parent", (key,), ("id",))
    links = (DeclaredForeignKey(("up",), "parent", ("id",)),)
    child = DeclaredTable("child", (key, DeclaredColumn("up", "INT")), ("id",), foreign_keys=links)
    tables = (incoming(child, [(1, 2**40)]), incoming(parent, [(2**40,)]))
    maria.store.load(Loading(Catalog("sqlite", (child, parent)), tables))
    assert [(link.columns, link.table) for link in declared(maria.store, "child").foreign_keys] == [(("up",), "parent")]
    assert read(maria.store, "child") == [(1, 2**40)]


def test_a_value_that_a_sqlite_column_held_against_its_type_is_named(maria: Server) -> None:
    table = of_sqlite([(1, 5), (2, "many")], id="INTEGER", size="INTEGER")
    with pytest.raises(DataError, match="row 2 of `items`: column `size`"):
        maria.store.load(Loading(Catalog("sqlite", (table.declared,)), (table,)))
    assert catalog(maria.store).tables == ()


def test_a_postgres_table_keeps_keys_links_and_what_is_plain(maria: Server) -> None:
    jobs = DeclaredTable(
        "jobs",
        (
            DeclaredColumn("id", "integer", Kind.INTEGER, nullable=False, numbered=Numbered.SERIAL),
            DeclaredColumn("token", "text", Kind.TEXT, nullable=False),
            DeclaredColumn("state", "character varying(20)", Kind.TEXT, default="'new'::character varying"),
            DeclaredColumn("made", "timestamp with time zone", Kind.TIMESTAMPTZ, default="now()"),
            DeclaredColumn("price", "numeric(10,2)", Kind.DECIMAL),
            DeclaredColumn("done", "boolean", Kind.BOOLEAN, default="false"),
            DeclaredColumn("tags", "integer[]", Kind.ARRAY),
            DeclaredColumn("uid", "uuid", Kind.UUID, default="gen_random_uuid()"),
        ),
        ("id",),
        indexes=(
            DeclaredIndex("by_token", ("token",), unique=True, constraint="by_token"),
            DeclaredIndex("some", ("state",), where="done"),
        ),
        checks=(DeclaredCheck("price > 0", "paid"), DeclaredCheck("state::text <> ''::text")),
        counter=41,
    )
    logs = DeclaredTable(
        "logs",
        (DeclaredColumn("id", "bigint", Kind.INTEGER, nullable=False), DeclaredColumn("job", "integer", Kind.INTEGER)),
        ("id",),
        foreign_keys=(DeclaredForeignKey(("job",), "jobs", ("id",), "of_job", "CASCADE"),),
    )
    row: Row = (1, "T", "x", "2025-02-14 01:02:03.5+00", "1.50", True, "{1,2}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    tables = (incoming(logs, [(1, 1)]), incoming(jobs, [row, (2, "t", *(None,) * 6)]))
    loaded = maria.store.load(Loading(Catalog("postgresql", (jobs, logs)), tables))
    assert read(maria.store, "jobs")[0] == (
        *(1, "T", "x", "2025-02-14 01:02:03.500000", "1.50", 1, "{1,2}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    )
    maria.sql("INSERT INTO jobs (token) VALUES ('next')")
    assert maria.sql("SELECT id, state, done FROM jobs WHERE token = 'next'") == [(42, "new", 0)]
    made = declared(maria.store, "logs")
    assert made.foreign_keys == logs.foreign_keys
    assert {note.split(":")[0] for note in loaded.notes} >= {"jobs.made", "jobs.uid", "jobs"}


@pytest.mark.parametrize(
    "table",
    [
        DeclaredTable("t", (DeclaredColumn("a", "int", Kind.INTEGER, default="sleep(9)"),)),
        DeclaredTable("t", (DeclaredColumn("a", "int) ENGINE=MEMORY; DROP TABLE x; --", Kind.INTEGER),)),
        DeclaredTable("t", (DeclaredColumn("a", "int", Kind.INTEGER),), checks=(DeclaredCheck("load_file('/x') > 0"),)),
    ],
)
def test_sql_of_a_stranger_is_refused_before_anything_is_made(maria: Server, table: DeclaredTable) -> None:
    with pytest.raises(GuardError, match="SQL of its own"):
        maria.store.load(Loading(Catalog("mysql", (table,)), (incoming(table, []),)))
    assert catalog(maria.store).tables == ()


def test_the_objects_of_another_engine_are_left_out_and_said_so(maria: Server) -> None:
    table = of_sqlite([(1,)], id="INTEGER")
    source = Catalog("sqlite", (table.declared,), (DeclaredObject("view", "v", "CREATE VIEW v AS SELECT 1"),))
    loaded = maria.store.load(Loading(source, (table,), trusted=True))
    assert "view v is left out" in loaded.notes
    assert loaded.created_objects == ()
