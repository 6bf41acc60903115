"""How many threads to use."""

from __future__ import annotations

import os


def number(wanted: int | None) -> int:
    """As many as asked, else as many as this process may run on."""
    if wanted:
        return wanted
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
