"""Run one command and say what it cost: `python -I -S measured.py OUT COMMAND…` prints one JSON line.

A program of its own because Linux counts the memory of the process that starts a command towards that command's peak:
started from here the floor is a bare interpreter, from the harness it would be the harness. What the command prints
goes to OUT.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(out: str, command: list[str]) -> None:
    """Start, wait, report."""
    target = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    files = [(os.POSIX_SPAWN_DUP2, target, 1)]
    start = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
    _, status, usage = os.wait4(pid, 0)
    wall_s = time.monotonic() - start
    unit = 1 if sys.platform == "darwin" else 1024
    cost = {
        "wall_s": wall_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * unit,
        "status": os.waitstatus_to_exitcode(status),
    }
    sys.stdout.write(json.dumps(cost) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
