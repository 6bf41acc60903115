"""Managed servers take TLS only: what the URL says of it (`sslmode`, `sslrootcert`) holds for every process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support import certificates, postgres
from tests.support.recon import Recon, in_folder

ROWS = 3000


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.PostgresServer]:
    with postgres.running(17, certificate=certificates.self_signed()) as running:
        yield running


@pytest.fixture
def recon(tmp_path: Path, server: postgres.PostgresServer) -> Recon:
    found = in_folder(tmp_path)
    found.env["RECON_STORES_PASSWORD"] = server.password
    with closing(sqlite3.connect(tmp_path / "app.db")) as db, db:
        db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, f"row {n}") for n in range(1, ROWS + 1)))
    return found


@pytest.mark.parametrize("how", ["sslmode=require", "sslmode=verify-full&sslrootcert={}"])
def test_rows_go_over_tls_as_the_url_says(how: str, recon: Recon, server: postgres.PostgresServer) -> None:
    url = f"{server.database()}?{how.format(certificates.self_signed())}"
    recon("migrate", "app.db", url, "--workers", "2")
    recon("migrate", "verify", "app.db", url)
    with psycopg.connect(url, password=server.password) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (ROWS,)
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)


def test_a_certificate_that_nobody_vouches_for_is_refused(recon: Recon, server: postgres.PostgresServer) -> None:
    other = certificates.self_signed.__wrapped__()
    url = f"{server.database()}?sslmode=verify-full&sslrootcert={other}"
    failed = recon("migrate", "app.db", url, "--json", expect=None)
    assert failed.code
    assert "certificate verify failed" in failed.err


def test_a_name_that_the_certificate_does_not_have_is_refused(recon: Recon, server: postgres.PostgresServer) -> None:
    known = f"sslmode=verify-full&sslrootcert={certificates.self_signed()}&hostaddr=127.0.0.1"
    url = f"{server.database().replace('@127.0.0.1', '@db.example')}?{known}"
    failed = recon("migrate", "app.db", url, "--json", expect=None)
    assert failed.code
    assert "does not match host name" in failed.err


def test_without_tls_the_server_lets_nobody_in(recon: Recon, server: postgres.PostgresServer) -> None:
    failed = recon("migrate", "app.db", f"{server.database()}?sslmode=disable", "--json", expect=None)
    assert failed.code in {12, 13}
    assert "no encryption" in failed.err
