"""What a Postgres server and a command's whole family of processes cost, read from /proc."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")
PAUSE_S = 0.05


def cpu_s(server: int) -> float:
    """Processor seconds of a postmaster, its living children and those that ended."""
    own = _stat(server)
    if own is None:
        return 0.0
    ticks = sum(own[11:15])
    return (ticks + sum(sum(stat[11:13]) for pid in children(server) if (stat := _stat(pid)))) / TICKS


def children(parent: int) -> list[int]:
    """The processes that a process started itself."""
    try:
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:
        return []


def _stat(pid: int) -> list[int] | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return [int(field) if field.lstrip("-").isdigit() else 0 for field in fields]


class Watch:
    """The highest sum of memory of all processes below this one but the server's, shared pages counted once (PSS)."""

    def __init__(self, *without: int) -> None:
        self.peak_bytes = 0
        self._without = frozenset(without)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def take(self) -> int:
        """The peak since it was last taken."""
        peak, self.peak_bytes = self.peak_bytes, 0
        return peak

    def _watch(self) -> None:
        while not self._end.wait(PAUSE_S):
            self.peak_bytes = max(self.peak_bytes, sum(_pss(pid) for pid in self._family(os.getpid())))

    def _family(self, pid: int) -> list[int]:
        found = [one for one in children(pid) if one not in self._without]
        return found + [below for one in found for below in self._family(one)]


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
