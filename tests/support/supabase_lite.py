"""`@supabase/lite` on a real Postgres: a REST server of Supabase's own makers, as a second judge beside our double.

`python tests/support/fetch_node_programs.py DIR` installs it below DIR (npm, once); tests find it by
`RECON_SYSTEM_DIR=DIR`.
It is alpha software and not PostgREST itself: where it answers otherwise is listed in `DEVIATIONS`, and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import psycopg

from tests.support import postgrest_root
from tests.support.fetch_node_programs import SUPABASE_LITE
from tests.support.system import missing, require

DEVIATIONS = {
    "int64": "numbers above 2^53 are read as floats: the 18 digits of a session id are rounded",
    "check": "a violated CHECK is answered with 500 and a code of its own, `SUP`: nobody can tell it from an outage",
    "root": "its OpenAPI document names no table; `fronted` answers that one request as PostgREST does",
}
"""What it does otherwise than PostgREST; the only differences that a test may allow."""
_CONFIG = """\
[api]
port = {port}

[db]
driver = "postgres"
url = "{url}"

[auth]
enabled = true
jwt_secret = "{jwt}"
publishable_key = "{public}"
secret_key = "{key}"
"""
_QUIET = {"LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Lite:
    """A running server."""

    port: int
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"supabase+http://127.0.0.1:{self.port}"


def program() -> Path:
    """The command; skips where it is not installed."""
    require("node", "nodejs")
    found = SUPABASE_LITE.at(Path(os.environ.get("RECON_SYSTEM_DIR", "/nowhere")))
    if not found.exists():
        missing("needs @supabase/lite: python tests/support/fetch_node_programs.py DIR, then RECON_SYSTEM_DIR=DIR")
    return found


@contextmanager
def serving(lite: Path, folder: Path, database: str, password: str, port: int) -> Iterator[Lite]:
    """Serve a database whose tables are there: what is made later is not seen before a restart.

    Args:
        lite: the command.
        folder: an empty one, for its settings.
        database: the URL of the database, without a password.
        password: of its user.
        port: a free one.
    """
    parts = urlsplit(database)
    url = f"postgres://{parts.username}:{password}@{parts.hostname}:{parts.port}{parts.path}"
    key, public = f"sb_secret_{secrets.token_hex(15)}", f"sb_publishable_{secrets.token_hex(15)}"
    (folder / "supabase").mkdir(parents=True)
    text = _CONFIG.format(port=port, url=url, jwt=secrets.token_hex(20), public=public, key=key)
    (folder / "supabase" / "config.toml").write_text(text)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(lite), "--no-telemetry", "start"],
            cwd=folder,
            env={**os.environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _await(server, port, key, folder / "log")
        yield Lite(port, key)
    finally:
        server.kill()
        server.wait(20)


def _await(server: subprocess.Popen[bytes], port: int, key: str, log: Path) -> None:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/rest/v1/", headers={"apikey": key})
    until = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(asked, timeout=5):  # noqa: S310  loopback
                return
        except HTTPError:
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"it did not start: {log.read_text()}")


@contextmanager
def fronted(lite: Lite, database: str, password: str) -> Iterator[Lite]:
    """The same behind an address that also knows the tables: see DEVIATIONS."""

    class Bound(_Front):
        behind = lite
        tables = (database, password)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Lite(server.server_address[1], lite.key)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Front(BaseHTTPRequestHandler):
    """Passes a request on as it is, and the answer back."""

    behind: Lite
    tables: tuple[str, str]

    def log_message(self, *given: Any) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path.rstrip("/") == "/rest/v1":
            self._answer(200, [("Content-Type", "application/openapi+json")], self._root())
            return
        with closing(http.client.HTTPConnection("127.0.0.1", self.behind.port, timeout=60)) as link:
            given = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_LINK}
            link.request(self.command, self.path, body or None, given)
            found = link.getresponse()
            self._answer(found.status, found.getheaders(), found.read())

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815  names of the base class

    def _root(self) -> bytes:
        database, password = self.tables
        with psycopg.connect(database, password=password) as link:
            return json.dumps(postgrest_root.document(link, "public")).encode()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _OF_ONE_LINK:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_OF_ONE_LINK = frozenset({"host", "connection", "content-length", "transfer-encoding", "date", "server"})
