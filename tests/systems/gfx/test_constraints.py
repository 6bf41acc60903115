"""What is wrong with a target is told before the first write, and the statement that is shown does mend it."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pymysql
import pytest

from recon_cli.core.catalog import Catalog, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.place import Place
from recon_cli.systems.gfx import constraints, statements
from recon_cli.systems.gfx.constraints import Trouble
from recon_cli.systems.gfx.table import COLUMNS, SENT
from recon_cli.systems.tables.columns import Dialect
from recon_cli.systems.tables.faults import Fault, writable
from tests.support import postgrest
from tests.systems.gfx.conftest import Engine, Maria, Postgres, Sqlite, put, read_catalog

HASH = "0" * 64
OLD = """CREATE TYPE table_type AS ENUM ('FEATURE_TABLE', 'MAIN_TABLE', 'FINAL_TABLE', 'SIDE_TABLE');
CREATE TYPE sync_status AS ENUM ('pending', 'failed');
CREATE TABLE gfx_sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), session_id bigint NOT NULL UNIQUE, file_name text NOT NULL,
  file_hash text NOT NULL, nas_path text, table_type table_type NOT NULL, event_title text, software_version text,
  payouts integer[], hand_count int, player_count int, total_duration_seconds int, session_created_at timestamptz,
  session_start_time timestamptz, session_end_time timestamptz, raw_json jsonb NOT NULL,
  sync_status sync_status DEFAULT 'pending', sync_error text, operator text NOT NULL)"""


def told(faults: Sequence[Fault]) -> set[tuple[Trouble, str, bool]]:
    return {(one.trouble, one.name, one.blocks) for one in faults}


def test_the_table_of_the_service_before_is_told_and_mended_statement_by_statement(pg: Postgres) -> None:
    pg.sql(OLD)
    found = constraints.faults(pg.catalog())
    assert told(found) == {
        (Trouble.UNIQUE, "gfx_sessions (session_id)", True),
        (Trouble.NO_KEY, "gfx_sessions.file_hash", True),
        (Trouble.UNKNOWN_COLUMN, "gfx_sessions.operator", True),
        (Trouble.WORDS, "gfx_sessions.table_type", True),
        (Trouble.WORDS, "gfx_sessions.sync_status", True),
        (Trouble.MISSING_COLUMN, "gfx_sessions.sync_source", False),
        (Trouble.MISSING_COLUMN, "gfx_sessions.gfx_pc_id", False),
        (Trouble.TYPE, "gfx_sessions.payouts", False),
        (Trouble.NOT_READY, "gfx_sessions_observations", False),
        (Trouble.NOT_READY, "gfx_sessions_latest", False),
    }
    assert [one.blocks for one in found] == sorted([one.blocks for one in found], reverse=True)
    unique = next(one for one in found if one.trouble is Trouble.UNIQUE)
    assert "exported again as it grows" in unique.problem().detail
    assert unique.sql in unique.problem().detail
    pg.sql(*constraints.migration(pg.catalog()))
    assert constraints.faults(pg.catalog()) == ()
    pg.sql(*constraints.migration(pg.catalog()))


@pytest.mark.parametrize("exposed", [False, True])
def test_a_table_that_holds_rows_keeps_them_and_stays_as_open_as_it_was(pg: Postgres, exposed: bool) -> None:  # noqa: FBT001  pytest gives it
    pg.sql(OLD, "ALTER TABLE gfx_sessions ADD COLUMN gfx_pc_id varchar(50)")
    row = {"session_id": 5, "file_name": "x", "file_hash": HASH, "raw_json": "{}", "operator": "old"}
    put(pg, "gfx_sessions", {**row, "table_type": "MAIN_TABLE"})
    pg.sql(*constraints.migration(pg.catalog(), exposed=exposed))
    kept = "SELECT session_id, file_hash, sync_source, table_type::text FROM gfx_sessions_latest"
    assert pg.sql(kept) == [(5, HASH, None, "MAIN_TABLE")]
    assert pg.sql("SELECT operator FROM gfx_sessions") == [("old",)]
    closed = "SELECT relname, relrowsecurity FROM pg_class WHERE relname LIKE 'gfx%' AND relkind = 'r' ORDER BY 1"
    assert pg.sql(closed) == [("gfx_sessions", False), ("gfx_sessions_observations", exposed)]


def test_an_empty_target_is_made_fit_in_one_go(engine: Engine) -> None:
    engine.sql("CREATE TABLE something_else (id int)")
    engine.sql(*constraints.migration(engine.catalog()))
    assert constraints.faults(engine.catalog()) == ()


def test_a_column_that_the_view_shows_is_widened_all_the_same(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES))
    narrow = "ALTER TABLE gfx_sessions ALTER COLUMN payouts TYPE integer[]"
    pg.sql("DROP VIEW gfx_sessions_latest", narrow, *statements.latest(Dialect.POSTGRES))
    assert told(constraints.faults(pg.catalog())) == {(Trouble.TYPE, "gfx_sessions.payouts", False)}
    pg.sql(*constraints.migration(pg.catalog()))
    assert constraints.faults(pg.catalog()) == ()


def test_an_older_table_keeps_what_it_lacks_out_of_the_rows(pg: Postgres) -> None:
    pg.sql(OLD)
    old = pg.catalog().table("gfx_sessions")
    assert old is not None
    assert writable(old, COLUMNS) == tuple(name for name in SENT if name not in {"sync_source", "gfx_pc_id"})
    pg.sql(*statements.latest(Dialect.POSTGRES, has=[one.name for one in old.columns]))
    assert pg.sql("SELECT count(*) FROM gfx_sessions_latest") == [(0,)]


@pytest.mark.parametrize(
    ("unique", "key"),
    [
        ("UNIQUE (file_hash)", ("file_hash",)),
        ("UNIQUE (gfx_pc_id, file_hash)", ("gfx_pc_id", "file_hash")),
        ("UNIQUE (file_hash, gfx_pc_id)", ("file_hash", "gfx_pc_id")),
        ("UNIQUE (file_hash, gfx_pc_id), UNIQUE (file_hash)", ("file_hash",)),
        ("UNIQUE (file_hash, nas_path)", None),
        ("CHECK (true)", None),
    ],
)
def test_the_key_by_which_a_content_is_found_again(pg: Postgres, unique: str, key: tuple[str, ...] | None) -> None:
    pg.sql(f"CREATE TABLE gfx_sessions (file_hash text, gfx_pc_id text, nas_path text, {unique})")
    table = pg.catalog().table("gfx_sessions")
    assert table is not None
    assert constraints.conflict_key(table) == key


@pytest.mark.parametrize(
    "columns", ["session_id", "gfx_pc_id, session_id", "file_name", "gfx_pc_id, file_name", "nas_path"]
)
def test_whatever_makes_a_grown_export_collide_is_told(engine: Engine, columns: str) -> None:
    engine.sql(*statements.create(engine.dialect))
    if engine.dialect is Dialect.MYSQL:
        engine.sql(
            *[f"ALTER TABLE gfx_sessions MODIFY {one} varchar(200)" for one in ("gfx_pc_id", "file_name", "nas_path")]
        )
    assert [one for one in constraints.faults(engine.catalog()) if one.blocks] == []
    engine.sql(f"CREATE UNIQUE INDEX one_each ON gfx_sessions ({columns})")
    (found,) = constraints.faults(engine.catalog())
    assert (found.trouble, found.blocks) == (Trouble.UNIQUE, True)
    engine.sql(found.sql)
    assert constraints.faults(engine.catalog()) == ()


def test_an_index_on_a_part_of_the_rows_is_no_key_and_only_a_warning(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES))
    pg.sql("ALTER TABLE gfx_sessions DROP CONSTRAINT gfx_sessions_file_hash_key")
    pg.sql("CREATE UNIQUE INDEX part ON gfx_sessions (file_hash) WHERE hand_count > 0")
    found = constraints.faults(pg.catalog())
    assert [(one.trouble, one.blocks) for one in found] == [(Trouble.NO_KEY, True), (Trouble.UNIQUE, False)]
    with pytest.raises(psycopg.errors.InvalidColumnReference) as caught:
        pg.sql("INSERT INTO gfx_sessions (session_id) VALUES (1) ON CONFLICT (file_hash) DO NOTHING")
    explained = constraints.explained(str(caught.value.sqlstate), str(caught.value))
    assert explained == found[0], "the server's refusal is put into the same words"
    pg.sql(*constraints.migration(pg.catalog()))
    assert constraints.faults(pg.catalog()) == (found[1],), "an index that somebody else made stays"


def test_a_session_id_that_is_unique_in_sqlite_is_told_though_no_statement_mends_it(lite: Sqlite) -> None:
    lite.sql("CREATE TABLE gfx_sessions (id INTEGER PRIMARY KEY, session_id INTEGER UNIQUE, file_hash TEXT UNIQUE)")
    found = [one for one in constraints.faults(lite.catalog()) if one.trouble is Trouble.UNIQUE]
    assert [(one.blocks, one.sql) for one in found] == [(True, "")]


def test_a_unique_session_id_that_another_table_points_at_is_told_with_that_table(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES))
    pg.sql(
        "ALTER TABLE gfx_sessions ADD UNIQUE (session_id)",
        "CREATE TABLE gfx_hands (id bigint PRIMARY KEY, session_id bigint REFERENCES gfx_sessions (session_id))",
    )
    (found,) = constraints.faults(pg.catalog())
    assert (found.trouble, found.sql, "gfx_hands" in found.why) == (Trouble.UNIQUE, "", True)
    pg.sql(*constraints.migration(pg.catalog()))
    assert constraints.faults(pg.catalog()) == (found,), "what no statement can mend stays a fault"


@pytest.mark.parametrize(
    ("dialect", "hashes", "documents", "short"),
    [
        ("sqlite", "varchar(10)", "varchar(10)", []),
        ("postgresql", "character varying", "character varying", []),
        ("postgresql", "character(64)", "text", []),
        ("postgresql", "character varying(40)", "character varying(9000)", ["file_hash", "raw_json"]),
        ("mysql", "varchar(64)", "mediumtext", []),
        ("mysql", "varchar(32)", "varchar(9000)", ["file_hash", "raw_json"]),
    ],
)
def test_a_length_counts_where_the_engine_keeps_it(dialect: str, hashes: str, documents: str, short: list[str]) -> None:
    columns = (DeclaredColumn("file_hash", hashes, Kind.TEXT), DeclaredColumn("raw_json", documents, Kind.TEXT))
    found = constraints.faults(Catalog(dialect, (DeclaredTable("gfx_sessions", columns),)))
    assert [one.name.partition(".")[2] for one in found if one.trouble is Trouble.TYPE] == short


def test_missing_columns_are_added_by_the_statements_that_are_shown(engine: Engine) -> None:
    words = "session_id bigint NOT NULL, file_hash char(64) UNIQUE"
    engine.sql(f"CREATE TABLE gfx_sessions ({words})")
    found = constraints.faults(engine.catalog())
    missing = [one for one in found if one.trouble is Trouble.MISSING_COLUMN]
    assert {one.name.partition(".")[2] for one in missing} == set(SENT) - {"session_id", "file_hash"}
    assert [one.name for one in found if one.blocks] == ["gfx_sessions.raw_json"]
    if engine.dialect is Dialect.POSTGRES:
        engine.sql(*statements.create(Dialect.POSTGRES)[:2])
    engine.sql(*[one.sql for one in missing])
    assert [one for one in constraints.faults(engine.catalog()) if one.trouble is Trouble.MISSING_COLUMN] == []


def test_columns_that_are_too_small_are_told(maria: Maria) -> None:
    maria.sql(*statements.create(Dialect.MYSQL))
    maria.sql(
        "ALTER TABLE gfx_sessions MODIFY session_id int, MODIFY file_hash char(40), MODIFY raw_json text,"
        " MODIFY table_type enum('FEATURE_TABLE','UNKNOWN')"
    )
    found = constraints.faults(maria.catalog())
    assert [(one.trouble, one.name.partition(".")[2], one.blocks) for one in found] == [
        (Trouble.TYPE, "session_id", True),
        (Trouble.TYPE, "file_hash", True),
        (Trouble.TYPE, "raw_json", True),
        *[(Trouble.WORDS, "table_type", True)] * 3,
    ]
    with pytest.raises(pymysql.err.DataError):
        maria.sql("INSERT INTO gfx_sessions (session_id, file_hash, file_name) VALUES (638961224831992165, 'x', 'x')")


@pytest.mark.parametrize("declared", ["integer", "double precision", "real"])
def test_a_session_id_that_would_be_rounded_or_refused_is_told(pg: Postgres, declared: str) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES))
    pg.sql("DROP VIEW gfx_sessions_latest", f"ALTER TABLE gfx_sessions ALTER COLUMN session_id TYPE {declared}")
    found = [one for one in constraints.faults(pg.catalog()) if one.blocks]
    assert [(one.trouble, one.name) for one in found] == [(Trouble.TYPE, "gfx_sessions.session_id")]


def test_a_check_that_lacks_a_word_is_a_warning(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES))
    pg.sql(
        "DROP VIEW gfx_sessions_latest",
        "ALTER TABLE gfx_sessions ALTER COLUMN table_type DROP DEFAULT, ALTER COLUMN table_type TYPE text",
        "ALTER TABLE gfx_sessions ADD CHECK (table_type IN ('MAIN_TABLE', 'FINAL_TABLE', 'SIDE_TABLE', 'UNKNOWN'))",
    )
    found = [one for one in constraints.faults(pg.catalog()) if one.trouble is Trouble.WORDS]
    assert [(one.blocks, "FEATURE_TABLE" in one.why) for one in found] == [(False, True)]


def test_a_column_that_the_database_computes_is_left_out(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES))
    pg.sql(
        "DROP VIEW gfx_sessions_latest",
        "ALTER TABLE gfx_sessions DROP COLUMN hand_count",
        "ALTER TABLE gfx_sessions ADD hand_count int"
        " GENERATED ALWAYS AS (jsonb_array_length(raw_json -> 'Hands')) STORED",
    )
    pg.sql(*statements.latest(Dialect.POSTGRES))
    table = pg.catalog().table("gfx_sessions")
    assert table is not None
    assert "hand_count" not in writable(table, COLUMNS)
    assert told(constraints.faults(pg.catalog())) == {(Trouble.MISSING_COLUMN, "gfx_sessions.hand_count", False)}


def test_a_target_without_the_table_has_one_fault() -> None:
    (found,) = constraints.faults(Catalog("sqlite"))
    assert (found.trouble, found.blocks) == (Trouble.NO_TABLE, True)


def test_over_rest_what_cannot_be_read_is_said_and_the_first_refusal_explains_it(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES, exposed=True))
    pg.sql("ALTER TABLE gfx_sessions ADD UNIQUE (session_id)")
    with postgrest.serving(pg.url, pg.password) as rest:
        catalog = read_catalog(Place(rest.url, secret=lambda: rest.key))
    assert told(constraints.faults(catalog)) == {(Trouble.UNTOLD, "gfx_sessions", False)}
    row = {"session_id": 5, "file_name": "x", "raw_json": "{}"}
    put(pg, "gfx_sessions", {**row, "file_hash": HASH})
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        pg.sql(
            "INSERT INTO gfx_sessions (session_id, file_name, raw_json, file_hash) VALUES (5, 'x', '{}', '1')"
            " ON CONFLICT (file_hash) DO NOTHING"
        )
    found = constraints.explained("23505", str(caught.value))
    assert found is not None
    assert (found.trouble, "exported again as it grows" in found.why) == (Trouble.UNIQUE, True)


def test_a_refusal_of_a_row_is_not_taken_for_a_fault_of_the_table() -> None:
    assert constraints.explained("23505", 'violates unique constraint "gfx_sessions_file_hash_key"') is None
    assert constraints.explained("22P02", "invalid input syntax for type json") is None
    found = constraints.explained("PGRST204", "Could not find the 'gfx_pc_id' column of 'gfx_sessions'")
    assert found is not None
    assert found.trouble is Trouble.MISSING_COLUMN


def test_a_key_without_a_default_must_be_known() -> None:
    columns = (DeclaredColumn("id", "uuid", Kind.UUID, nullable=False), DeclaredColumn("file_hash", "text", Kind.TEXT))
    catalog = Catalog("postgresql", (DeclaredTable("gfx_sessions", columns, ("id",)),))
    assert (Trouble.UNKNOWN_COLUMN, "gfx_sessions.id", True) in told(constraints.faults(catalog))
