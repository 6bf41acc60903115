"""A real `redis-server` on loopback, and Upstash's REST protocol in front of one."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.support.http_server import QuietServer
from tests.support.postgres import free_port
from tests.support.system import require


@dataclass
class RedisServer:
    """A running server; each `database` is empty when it is given out."""

    port: int
    password: str = field(repr=False)
    used: int = 0

    def database(self) -> str:
        self.used = self.used % 15 + 1
        self.ask(self.used, "FLUSHDB")
        return f"redis://127.0.0.1:{self.port}/{self.used}"

    def ask(self, number: int, *words: str) -> Any:
        """A command as any other client would send it."""
        import redis  # noqa: PLC0415  where the driver is there

        with redis.Redis(port=self.port, password=self.password, db=number, decode_responses=True) as link:
            return link.execute_command(*words)


@contextmanager
def running(*options: str) -> Iterator[RedisServer]:
    """A server of its own, with an append-only file, until the block ends."""
    program = require("redis-server", "redis-server")
    port, password = free_port(), secrets.token_hex(12)
    with tempfile.TemporaryDirectory(prefix="recon-redis-") as folder:
        words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", ""]
        words += ["--requirepass", password, "--logfile", f"{folder}/log", *options]
        server = subprocess.Popen([program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            _await(server, port, Path(folder) / "log")
            yield RedisServer(port, password)
        finally:
            server.kill()
            server.wait(20)


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
                link.sendall(b"PING\r\n")
                if link.recv(64):
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"it did not start: {log.read_text() if log.exists() else ''}")


@dataclass
class Upstash:
    """The REST server: `fail` may answer a request in its place (status, headers, body)."""

    port: int
    token: str = field(repr=False)
    fail: Callable[[list[str]], tuple[int, dict[str, str], Any] | None] = lambda _words: None
    asked: int = 0

    @property
    def url(self) -> str:
        return f"kv+http://127.0.0.1:{self.port}"


@contextmanager
def upstash(server: RedisServer, number: int) -> Iterator[Upstash]:
    """Upstash's protocol over a database of a real Redis: `POST /` with a command, `/pipeline`, `/multi-exec`."""
    import redis  # noqa: PLC0415  where the driver is there

    told = Upstash(0, secrets.token_urlsafe(24))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *given: Any) -> None:
            """Nothing on the terminal."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked += 1
            if self.headers.get("Authorization") != f"Bearer {told.token}":
                self._say(401, {}, {"error": "Unauthorized"})
                return
            failed = told.fail(body)
            if failed is not None:
                self._say(*failed)
                return
            link = redis.Redis(port=server.port, password=server.password, db=number, decode_responses=True)
            with link:
                if self.path in {"/pipeline", "/multi-exec"}:
                    self._say(200, {}, [_one(link, words)[1] for words in body])
                else:
                    status, said = _one(link, body)
                    self._say(status, {}, said)

        def _say(self, status: int, headers: dict[str, str], said: Any) -> None:
            raw = json.dumps(said).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    web = QuietServer(("127.0.0.1", 0), Handler)
    told.port = web.server_address[1]
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


def _one(link: Any, words: list[str]) -> tuple[int, dict[str, Any]]:
    """A command and its answer, in the protocol's shapes: whole scans as lists, errors as texts with their code."""
    import redis  # noqa: PLC0415  where the driver is there

    try:
        found = link.execute_command(*words)
    except redis.OutOfMemoryError as exc:
        return 400, {"error": f"OOM {exc}"}
    except redis.RedisError as exc:
        return 400, {"error": f"ERR {exc}"}
    return 200, {"result": _flat(words[0].upper(), found)}


def _flat(command: str, found: Any) -> Any:
    if command == "HSCAN":
        cursor, pairs = found
        return [str(cursor), [one for pair in pairs.items() for one in pair]]
    if command == "INFO":
        return "\n".join(f"{name}:{value}" for name, value in found.items())
    return found
