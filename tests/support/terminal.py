"""Run a program on a real pseudo-terminal, as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """What reached each stream, with plain line ends, and how the program ended."""

    out: str
    err: str
    code: int


def on_terminal(
    argv: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    *,
    out: bool = True,
    err: bool = True,
    columns: int = 80,
) -> Seen:
    """Run `argv`; `out` and `err` say which of its streams are terminals, the others are pipes."""
    ends = [_terminal(columns) if wanted else os.pipe() for wanted in (out, err)]
    running = subprocess.Popen(
        argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=ends[0][1], stderr=ends[1][1], close_fds=True
    )
    texts = [bytearray(), bytearray()]
    readers = [threading.Thread(target=_drain, args=(end[0], text)) for end, text in zip(ends, texts, strict=True)]
    for _reader, writer in ends:
        os.close(writer)
    for thread in readers:
        thread.start()
    code = running.wait(60)
    for thread in readers:
        thread.join(60)
    for reader, _writer in ends:
        os.close(reader)
    seen = [bytes(text).decode("utf-8", "replace").replace("\r\n", "\n") for text in texts]
    return Seen(seen[0], seen[1], code)


def _terminal(columns: int) -> tuple[int, int]:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return leader, follower


def _drain(reader: int, text: bytearray) -> None:
    while True:
        select.select([reader], [], [])
        try:
            chunk = os.read(reader, 65536)
        except OSError:  # a terminal whose other end is closed says EIO
            return
        if not chunk:
            return
        text.extend(chunk)
