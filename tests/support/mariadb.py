"""A MariaDB server of our own: Debian's programs, a private folder, a loopback port."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from tests.support.postgres import free_port
from tests.support.system import require

PASSWORD = "s3cret-of-the-test"
_names = itertools.count()


@dataclass(frozen=True, slots=True)
class MariaServer:
    """A running server; every `database()` is new and empty."""

    port: int
    password: str = field(default=PASSWORD, repr=False)

    def url(self, database: str, user: str = "recon") -> str:
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str | None = None) -> pymysql.Connection[pymysql.cursors.Cursor]:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="recon", password=self.password, database=database
        )

    def database(self) -> str:
        """A new database; its URL."""
        name = f"trial_{os.getpid()}_{next(_names)}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return self.url(name)


@contextmanager
def running() -> Iterator[MariaServer]:
    """Start a server, stop it at the end."""
    program = require("mariadbd", "mariadb-server")
    install = require("mariadb-install-db", "mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="recon-maria-"))
    user = "root" if os.geteuid() == 0 else None
    as_user = [f"--user={user}"] if user else []
    try:
        _initialise(install, folder, as_user)
        port = free_port()
        server = _start(program, folder, as_user, port)
        try:
            _admit(folder)
            yield MariaServer(port)
        finally:
            server.kill()  # at once: nothing in it is wanted any more
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(install: str, folder: Path, as_user: list[str]) -> None:
    options = [f"--datadir={folder / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run([install, "--no-defaults", *options, *as_user], check=True, capture_output=True, timeout=90)


def _start(program: str, folder: Path, as_user: list[str], port: int) -> subprocess.Popen[bytes]:
    options = [
        *(f"--datadir={folder / 'data'}", f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}"),
        *(f"--tmpdir={folder}", "--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve"),
        *("--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--performance-schema=OFF"),
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([program, "--no-defaults", *options, *as_user], stdout=log, stderr=log)


def _admit(folder: Path) -> None:
    """Wait until the server answers on its socket and make the user of the tests."""
    for _ in range(200):
        if _answers(folder / "s"):
            break
        time.sleep(0.1)
    else:
        raise RuntimeError(f"MariaDB did not start: {(folder / 'log').read_text()}")
    with pymysql.connect(unix_socket=str(folder / "s"), user="root") as root, root.cursor() as cursor:
        cursor.execute(f"CREATE USER recon@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute("GRANT ALL ON *.* TO recon@'127.0.0.1' WITH GRANT OPTION")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return probe.recv(1) != b""
