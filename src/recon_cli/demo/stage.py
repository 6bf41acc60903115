"""Run a command as it would be seen: on a pseudo-terminal when the audience sits at one, else in a pipe."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

LIMIT_S = 120


def play(argv: Sequence[str], folder: Path, env: Mapping[str, str], *, columns: int | None) -> tuple[str, int]:
    """Everything a command printed, and its exit status; `columns` is the terminal's width, None for no terminal."""
    reading, writing = pty.openpty() if columns else os.pipe()
    if columns:
        fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.STDOUT
    ) as running:
        os.close(writing)
        shown = _read_all(reading)
        status = running.wait(timeout=LIMIT_S)
    return shown.decode("utf-8", "replace").replace("\r\n", "\n"), status


def _read_all(reading: int) -> bytes:
    parts = []
    with contextlib.suppress(OSError):  # Linux says EIO when the last writer of a terminal is gone
        while part := os.read(reading, 65536):
            parts.append(part)
    os.close(reading)
    return b"".join(parts)
