"""A Firestore emulator, `@firestore-emulator/server` of npm's, in a process of its own.

`python tests/support/fetch_node_programs.py DIR` installs it below DIR; tests find it by `RECON_SYSTEM_DIR=DIR`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.fetch_node_programs import FIRESTORE
from tests.support.postgres import free_port
from tests.support.system import missing, require

DEVIATIONS = {
    "update_time": "a precondition on the time of the last change is not looked at; whether a document exists, is",
    "atomic": "of a commit that is refused, the writes before the refused one stay",
    "login": "nobody has to log in",
    "int64": "integers above 2^53 are rounded",
}
"""What it does otherwise than Firestore."""
_START = """
const { FirestoreServer } = require("@firestore-emulator/server");
new FirestoreServer().start(Number(process.argv[1])).then(() => console.log("ready"));
"""


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its address, `127.0.0.1:PORT`, for `FIRESTORE_EMULATOR_HOST`."""
    node = require("node", "nodejs")
    servers = Path(os.environ.get("RECON_SYSTEM_DIR", "/nowhere"))
    if not FIRESTORE.at(servers).exists():
        missing(
            "needs a Firestore emulator: python tests/support/fetch_node_programs.py DIR, then RECON_SYSTEM_DIR=DIR"
        )
    port = free_port()
    with (folder / "firestore.log").open("wb") as log:
        server = subprocess.Popen(
            [node, "-e", _START, str(port)],
            cwd=servers / FIRESTORE.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _await(server, port, folder / "firestore.log")
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait(20)


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"it did not start: {log.read_text()}")
