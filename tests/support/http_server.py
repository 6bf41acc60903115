"""Web servers that live for a test: Python's own index pages, nginx's, and the web host's PHP listing."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.system import require

LOOPBACK = "127.0.0.1"


class QuietServer(ThreadingHTTPServer):
    """A caller who is cut off is no error of the server's, and nothing to print."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Only of what is an error of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@dataclass
class WebSite:
    """What a Python server shows besides its folder; may change while it runs."""

    port: int = 0
    denied: set[str] = field(default_factory=set)
    """Quoted paths that answer 403."""
    login: str = ""
    """`user:password` that every request must carry."""
    pages: dict[str, bytes] = field(default_factory=dict)
    """Quoted paths with fixed HTML."""
    posted: list[bytes] = field(default_factory=list)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Status and body for POST, by path."""
    agents: set[tuple[str, int]] = field(default_factory=set)


class _Handler(SimpleHTTPRequestHandler):
    """Python's index pages, with keep-alive, and a door that can be shut."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20

    def __init__(self, site: WebSite, *args: Any, **kwargs: Any) -> None:
        self.site = site
        super().__init__(*args, **kwargs)

    def send_head(self) -> Any:
        self.site.agents.add(self.client_address)
        wanted = "Basic " + base64.b64encode(self.site.login.encode()).decode()
        if self.site.login and self.headers.get("Authorization") != wanted:
            return self._nothing(401)
        if self.path.rstrip("/") in {one.rstrip("/") for one in self.site.denied}:
            return self._nothing(403)
        if self.path in self.site.pages:
            self._send(200, self.site.pages[self.path])
            return None
        return super().send_head()

    def do_POST(self) -> None:
        self.site.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        status, body = self.site.answers.get(self.path, (404, b""))
        self._send(status, body)

    def _nothing(self, status: int) -> None:
        self._send(status, b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Tests are silent."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what these tests are about."""


@contextlib.contextmanager
def python_server(root: Path) -> Iterator[WebSite]:
    """Python's `http.server` over a folder."""
    site = WebSite()
    with _Server((LOOPBACK, 0), partial(_Handler, site, directory=str(root))) as server:
        site.port = server.server_address[1]
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr crit;
{user}
worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off;
  types {{ }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {root}; autoindex on; autoindex_exact_size on; absolute_redirect off; }}
}}
"""


@contextlib.contextmanager
def nginx(root: Path) -> Iterator[int]:
    """Nginx with `autoindex on` over a folder; its port."""
    program = require("nginx", "nginx-light")
    with tempfile.TemporaryDirectory(prefix="recon-nginx-") as name:
        with socket.create_server((LOOPBACK, 0)) as probe:
            port = int(probe.getsockname()[1])
        user = "user nobody nogroup;" if os.geteuid() == 0 else ""
        config = Path(name) / "nginx.conf"
        config.write_text(NGINX.format(folder=name, port=port, root=root, user=user))
        with subprocess.Popen([program, "-e", "stderr", "-c", config], stderr=subprocess.DEVNULL) as child:
            try:
                _await(port)
                yield port
            finally:
                child.terminate()


def _await(port: int) -> None:
    for _ in range(250):
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")
