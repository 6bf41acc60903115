"""The C library's memory: kept for the next use instead of given back to the system after every row."""

from __future__ import annotations

import sys

_TRIM, _TOP, _MAPPED = -1, -2, -3
"""M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of glibc's malloc.h."""
_KEPT_BYTES = 16 << 20
_STEP_BYTES = 1 << 20


def keep_freed() -> None:
    """Keep up to 16 MiB of freed memory at hand; what is over 1 MiB is still given back at once.

    glibc gives the top of the heap back as soon as it is free. A loop that takes and frees a buffer there (orjson does,
    once a row) then costs a page fault each time: half of the time of an export. No effect elsewhere than on glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415  for long work only

    setting = getattr(ctypes.CDLL(None), "mallopt", None)
    if setting is None:  # another C library
        return
    for number, size_bytes in ((_MAPPED, _STEP_BYTES), (_TRIM, _KEPT_BYTES), (_TOP, _STEP_BYTES)):
        setting(number, size_bytes)
