"""The tables and the view, made by our statements in real databases, hold the twin exactly."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from recon_cli.core.catalog import Kind
from recon_cli.demo import twin_sessions as twin
from recon_cli.systems.gfx import constraints, statements, table
from recon_cli.systems.gfx.parse import Session, parse
from recon_cli.systems.gfx.rows import Observation, observation_row, session_row
from recon_cli.systems.gfx.table import COLUMNS, SENT, Names
from recon_cli.systems.tables.columns import Dialect
from tests.systems.gfx.conftest import Engine, Postgres, put

NOW = datetime(2025, 10, 20, 12, tzinfo=UTC)


def filled(engine: Engine, seed: int, names: Names = table.USUAL, *, files: int = twin.FILES) -> None:
    """The first of the 28 files, or all, in some order, from two PCs."""
    for export in random.Random(seed).sample(twin.exports()[:files], files):
        session = parse(export.raw, export.path)
        assert isinstance(session, Session)
        seen = Observation.of(export.pc, export.path, session.file_hash)
        put(engine, names.sessions, session_row(session, seen, names).values)
        put(engine, names.observations, observation_row(seen, NOW, NOW, names).values)


def test_the_statements_may_be_run_again_and_leave_nothing_to_complain_about(engine: Engine) -> None:
    made = statements.create(engine.dialect)
    engine.sql(*made)
    engine.sql(*made)
    assert constraints.faults(engine.catalog()) == ()


def test_what_is_declared_is_what_the_engine_made(engine: Engine) -> None:
    engine.sql(*statements.create(engine.dialect))
    catalog = engine.catalog()
    for wanted in table.declared_tables(engine.dialect):
        made = catalog.table(wanted.name)
        assert made is not None
        assert made.key == wanted.key
        assert [(one.name, one.nullable) for one in made.columns] == [
            (one.name, one.nullable) for one in wanted.columns
        ]
        if engine.dialect is Dialect.POSTGRES:
            assert [(one.kind, one.declared) for one in made.columns] == [
                (one.kind, one.declared) for one in wanted.columns
            ]
        assert {one.parts: one.unique for one in wanted.indexes}.items() <= {
            one.parts: one.unique for one in made.indexes
        }.items()


def test_the_twin_in_any_order_is_27_contents_1510_hands_and_24_sessions(engine: Engine) -> None:
    names = Names("gfx_trial")
    engine.sql(*statements.create(engine.dialect, names))
    filled(engine, random.Random(engine.dialect.value).randrange(1000), names)
    assert engine.sql("SELECT count(*), sum(hand_count), count(DISTINCT session_id) FROM gfx_trial") == [
        (twin.CONTENTS, twin.HANDS, twin.SESSIONS)
    ]
    assert engine.sql("SELECT count(*), sum(hand_count) FROM gfx_trial_latest") == [(twin.SESSIONS, twin.LATEST_HANDS)]
    assert engine.sql("SELECT count(*) FROM gfx_trial_observations") == [(twin.FILES,)]
    grown = "SELECT session_id, hand_count FROM gfx_trial_latest WHERE session_id IN (?, ?) ORDER BY hand_count"
    assert engine.sql(grown, values=(twin.GROWS_FROM_ONE, twin.GROWS_FROM_SIX)) == [
        (twin.GROWS_FROM_ONE, 82),
        (twin.GROWS_FROM_SIX, 130),
    ]
    places = "SELECT count(DISTINCT gfx_pc_id) FROM gfx_trial_observations GROUP BY file_hash HAVING count(*) > 1"
    assert engine.sql(places) == [(2,)]


def test_a_row_gets_an_id_and_its_times_from_the_database(engine: Engine) -> None:
    engine.sql(*statements.create(engine.dialect))
    filled(engine, 1, files=5)
    ids = [str(found) for (found,) in engine.sql("SELECT id FROM gfx_sessions")]
    assert len({one.lower() for one in ids}) == 5
    assert {len(one) for one in ids} == {36}
    assert engine.sql("SELECT count(*) FROM gfx_sessions WHERE created_at IS NULL OR updated_at IS NULL") == [(0,)]


def test_the_document_in_the_table_is_the_file(engine: Engine) -> None:
    engine.sql(*statements.create(engine.dialect))
    filled(engine, 2, files=5)
    large = next(one for one in twin.exports() if len(one.raw) == twin.LARGEST_BYTES)
    kept = engine.sql("SELECT raw_json FROM gfx_sessions WHERE hand_count = 130")[0][0]
    if engine.dialect is Dialect.POSTGRES:
        assert engine.sql("SELECT raw_json = ? FROM gfx_sessions WHERE hand_count = 130", values=(large.raw.decode(),))
        asked = "SELECT (raw_json ->> 'ID')::bigint, payouts[3] FROM gfx_sessions WHERE hand_count = 130"
        assert engine.sql(asked) == [(twin.GROWS_FROM_SIX, 3_000_000_000)]
    else:
        assert kept.encode() == large.raw


def test_of_two_exports_with_as_many_hands_the_one_that_ends_last_is_latest(engine: Engine) -> None:
    engine.sql(*statements.create(engine.dialect))
    for end, title in ((None, "a"), ("PT5M", "b"), ("PT9M", "c"), ("PT7M", "d")):
        hand = {"HandNum": 1, "StartDateTimeUTC": "2025-10-16T08:00:00Z" if end else None, "Duration": end}
        session = parse(twin.dumped({"ID": 5, "EventTitle": title, "Hands": [hand]}), "x.json")
        assert isinstance(session, Session)
        put(engine, "gfx_sessions", session_row(session, Observation("PC01", title, session.file_hash)).values)
    assert engine.sql("SELECT event_title FROM gfx_sessions_latest") == [("c",)]


def test_on_a_server_that_others_can_reach_rows_are_closed_and_the_view_opens_nothing(pg: Postgres) -> None:
    pg.sql(*statements.create(Dialect.POSTGRES, exposed=True))
    pg.sql(*statements.create(Dialect.POSTGRES, exposed=True))
    filled(pg, 3, files=2)
    reader = "trial_reader"
    pg.sql(f"CREATE ROLE {reader}", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    try:
        for relation in ("gfx_sessions", "gfx_sessions_latest", "gfx_sessions_observations"):
            assert pg.sql(f"SET ROLE {reader}", f"SELECT count(*) FROM {relation}") == [(0,)]  # noqa: S608  names above
    finally:
        pg.sql("RESET ROLE", f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")


@pytest.mark.parametrize("dialect", Dialect)
def test_a_table_name_with_a_quote_stays_a_name(dialect: Dialect) -> None:
    mark = "`" if dialect is Dialect.MYSQL else '"'
    made = statements.create(dialect, Names(f"a{mark}b"))
    assert not any(f"a{mark}b" in one.replace(mark * 2, "") for one in made)


def test_the_schema_names_the_columns_that_are_declared() -> None:
    sessions, observations = table.schemas()
    assert (sessions.key, observations.key) == (("file_hash",), ("id",))
    assert [one.name for one in sessions.columns] == [one.name for one in COLUMNS]
    assert set(SENT) < set(sessions.by_name)
    assert table.declared_tables(Dialect.POSTGRES)[0].column("raw_json").kind is Kind.JSONB  # type: ignore[union-attr]  # it is there
