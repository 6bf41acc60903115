"""A writer that commits without a pause, and how long it was ever held up: `python stalls.py DATABASE`."""

from __future__ import annotations

import json
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ALONE_S = 2.0


@dataclass(slots=True)
class Found:
    """What the writer noted; complete when the writer has left. `alone_longest_ms`: before there was anybody else."""

    commits: int = 0
    longest_ms: float = 0.0
    alone_longest_ms: float = 0.0


@contextmanager
def writer(path: Path) -> Iterator[Found]:
    """A process that writes into the file until left; it starts alone."""
    found = Found()
    command = [sys.executable, "-I", "-S", __file__, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield found
        finally:
            said, _ = process.communicate()
            found.commits, found.longest_ms, found.alone_longest_ms = json.loads(said)


def main(path: str) -> None:
    """Commit until standard input ends."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.executescript("PRAGMA synchronous=NORMAL")
    alone_ms = max(beats(connection, ALONE_S))
    sys.stdout.write("alone\n")
    sys.stdout.flush()
    took = [0.0]
    while not ended():
        took += beats(connection, 0.1)
    connection.close()
    sys.stdout.write(json.dumps([len(took), max(took), alone_ms]))


def beats(connection: sqlite3.Connection, seconds: float) -> list[float]:
    """Transactions for so long, each in milliseconds."""
    end, took = time.monotonic() + seconds, []
    while (start := time.monotonic()) < end:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE items SET flag = 1 - flag WHERE id = ?", (len(took) % 1000 + 1,))
        connection.execute("COMMIT")
        took.append((time.monotonic() - start) * 1000)
        time.sleep(0.0005)
    return took


def ended() -> bool:
    """Whether standard input was closed."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main(sys.argv[1])
