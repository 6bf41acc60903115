"""What breaks backups on the way to servers: each must end with all or nothing, and say which."""

from __future__ import annotations

import math
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.e2e.ledgers import ledger
from tests.e2e.test_backup_faults import snapshots, whole
from tests.e2e.test_killed import kill_after
from tests.support import postgres, postgrest
from tests.support.ftp_servers import start_pyftpdlib
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy
from tests.support.recon import Recon, in_folder
from tests.support.ssh_server import sshd

ROWS = 30_000
OWNED = """
CREATE TABLE owners (id int PRIMARY KEY, name text);
INSERT INTO owners SELECT n, 'x' FROM generate_series(0, 9) n;
CREATE TABLE items (id int PRIMARY KEY, owner int REFERENCES owners, note text);
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def recon(tmp_path: Path, server: PostgresServer) -> Recon:
    return in_folder(tmp_path, RECON_STORES_PASSWORD=server.password)


def ask(server: PostgresServer, url: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, password=server.password, autocommit=True) as connection:
        cursor = connection.execute(question.encode())
        return cursor.fetchall() if cursor.description else []


def filled(server: PostgresServer, rows: int = ROWS) -> str:
    """The URL of a database with two tables."""
    url = server.database()
    ask(server, url, OWNED)
    with psycopg.connect(url, password=server.password) as connection:
        series = "SELECT n, n % 10, repeat('item ' || n, 20) FROM generate_series(1, {}) n"
        connection.execute(sql.SQL("INSERT INTO items " + series).format(rows))
    return url


def held(server: PostgresServer, url: str) -> list[tuple[object, ...]]:
    """The tables that are there, and the rows of items if it is."""
    names = ask(server, url, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [*names, *(ask(server, url, "SELECT count(*) FROM items") if ("items",) in names else [])]


def test_an_import_into_postgres_killed_at_any_point_is_there_whole_or_not_at_all(
    recon: Recon, server: PostgresServer
) -> None:
    recon("backup", "export", filled(server), "./kept")
    whole_s, outcomes = math.inf, []
    for _ in range(2):  # the first may find nothing in memory yet
        began = time.monotonic()
        recon("backup", "import", "./kept", server.database())
        whole_s = min(whole_s, time.monotonic() - began)
    for share in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        url = server.database()
        kill_after(recon, whole_s * share, "backup", "import", "./kept", url)
        gone(server, url)
        outcomes.append(held(server, url))
        assert outcomes[-1] in ([], [("items",), ("owners",), (ROWS,)])
    assert [] in outcomes


def gone(server: PostgresServer, url: str) -> None:
    """Wait until the server has ended the sessions of those who died."""
    name = url.rpartition("/")[2]
    for _ in range(100):
        if not ask(server, server.url(), f"SELECT FROM pg_stat_activity WHERE datname = '{name}'"):
            return
        time.sleep(0.05)
    raise AssertionError("a session outlived its client")


def struck(server: PostgresServer, url: str, started: subprocess.Popen[bytes], when: str) -> tuple[int, str]:
    """End the sessions of a command as soon as one of them is at `when`; how the command ended and what it said."""
    name = url.rpartition("/")[2]
    strike = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"  # noqa: S608  ours
        f" WHERE datname = '{name}' AND application_name = 'recon' AND query LIKE '{when}'"
    )
    hit = False
    with psycopg.connect(server.url(), password=server.password, autocommit=True) as connection:
        while started.poll() is None:
            hit = bool(connection.execute(strike.encode()).fetchall()) or hit
    err = started.communicate()[1].decode()
    assert hit, "the command was through before it could be struck"
    return started.returncode, err


def test_a_server_that_ends_the_session_during_an_export_leaves_the_last_snapshot(
    recon: Recon, server: PostgresServer, tmp_path: Path
) -> None:
    url = filled(server, 150_000)
    recon("backup", "export", url, "./kept", "--tables", "owners")
    good = snapshots(tmp_path / "kept")
    code, err = struck(server, url, recon.start("backup", "export", url, "./kept", "--workers", "1"), "SELECT%items%")
    assert code == 13, err
    assert "hint:" in err
    assert snapshots(tmp_path / "kept") == good
    whole(recon)
    recon("backup", "export", url, "./kept")
    assert not [path for path in (tmp_path / "kept").iterdir() if path.name.startswith(".partial")]


def test_a_server_that_ends_the_session_during_an_import_keeps_nothing_of_it(
    recon: Recon, server: PostgresServer
) -> None:
    recon("backup", "export", filled(server), "./kept")
    url = server.database()
    code, err = struck(server, url, recon.start("backup", "import", "./kept", url), "COPY%items%")
    assert code == 13, err
    assert held(server, url) == []
    recon("backup", "import", "./kept", url)
    assert held(server, url)[-1] == (ROWS,)


def test_a_table_that_changed_between_export_and_import_is_named_and_nothing_is_written(
    recon: Recon, server: PostgresServer
) -> None:
    url = filled(server, 100)
    recon("backup", "export", url, "./kept")
    ask(server, url, "DELETE FROM items WHERE id > 50; ALTER TABLE items DROP COLUMN note")
    assert "note" in recon("backup", "import", "./kept", url, expect=14).err
    ask(server, url, "ALTER TABLE items ADD COLUMN note text, ADD COLUMN more int NOT NULL DEFAULT 1")
    ask(server, url, "ALTER TABLE items ALTER more DROP DEFAULT")
    assert "more" in recon("backup", "import", "./kept", url, expect=14).err
    assert held(server, url)[-1] == (50,)
    ask(server, url, "ALTER TABLE items DROP COLUMN more, ALTER COLUMN note TYPE varchar(5)")
    said = recon("backup", "import", "./kept", url, "--mode", "upsert", "--max-drop", "100%", expect=14).err
    assert "note" in said
    assert held(server, url)[-1] == (50,)


def test_an_upload_that_is_cut_leaves_the_last_snapshot_whole_and_the_next_run_cleans_up(
    recon: Recon, tmp_path: Path
) -> None:
    source = ledger(tmp_path / "a.db", 500)
    large = ledger(tmp_path / "large.db", 30_000)
    (tmp_path / "ftp").mkdir()
    with start_pyftpdlib(tmp_path / "ftp") as ftp, Proxy(ftp.port, ftp=True) as proxy:
        (tmp_path / "ftp.pw").write_text(ftp.password)
        (tmp_path / "ftp.pw").chmod(0o600)
        kept = f'url = "{ftp.url_at(proxy.port, "/kept")}"\ntimeout_s = 2\nretries = 1\n'
        (tmp_path / "recon.toml").write_text(f'version = 1\n[files.far]\n{kept}password_file = "ftp.pw"\n')
        recon("backup", "export", source, "far")
        before = [one["name"] for one in recon("backup", "list", "far", "--json").document["snapshots"]]
        proxy.cut_after(300_000, every=True, times=50)
        said = recon("backup", "export", large, "far", expect=13)
        assert "hint:" in said.err
        proxy.resume()
        assert [one["name"] for one in recon("backup", "list", "far", "--json").document["snapshots"]] == before
        whole(recon, "far")
        recon("backup", "export", large, "far")
        whole(recon, "far")
        left = {path.name for path in (tmp_path / "ftp").rglob("*") if path.is_file()}
        assert not [name for name in left if "partial" in name], left
        (tmp_path / "ftp.pw").write_text("expired")
        files = sorted(path.name for path in (tmp_path / "ftp").rglob("*"))
        said = recon("backup", "export", source, "far", expect=12)
        assert "expired" not in said.err + said.out
        assert sorted(path.name for path in (tmp_path / "ftp").rglob("*")) == files


def test_an_upload_over_sftp_that_is_cut_leaves_the_last_snapshot_whole(recon: Recon, tmp_path: Path) -> None:
    source, large = ledger(tmp_path / "a.db", 500), ledger(tmp_path / "large.db", 30_000)
    with tempfile.TemporaryDirectory(prefix="recon-far-") as far, sshd() as ssh, Proxy(ssh.port) as proxy:
        Path(far).chmod(0o777)
        known = ssh.known_hosts(tmp_path / "known_hosts", proxy.port)
        (tmp_path / "recon.toml").write_text(
            f'version = 1\n[files.far]\nurl = "sftp://{ssh.user}@127.0.0.1:{proxy.port}{far}/kept"\n'
            f'key_file = "{ssh.key_file}"\nknown_hosts = "{known}"\ntimeout_s = 2\nretries = 1\n'
        )
        recon("backup", "export", source, "far")
        before = recon("backup", "list", "far", "--json").document["snapshots"]
        proxy.cut_after(300_000, every=True, times=50)
        assert "hint:" in recon("backup", "export", large, "far", expect=13).err
        proxy.resume()
        left = recon("backup", "list", "far", "--json").document["snapshots"]
        assert [one["name"] for one in left] == [one["name"] for one in before]
        whole(recon, "far")
        recon("backup", "export", large, "far")
        whole(recon, "far")
        assert not [path.name for path in Path(far).rglob("*") if "partial" in path.name]


def test_a_rest_source_that_gives_a_thousand_rows_at_a_time_is_exported_to_the_last_row(
    recon: Recon, server: PostgresServer, tmp_path: Path
) -> None:
    url = filled(server, 2_500)
    with postgrest.serving(url, server.password, max_rows=1000) as rest:
        done = recon("backup", "export", rest.url, "./kept", "--json", env={"RECON_STORES_PASSWORD": rest.key}).document
    assert {one["table"]: one["rows"] for one in done["tables"]} == {"items": 2_500, "owners": 10}
    recon("backup", "import", "./kept", server.database())
    whole(recon)
