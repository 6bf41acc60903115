"""What breaks a migration on its way: the target is whole or as it was, and the next run goes on."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from tests.support import postgres
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy
from tests.support.recon import Recon, in_folder
from tests.support.system import require

pytestmark = pytest.mark.slow

TABLES = 5
ROWS = 12_000


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def recon(tmp_path: Path, server: PostgresServer) -> Recon:
    return in_folder(tmp_path, RECON_STORES_PASSWORD=server.password)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return made(tmp_path / "app.db")


def made(path: Path, rows: int = ROWS) -> Path:
    """A few tables with keys, indexes and foreign keys, with text, numbers and times."""
    with closing(sqlite3.connect(path)) as db, db:
        for number in range(TABLES):
            parent = f" REFERENCES t{number - 1}(id)" if number else ""
            db.execute(
                f"CREATE TABLE t{number}(id INTEGER PRIMARY KEY, parent INTEGER{parent}, name TEXT NOT NULL,"
                " at TIMESTAMP, price REAL)"
            )
            db.execute(f"CREATE INDEX i{number} ON t{number}(name)")
            db.executemany(
                f"INSERT INTO t{number} VALUES (?, ?, ?, ?, ?)",
                ((n, n, f"이름 {n} " * 5, f"2026-01-{1 + n % 28:02d} 10:00:00", n / 3) for n in range(1, rows + 1)),
            )
    return path


def tables(server: PostgresServer, url: str) -> list[str]:
    """What stands in `public`."""
    with psycopg.connect(url, password=server.password) as connection:
        found = connection.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in found]


def units(server: PostgresServer, url: str) -> int:
    """How many units are finished in the schema aside."""
    with suppress(psycopg.Error), psycopg.connect(url, password=server.password) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'recon_aside_%'").fetchall()
        for (name,) in found:
            ((number,),) = connection.execute(f'SELECT count(*) FROM "{name}".recon_units').fetchall()
            return int(number)
    return 0


def asides(server: PostgresServer, url: str) -> int:
    with psycopg.connect(url, password=server.password) as connection:
        sql = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'recon_aside_%'"
        ((number,),) = connection.execute(sql).fetchall()
        return int(number)


def begun(recon: Recon, server: PostgresServer, source: Path, url: str, after: int) -> subprocess.Popen[bytes]:
    """A migration that has finished so many units, or has ended."""
    started = recon.start("migrate", source, url, "--workers", "2")
    while started.poll() is None and units(server, url) < after:
        time.sleep(0.01)
    return started


@pytest.mark.parametrize("after", [1, 4, 8])
def test_a_run_killed_after_any_unit_goes_on_where_it_was(
    recon: Recon, server: PostgresServer, source: Path, after: int
) -> None:
    url = server.database()
    started = begun(recon, server, source, url, after)
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    assert tables(server, url) in ([], [f"t{number}" for number in range(TABLES)])
    if not tables(server, url):
        again = recon("migrate", source, url, "--json").document
        assert again["resumed_units"] >= after - 1
        assert again["rows"] == TABLES * ROWS
    assert recon("migrate", "verify", source, url, "--json").document["equal"]
    assert asides(server, url) == 0


def test_runs_killed_at_any_moment_end_as_an_undisturbed_one(
    recon: Recon, server: PostgresServer, source: Path
) -> None:
    url, rng = server.database(), random.Random(7)
    for _ in range(3):
        started = recon.start("migrate", source, url, "--workers", "2")
        time.sleep(rng.uniform(0.3, 2.5))
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
    if not tables(server, url):
        recon("migrate", source, url)
    assert recon("migrate", "verify", source, url, "--json").document["equal"]


def test_a_server_that_crashes_and_comes_back_is_waited_for(recon: Recon, server: PostgresServer, source: Path) -> None:
    url = server.database()
    started = begun(recon, server, source, url, 2)
    server.restart()
    started.communicate(timeout=100)
    if started.returncode:
        assert tables(server, url) == []
        recon("migrate", source, url)
    assert recon("migrate", "verify", source, url, "--json").document["equal"]


def test_a_connection_that_is_cut_is_made_anew(recon: Recon, server: PostgresServer, source: Path) -> None:
    url = server.database()
    with Proxy(server.port) as proxy:
        through = url.replace(str(server.port), str(proxy.port))
        proxy.cut_after(3_000_000, times=2)
        done = recon("migrate", source, through, expect=None)
        assert done.code in (0, 13)
        if done.code:
            assert tables(server, url) == []
            recon("migrate", source, through)
    assert recon("migrate", "verify", source, url, "--json").document["equal"]


def test_a_full_disk_of_the_server_leaves_the_target_as_it_was(tmp_path: Path, recon: Recon) -> None:
    mount = require("mount", "mount")
    folder = tmp_path / "small"
    folder.mkdir()
    folder.chmod(0o755)
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=140m", "tmpfs", folder], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount")
    for above in (tmp_path, *tmp_path.parents[:3]):
        above.chmod(above.stat().st_mode | 0o055)
    try:
        with postgres.running(None, "max_wal_size=32MB", "min_wal_size=32MB", within=folder) as small:
            url = small.database()
            source = tmp_path / "large.db"
            with closing(sqlite3.connect(source)) as db, db:
                db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)")
                db.executemany("INSERT INTO t(body) VALUES (?)", ((random.randbytes(9000),) for _ in range(9000)))
            failed = recon("migrate", source, url, "--json", expect=None)
            assert failed.code not in (0, 3), failed.out
            assert "No space left" in failed.err or "does not answer" in failed.err, failed.err
            with suppress(psycopg.OperationalError):
                assert tables(small, url) == []
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_rows_written_meanwhile_do_not_come_over_in_parts(recon: Recon, server: PostgresServer, source: Path) -> None:
    url, stop = server.database(), threading.Event()
    with closing(sqlite3.connect(source)) as db:
        db.execute("PRAGMA journal_mode = wal")

    def write() -> None:
        with closing(sqlite3.connect(source, timeout=30)) as db:
            number = 10_000_000
            while not stop.is_set():
                with db:  # one row in each table, in one transaction
                    for table in range(TABLES):
                        db.execute(f"INSERT INTO t{table} VALUES (?, NULL, 'new', NULL, 0)", (number,))
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        recon("migrate", source, url, "--workers", "2")
    finally:
        stop.set()
        writer.join()
    with psycopg.connect(url, password=server.password) as connection:
        counts = {connection.execute(f"SELECT count(*) FROM t{n}").fetchone() for n in range(TABLES)}  # type: ignore[arg-type]
    assert len(counts) == 1
    recon("migrate", source, url, "--delta")
    assert recon("migrate", "verify", source, url, "--json").document["equal"]


def test_a_source_that_stays_locked_is_told(recon: Recon, server: PostgresServer, source: Path) -> None:
    (recon.folder / "recon.toml").write_text(f'version = 1\n[stores.app]\nurl = "sqlite:///{source}"\ntimeout_s = 1\n')
    with closing(sqlite3.connect(source, isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        done = recon("migrate", "app", server.database(), "--json", expect=11)
        assert "locked" in done.err


def test_what_a_damaged_page_hides_is_named_and_the_rest_comes_over(
    recon: Recon, server: PostgresServer, tmp_path: Path
) -> None:
    source, url = tmp_path / "hurt.db", server.database()
    with closing(sqlite3.connect(source)) as db, db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"row {n} " * 20) for n in range(1, 2001)))
    raw = bytearray(source.read_bytes())
    place = raw.index(b"row 1000 row 1000") // 4096 * 4096
    raw[place : place + 4096] = b"\xa5" * 4096
    source.write_bytes(raw)
    done = recon("migrate", source, url, "--json", expect=3).document
    assert len(done["damage"]) == 1
    assert done["damage"][0].startswith("t: rows ")
    with psycopg.connect(url, password=server.password) as connection:
        ids = [number for (number,) in connection.execute("SELECT id FROM t ORDER BY id")]
    assert 1000 not in ids
    assert 1950 < len(ids) < 2000
    assert ids[0] == 1
    assert ids[-1] == 2000


def test_a_target_without_rights_is_told_and_left(recon: Recon, server: PostgresServer, source: Path) -> None:
    url = server.database()
    with psycopg.connect(url, password=server.password, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM public")
    done = recon(
        "migrate", source, url.replace("recon@", "guest@"), "--json", expect=1, env={"RECON_STORES_PASSWORD": "guest"}
    )
    assert "GRANT CREATE ON DATABASE" in done.err
    assert tables(server, url) == []


def test_a_database_that_cannot_hold_every_letter_is_refused(
    recon: Recon, server: PostgresServer, source: Path
) -> None:
    with psycopg.connect(server.url(), password=server.password, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    done = recon("migrate", source, server.url("latin"), "--json", expect=5)
    assert "LATIN1" in done.err


def test_a_table_that_is_there_is_not_touched_unless_asked(recon: Recon, server: PostgresServer, source: Path) -> None:
    url = server.database()
    with psycopg.connect(url, password=server.password, autocommit=True) as connection:
        connection.execute("CREATE TABLE t1(id int); INSERT INTO t1 VALUES (7)")
    done = recon("migrate", source, url, "--json", expect=5)
    assert "t1" in done.err
    assert tables(server, url) == ["t1"]
    assert asides(server, url) == 0
    recon("migrate", source, url, "--on-exists", "replace")
    recon("migrate", source, url, "--on-exists", "replace")
    assert recon("migrate", "verify", source, url, "--json").document["equal"]


def test_a_planted_difference_is_found_with_its_key(recon: Recon, server: PostgresServer, source: Path) -> None:
    url = server.database()
    recon("migrate", source, url)
    with psycopg.connect(url, password=server.password, autocommit=True) as connection:
        connection.execute("UPDATE t2 SET price = price + 1e-9 WHERE id = 4711")
        connection.execute("DELETE FROM t4 WHERE id = 12")
        connection.execute("ALTER TABLE t3 DROP CONSTRAINT t3_pkey CASCADE")
    done = recon("migrate", "verify", source, url, "--json", expect=4).document
    found = {one["table"]: one for one in done["tables"] if not one["equal"]}
    assert found["t2"]["differing_columns"] == ["price"]
    assert found["t2"]["differing_keys"] == ["4711: price"]
    assert found["t4"]["differing_keys"] == ["12: not in the target"]
    assert any("t3_pkey" in one["item"] for one in done["problems"])
