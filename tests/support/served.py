"""`recon serve` as a process of its own at a free port, and a caller for it."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import published
from tests.support.recon import Recon

PATIENCE_S = 120.0
SMALL = {"preset": "quick", "iterations": "40", "max_gaussians": "3000"}
"""A job that takes seconds."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        found = json.loads(self.body)
        if isinstance(found, dict) and "schema" in found:
            published.check(found)
        return found


@dataclass
class Server:
    """A running server."""

    recon: Recon
    process: subprocess.Popen[bytes]
    port: int
    words: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def root(self) -> Path:
        return self.recon.folder / "recon-jobs"

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """One request on a connection of its own; header names with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(
                method, path, body, {**self.headers, **named}, encode_chunked="Transfer-Encoding" in named
            )
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def send(
        self, photos: Iterable[tuple[str, bytes]], fields: Mapping[str, str] | None = None, query: str = ""
    ) -> Answer:
        """Upload photos by these names."""
        kind, body = form(photos, fields or {})
        return self.ask(f"/recon/jobs{query}", "POST", body, Content_Type=kind)

    def status(self, job_id: str) -> Any:
        return self.ask(f"/recon/jobs/{job_id}/status").document

    def wait(self, job_id: str, *states: str, patience_s: float = 300.0) -> Any:
        """The job's status, when it is one of these."""
        deadline = time.monotonic() + patience_s
        while (found := self.status(job_id))["status"] not in states:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> tuple[int, str]:
        """End it in order; exit status and what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            _out, err = self.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail("the server does not end")
        return self.process.returncode, err.decode()

    def memory_mb(self) -> float:
        """Resident memory now."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024


def begin(recon: Recon, *words: str) -> Server:
    """Start a server and wait until it answers."""
    process = recon.start("serve", "--port", "0", *words)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    found = re.search(r"http://\S+:(\d+)", line)
    if found is None:
        _out, err = process.communicate(timeout=PATIENCE_S)
        pytest.fail(f"no server: {line}{err.decode()}")
    return Server(recon, process, int(found[1]), words)


@contextmanager
def serving(recon: Recon, *words: str) -> Iterator[Server]:
    """A server for the length of the block; it ends well, and without a traceback."""
    server = begin(recon, *words)
    try:
        yield server
    finally:
        _code, err = server.stop()
    assert "Traceback" not in err, err


def form(photos: Iterable[tuple[str, bytes]], fields: Mapping[str, str]) -> tuple[str, bytes]:
    """A form as browsers send it: its Content-Type and body."""
    boundary = f"----{secrets.token_hex(8)}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, raw in photos:
        quoted = name.replace('"', "%22")
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{quoted}"\r\n'
        parts.append(head.encode("utf-8", "surrogateescape") + b"Content-Type: image/jpeg\r\n\r\n" + raw + b"\r\n")
    return f"multipart/form-data; boundary={boundary}", b"".join([*parts, f"--{boundary}--\r\n".encode()])


def photos_in(folder: Path) -> list[tuple[str, bytes]]:
    """The photos of a folder by their names."""
    return [(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def left_in(root: Path) -> list[str]:
    """What lies in a root of jobs, without the server's own."""
    own = (".serve", ".ballast", ".turn", "jobs.db")
    return sorted(path.name for path in root.iterdir() if not path.name.startswith(own))
