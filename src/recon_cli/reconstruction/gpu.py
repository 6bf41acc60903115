"""How full the memory of the GPUs is, as `nvidia-smi` says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

_ASKING_S = 5.0
_QUERY = ("--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Memory:
    """One GPU, in MiB."""

    used: int
    total: int


def memory() -> tuple[Memory, ...]:
    """Every GPU; empty where there is none, or nobody to ask."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    try:
        done = subprocess.run(
            [program, *_QUERY],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASKING_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse(done.stdout) if done.returncode == 0 else ()


def parse(told: str) -> tuple[Memory, ...]:
    """The lines of its answer: `1234, 81559`; one that is no such line (`[N/A]`) is passed over."""
    found = []
    for line in told.splitlines():
        used, _, total = (part.strip() for part in line.partition(","))
        if used.isdecimal() and total.isdecimal():
            found.append(Memory(int(used), int(total)))
    return tuple(found)


def used_mb() -> int:
    """MiB in use over all GPUs; 0 where there is none."""
    return sum(one.used for one in memory())
