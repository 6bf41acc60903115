"""What keeps a machine well while children work: they end with their parent, and take no more memory than allowed."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

LESS_MEMORY = "take `--preset quick` or fewer `--max-gaussians`, or allow more with `[reconstruct] memory_mb`"
MORE_ROOM = "make room, then go on with `recon reconstruct --resume JOB`"
_PR_SET_PDEATHSIG = 1
_SHARE = 0.85
_WATCH_S = 1.0


def die_with_parent() -> None:
    """Be killed when the parent dies, however it dies; where the kernel knows no such thing, a thread looks."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(_WATCH_S)
    os._exit(1)


def limit_memory(most_mb: int) -> None:
    """Let what this process allocates fail beyond this size; the watching parent is the second line."""
    with suppress(ValueError, OSError):
        size_bytes = most_mb * 1_000_000
        resource.setrlimit(resource.RLIMIT_DATA, (size_bytes, size_bytes))


def memory_of_machine() -> int | None:
    """Bytes that a stage may take where nothing else is said: most of what the machine, or its container, has."""
    found = [size for size in (_total(), _container()) if size]
    return int(min(found) * _SHARE) if found else None


def _total() -> int | None:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _container() -> int | None:
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            return int(Path(name).read_text())
    return None


def used_by_session(session: int) -> int:
    """Resident bytes of every process in a session; 0 where /proc is not there to ask."""
    page = os.sysconf("SC_PAGE_SIZE")
    used = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                used += int(fields[21]) * page
    return used
