"""Backups that leave the engine they came from: SQLite to Postgres and back, and drills on a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support import postgres
from tests.support.postgres import PostgresServer
from tests.support.recon import Recon, in_folder

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL, photo BLOB);
CREATE TABLE visits (user INTEGER REFERENCES users (id), at TEXT, note TEXT, PRIMARY KEY (user, at));
INSERT INTO users VALUES (1, '김', 0.1, x'00ff'), (2, 'o''brien', NULL, NULL), (3, '', 1e308, x'');
INSERT INTO visits VALUES (1, '2026-01-01', NULL), (1, '2026-01-02', 'x'), (3, '2026-01-01', '');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def recon(tmp_path: Path, server: PostgresServer) -> Recon:
    with closing(sqlite3.connect(tmp_path / "app.db")) as database:
        database.executescript(SCHEMA)
        database.execute("UPDATE users SET score = ? WHERE id = 2", (5e-324,))
        database.commit()
    (tmp_path / "pg.pw").write_text(server.password)
    (tmp_path / "pg.pw").chmod(0o600)
    (tmp_path / "recon.toml").write_text(
        f'version = 1\n[stores.pg]\nurl = "{server.database()}"\npassword_file = "pg.pw"\n'
        '[stores.app]\nurl = "app.db"\n[backups.pg]\nfrom = "pg"\nto = "./pg"\nverify = "drill"\ndrill_in = "pg"\n'
    )
    return in_folder(tmp_path)


def databases(server: PostgresServer) -> set[str]:
    with psycopg.connect(server.url(), password=server.password) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_rows_go_from_sqlite_to_postgres_and_back_and_stay_the_same(recon: Recon) -> None:
    recon("backup", "export", "app", "./kept")
    assert "equal row by row" in recon("backup", "import", "./kept", "pg", "--json").document["proof"]
    assert recon("backup", "diff", "./kept", "pg", "--json").document["equal"]
    recon("backup", "export", "pg", "./pg")
    assert recon("backup", "diff", "app", "./pg", "--json").document["equal"]
    recon("backup", "import", "./pg", "back.db")
    dumps = []
    for name in ("app.db", "back.db"):
        with closing(sqlite3.connect(recon.folder / name)) as database:
            columns = "id, name, score, hex(photo), typeof(id), typeof(score), typeof(photo)"
            dumps.append(database.execute(f"SELECT {columns} FROM users ORDER BY id").fetchall())  # noqa: S608  constant
            dumps.append(database.execute("SELECT * FROM visits ORDER BY 1, 2").fetchall())
    assert dumps[:2] == dumps[2:]
    assert dumps[0][1][2] == 5e-324


def test_what_two_engines_spell_differently_is_equal_and_what_differs_is_named(
    recon: Recon, server: PostgresServer
) -> None:
    with closing(sqlite3.connect(recon.folder / "odd.db")) as database:
        database.execute(
            "CREATE TABLE odd (id INTEGER PRIMARY KEY, fine BOOLEAN, price DECIMAL_TEXT, made TEXT, n REAL)"
        )
        database.executemany(
            "INSERT INTO odd VALUES (?, ?, ?, ?, ?)",
            [(2, 1, "1.50", "2026-11-21T03:00:00Z", 2), (10, 0, "7", "2026-11-22 12:00:00+09:00", 0.1)],
        )
        database.commit()
    url, password = server.database(), server.password
    with psycopg.connect(url, password=password, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE odd (id bigint PRIMARY KEY, fine boolean, price numeric, made timestamptz, n numeric)"
        )
        connection.execute("INSERT INTO odd VALUES (10, false, 7.00, '2026-11-22 03:00Z', 0.1)")
        connection.execute("INSERT INTO odd VALUES (2, true, 1.5, '2026-11-21 03:00Z', 2.0)")
        with (recon.folder / "recon.toml").open("a") as file:
            file.write(f'[stores.odd]\nurl = "{url}"\npassword_file = "pg.pw"\n')
        assert recon("backup", "diff", "odd.db", "odd", "--json").document["equal"]
        connection.execute("UPDATE odd SET price = 1.51, fine = false")
    told = recon("backup", "diff", "odd.db", "odd", "--json", expect=4).document["tables"]
    assert [(one["key"], one["columns"]) for one in told[0]["first"]] == [("2", "fine, price"), ("10", "price")]


def test_a_drill_on_the_server_leaves_no_database_behind(recon: Recon, server: PostgresServer) -> None:
    recon("backup", "export", "app", "./kept")
    recon("backup", "import", "./kept", "pg")
    before = databases(server)
    recon("backup", "run", "pg", "-q")
    assert databases(server) == before
    verified = recon("backup", "verify", "./pg", "--restore-drill", "--drill-in", "pg", "--json").document
    assert (verified["drill"], verified["differences"]) == ("postgresql", [])
    assert databases(server) == before
    assert "needs a server" in recon("backup", "verify", "./pg", "--restore-drill", expect=2).err


def test_a_drill_that_may_make_no_database_says_so(recon: Recon, server: PostgresServer) -> None:
    with psycopg.connect(server.url(), password=server.password, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-of-the-test'")
    (recon.folder / "guest.pw").write_text("guest-of-the-test")
    with (recon.folder / "recon.toml").open("a") as file:
        file.write(f'[stores.guest]\nurl = "{server.url(user="guest")}"\npassword_file = "guest.pw"\n')
    recon("backup", "export", "app", "./kept")
    done = recon("backup", "verify", "./kept", "--drill-in", "guest", expect=12)
    assert "permission denied to create database" in done.err
