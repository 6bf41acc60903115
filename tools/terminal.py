"""What a command shows on a terminal: run it on a pseudo-terminal, keep its bytes, draw them as a picture."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

LIMIT_S = 120
BEGIN_FONTS, END_FONTS = "    @font-face", "    .{unique_id}-matrix"


@dataclass(frozen=True, slots=True)
class Shown:
    """What was on the terminal, what went to standard error beside it, and the exit status."""

    screen: str
    errors: str
    status: int


def show(command: str, folder: Path, env: Mapping[str, str], *, columns: int = 100, colour: bool = True) -> Shown:
    """Run a shell command with standard output on a terminal and standard error in a pipe."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    look = {"TERM": "xterm-256color", "COLORTERM": "truecolor"} if colour else {"TERM": "dumb", "NO_COLOR": "1"}
    sizes = {"COLUMNS": str(columns), "LINES": "50"}
    running = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, **look, **sizes, "PAGER": "cat", **env},
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.PIPE,
    )
    os.close(slave)
    screen = _read_all(master)
    _, errors = running.communicate(timeout=LIMIT_S)
    return Shown(
        screen.decode(errors="replace").replace("\r\n", "\n"), errors.decode(errors="replace"), running.returncode
    )


def draw(shown: str, title: str, *, columns: int = 100) -> str:
    """The terminal's content as SVG, with no font to fetch: the reader's own monospace font draws it."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    kept = re.sub(r"^ +", lambda indent: "\u00a0" * len(indent[0]), shown, flags=re.MULTILINE)  # SVG eats them
    console.print(Text.from_ansi(kept, no_wrap=True, overflow="ignore"), crop=False)
    return console.export_svg(title=title, code_format=_without_fonts(CONSOLE_SVG_FORMAT), unique_id="recon")


def _without_fonts(template: str) -> str:
    start, end = template.index(BEGIN_FONTS), template.index(END_FONTS)
    return (template[:start] + template[end:]).replace("Fira Code, monospace", "ui-monospace, monospace")


def _read_all(master: int) -> bytes:
    parts = []
    with contextlib.suppress(OSError):  # Linux says EIO when the last writer is gone
        while part := os.read(master, 65536):
            parts.append(part)
    os.close(master)
    return b"".join(parts)
