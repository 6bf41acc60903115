"""Postgres → snapshot → Postgres: `pg_dump` says the same of both, and a second snapshot is the same bytes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from recon_cli.snapshot import archive
from recon_cli.stores.bulk.base import Mode
from tests.support import postgres
from tests.support.postgres import PostgresServer
from tests.support.trips import content, exported, imported, place

ODD = Path(__file__).parents[1] / "support" / "odd_postgres.sql"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres.running() as running:
        yield running


@pytest.fixture(scope="module")
def odd(server: PostgresServer) -> str:
    """The URL of a database with every odd value."""
    url = server.database()
    run(server, url, ODD.read_text())
    return url


def run(server: PostgresServer, url: str, sql: str) -> None:
    with psycopg.connect(url, password=server.password, autocommit=True) as connection:
        connection.execute(sql.encode())


def dumped(server: PostgresServer, url: str) -> list[str]:
    """What `pg_dump` writes, but for the order of rows, which is where they lie on the disk, and its random words."""
    command = [postgres.binaries() / "pg_dump", "--dbname", url]
    env = {**os.environ, "PGPASSWORD": server.password}
    text = subprocess.run(command, env=env, check=True, capture_output=True, timeout=60).stdout.decode()
    lines: list[str] = []
    rows: list[str] | None = None
    for line in text.splitlines():
        if rows is None:
            lines += [] if line.startswith(("\\restrict", "\\unrestrict")) else [line]
            rows = [] if line.startswith("COPY ") else None
        elif line == "\\.":
            lines += sorted(rows)
            rows = None
        else:
            rows.append(line)
    return lines


def test_pg_dump_sees_no_difference_and_the_next_snapshot_is_the_same_bytes(
    server: PostgresServer, odd: str, tmp_path: Path
) -> None:
    back = server.database()
    exported(place(odd, server.password), tmp_path / "one")
    imported(tmp_path / "one", place(back, server.password), tmp_path / "state")
    assert dumped(server, back) == dumped(server, odd)
    exported(place(back, server.password), tmp_path / "two")
    assert content(tmp_path / "two") == content(tmp_path / "one")


def test_an_archive_brings_the_same_back(server: PostgresServer, odd: str, tmp_path: Path) -> None:
    exported(place(odd, server.password), tmp_path / "one")
    with (tmp_path / "a.tar.zst").open("wb") as stream:
        archive.write(tmp_path / "one", stream)
    back = server.database()
    imported(tmp_path / "a.tar.zst", place(back, server.password), tmp_path / "state")
    assert dumped(server, back) == dumped(server, odd)


@pytest.mark.parametrize("mode", Mode)
def test_what_is_there_already_is_not_touched_in_any_mode(
    server: PostgresServer, odd: str, tmp_path: Path, mode: Mode
) -> None:
    before = dumped(server, odd)
    exported(place(odd, server.password), tmp_path / "one")
    imported(tmp_path / "one", place(odd, server.password), tmp_path / "state", mode)
    assert dumped(server, odd) == before


def test_a_row_value_is_not_lost_for_a_null_in_it(server: PostgresServer, tmp_path: Path) -> None:
    source, back = server.database(), server.database()
    run(server, source, "CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair)")
    run(server, source, "INSERT INTO t VALUES (1, ROW(1, NULL)), (2, ROW(NULL, NULL)), (3, NULL), (4, ROW(1, ''))")
    exported(place(source, server.password), tmp_path / "one")
    imported(tmp_path / "one", place(back, server.password), tmp_path / "state")
    with psycopg.connect(back, password=server.password) as connection:
        found = connection.execute("SELECT format('%s', p), num_nulls(p) FROM t ORDER BY id").fetchall()
    assert found == [("(1,)", 0), ("(,)", 0), ("", 1), ('(1,"")', 0)]


def test_merge_leaves_a_row_value_alone_that_has_a_null_in_it(server: PostgresServer, tmp_path: Path) -> None:
    source = server.database()
    run(server, source, "CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int PRIMARY KEY, p pair)")
    run(server, source, "INSERT INTO t VALUES (1, ROW(1, 'x')), (2, ROW(1, 'x')), (3, ROW(1, NULL))")
    exported(place(source, server.password), tmp_path / "one")
    run(server, source, "UPDATE t SET p = ROW(NULL, NULL) WHERE id = 1; UPDATE t SET p = NULL WHERE id > 1")
    imported(tmp_path / "one", place(source, server.password), tmp_path / "state", Mode.MERGE)
    with psycopg.connect(source, password=server.password) as connection:
        assert connection.execute("SELECT p::text FROM t ORDER BY id").fetchall() == [("(,)",), ("(1,x)",), ("(1,)",)]
