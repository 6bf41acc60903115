"""A git host that lives for a test: git's own `http-backend` behind a small HTTP server that asks who calls."""

from __future__ import annotations

import base64
import contextlib
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.http_server import QuietServer
from tests.support.system import require

LOOPBACK = "127.0.0.1"
_QUOTA = '#!/bin/sh\necho "quota exceeded: 1.0 GB of 1.0 GB used" >&2\nexit 1\n'
_PROTECTED = '#!/bin/sh\necho "error: GH006: protected branch update failed" >&2\nexit 1\n'


@dataclass
class GitHost:
    """One bare repository, `rows.git` in `folder`, as a host of git offers it; what is wrong can change at any time.

    Attributes:
        refuses: an HTTP status to answer everybody with, 0 for none.
        may_write: whether who is let in may push.
        most_bytes: how large a file may become on the host's disk, 0 for any size.
    """

    folder: Path
    port: int = 0
    token: str = "right"
    refuses: int = 0
    may_write: bool = True
    most_bytes: int = 0

    @property
    def bare(self) -> Path:
        """The repository."""
        return self.folder / "rows.git"

    def make(self) -> None:
        """An empty repository that takes pushes."""
        subprocess.run([require("git", "git"), "init", "--quiet", "--bare", str(self.bare)], check=True)
        subprocess.run(["git", "-C", str(self.bare), "config", "http.receivepack", "true"], check=True)

    def hook(self, text: str) -> None:
        """What `pre-receive` does from now on; nothing where `text` is empty."""
        path = self.bare / "hooks" / "pre-receive"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text or "#!/bin/sh\n")
        path.chmod(0o755)

    def over_quota(self) -> None:
        """Refuse pushes as a host does whose disk quota is used up."""
        self.hook(_QUOTA)

    def protected(self) -> None:
        """Refuse pushes as a host does to whom the branch is protected."""
        self.hook(_PROTECTED)

    def mended(self) -> None:
        """Take everything again."""
        self.refuses, self.may_write, self.most_bytes = 0, True, 0
        if self.bare.exists():
            self.hook("")

    def limit(self) -> None:
        """For a child of the host, before it runs: files longer than `most_bytes` cannot be written."""
        if self.most_bytes:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.most_bytes, self.most_bytes))


@contextlib.contextmanager
def host(folder: Path) -> Iterator[GitHost]:
    """A host with an empty repository, at `http://127.0.0.1:PORT/rows.git`; the password of any user is `token`."""
    one = GitHost(folder)
    one.make()
    server = QuietServer((LOOPBACK, 0), type("Handler", (_Handler,), {"host": one}))
    one.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request: who calls is asked, then git's own program answers."""

    protocol_version = "HTTP/1.1"
    host: GitHost

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._answer(_body(self))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as the standard library has it
        pass

    def _answer(self, body: bytes) -> None:
        status = self.host.refuses or (0 if self._knows() else HTTPStatus.UNAUTHORIZED)
        if not status and "receive-pack" in self.path and not self.host.may_write:
            status = HTTPStatus.FORBIDDEN
        if status:
            self._say(status, {"WWW-Authenticate": 'Basic realm="git"'} if status == HTTPStatus.UNAUTHORIZED else {})
            return
        head, _, rest = self._backend(body).partition(b"\r\n\r\n")
        told = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self._say(int(told.pop("Status", "200").split()[0]), told, rest)

    def _say(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _knows(self) -> bool:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        return kind == "Basic" and base64.b64decode(given).decode().partition(":")[2] == self.host.token

    def _backend(self, body: bytes) -> bytes:
        parts = urlsplit(self.path)
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.host.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": LOOPBACK,
        }
        words = [require("git", "git"), "http-backend"]
        limit = self.host.limit
        return subprocess.run(words, input=body, env=env, capture_output=True, check=False, preexec_fn=limit).stdout


def _body(request: BaseHTTPRequestHandler) -> bytes:
    """What was sent; in one piece, or in the chunks that git sends a large pack in."""
    if request.headers.get("Transfer-Encoding") != "chunked":
        raw = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        if len(raw) != int(request.headers.get("Content-Length", "0")):
            raise OSError("cut short")
        return raw
    parts: list[bytes] = []
    while size := int(request.rfile.readline() or b"x", 16):
        parts.append(request.rfile.read(size))
        if len(parts[-1]) != size:
            raise OSError("cut short")
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(parts)
