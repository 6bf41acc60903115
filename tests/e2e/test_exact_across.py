"""From engine to engine and back: equal by value and storage class, whatever the engine between has no type for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support import mariadb, postgres
from tests.support.mariadb import MariaServer
from tests.support.odd_sqlite import odd_database
from tests.support.postgres import PostgresServer
from tests.support.trips import content, exported, imported, place, shaped, stored

SUPPORT = Path(__file__).parents[1] / "support"
VIRTUAL = {"words", "outside", "boxes", "older"}
"""Tables of the odd database that only SQLite can have: in another engine they are plain tables, or not there."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres.running() as running:
        yield running


def through(server: PostgresServer, source: Path, folder: Path) -> Path:
    """A SQLite file through Postgres into another one."""
    between = place(server.database(), server.password)
    exported(place(source), folder / "there")
    imported(folder / "there", between, folder / "state")
    exported(between, folder / "back")
    imported(folder / "back", place(folder / "back.db"), folder / "state")
    return folder / "back.db"


def test_every_odd_value_of_sqlite_comes_back_from_postgres(server: PostgresServer, tmp_path: Path) -> None:
    source = odd_database(tmp_path / "odd.db")
    back = through(server, source, tmp_path)
    want, found = stored(source), stored(back)
    assert {name: rows for name, rows in found.items() if name not in VIRTUAL} == want
    assert {"words", "boxes", "older"} <= found.keys(), "what virtual tables hold is carried, too"


def five_systems(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((SUPPORT / "five_systems.sql").read_text())
    return path


def test_the_databases_of_the_five_systems_come_back_from_postgres(server: PostgresServer, tmp_path: Path) -> None:
    source = five_systems(tmp_path / "five.db")
    back = through(server, source, tmp_path)
    assert stored(back) == stored(source)
    assert shaped(back) == shaped(source)
    with closing(sqlite3.connect(back)) as db:
        assert db.execute("INSERT INTO annotations (model_token, position_x, position_y, position_z, text)"
                          " VALUES ('T', 0, 0, 0, 'next') RETURNING id").fetchall() == [(10,)]  # fmt: skip
        assert db.execute("PRAGMA foreign_key_list(annotations)").fetchone()[6] == "CASCADE"


def test_a_second_round_changes_nothing_any_more(server: PostgresServer, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    first = through(server, five_systems(tmp_path / "five.db"), tmp_path / "1")
    second = through(server, first, tmp_path / "2")
    with closing(sqlite3.connect(first)) as one, closing(sqlite3.connect(second)) as two:
        assert list(one.iterdump()) == list(two.iterdump())


def test_the_tables_that_live_in_postgres_come_back_from_sqlite(server: PostgresServer, tmp_path: Path) -> None:
    source, back = server.database(), server.database()
    with psycopg.connect(source, password=server.password, autocommit=True) as connection:
        connection.execute((SUPPORT / "served_tables.sql").read_bytes())
    exported(place(source, server.password), tmp_path / "one")
    imported(tmp_path / "one", place(tmp_path / "between.db"), tmp_path / "state")
    exported(place(tmp_path / "between.db"), tmp_path / "two")
    imported(tmp_path / "two", place(back, server.password), tmp_path / "state")
    assert spelled(server, back) == spelled(server, source)


def spelled(server: PostgresServer, url: str) -> dict[str, object]:
    """Every row of every table, as Postgres spells it; what is exact in the spelling is exact in the value."""
    with psycopg.connect(url, password=server.password) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            name: connection.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1'.encode()).fetchall()  # noqa: S608  its own tables
            for (name,) in names
        }


# MariaDB


@pytest.fixture(scope="module")
def maria() -> Iterator[MariaServer]:
    with mariadb.running() as running:
        yield running


def test_every_odd_value_of_mariadb_comes_back_and_gives_the_same_bytes_again(
    maria: MariaServer, tmp_path: Path
) -> None:
    source, back = maria.database(), maria.database()
    with closing(maria.connect(source.rpartition("/")[2])) as connection, connection.cursor() as cursor:
        for statement in (SUPPORT / "odd_mariadb.sql").read_text().split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        connection.commit()
    exported(place(source, maria.password), tmp_path / "one")
    imported(tmp_path / "one", place(back, maria.password), tmp_path / "state")
    exported(place(back, maria.password), tmp_path / "two")
    assert content(tmp_path / "two") == content(tmp_path / "one")
    assert held(maria, back) == held(maria, source)


def held(maria: MariaServer, url: str) -> list[object]:
    """Every table: how it was made, and its rows in hex."""
    with closing(maria.connect(url.rpartition("/")[2])) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        found: list[object] = []
        for (name,) in cursor.fetchall():
            cursor.execute(f"SHOW CREATE TABLE `{name}`")
            found.append(cursor.fetchone())
            cursor.execute(
                "SELECT group_concat(concat('hex(`', column_name, '`)') ORDER BY ordinal_position)"
                " FROM information_schema.columns WHERE table_schema = database() AND table_name = %s",
                (name,),
            )
            [cells] = cursor.fetchone() or ("",)
            cursor.execute(f"SELECT {cells} FROM `{name}`")  # noqa: S608  its own columns
            found.append(sorted(map(repr, cursor.fetchall())))
        return found


def test_the_databases_of_the_five_systems_come_back_from_mariadb(maria: MariaServer, tmp_path: Path) -> None:
    source, between = five_systems(tmp_path / "five.db"), place(maria.database(), maria.password)
    exported(place(source), tmp_path / "there")
    imported(tmp_path / "there", between, tmp_path / "state")
    exported(between, tmp_path / "back")
    imported(tmp_path / "back", place(tmp_path / "back.db"), tmp_path / "state")
    assert stored(tmp_path / "back.db") == stored(source)
