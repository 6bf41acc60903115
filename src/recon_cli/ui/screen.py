"""Screen: where output goes, and what that place can show."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from io import TextIOWrapper
from typing import TextIO


class Mode(StrEnum):
    """What standard output carries."""

    TEXT = "text"
    """Tables and lines for a terminal, tab-separated rows for a pipe."""
    JSON = "json"
    """One document."""
    JSON_LINES = "json-lines"
    """One object a line."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Two streams and the operator's wishes."""

    out: TextIO
    err: TextIO
    quiet: bool = False
    no_color: bool = False

    @classmethod
    def standard(cls, *, quiet: bool = False) -> Screen:
        """The process's own streams; `NO_COLOR` and `TERM=dumb` are honoured."""
        _forgive_odd_letters()
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(sys.stdout, sys.stderr, quiet, plain)

    @property
    def draws_tables(self) -> bool:
        """Whether a person reads standard output."""
        return self.out.isatty()

    @property
    def colors_out(self) -> bool:
        """Whether standard output takes colours."""
        return self.out.isatty() and not self.no_color

    @property
    def columns(self) -> int:
        """The width of the terminal."""
        import shutil  # noqa: PLC0415  only a terminal is measured, and it brings the archivers in

        return shutil.get_terminal_size().columns

    def say(self, line: str) -> None:
        """One line on standard error; nobody listening is no error."""
        with suppress(OSError, ValueError):
            self.err.write(line + "\n")
            self.err.flush()

    def mark(self, word: str, code: str) -> str:
        """A word for standard error, coloured where that is wanted."""
        return f"\x1b[{code}m{word}\x1b[0m" if self.err.isatty() and not self.no_color else word


def silence(stream: TextIO) -> None:
    """Let everything still written to `stream` go nowhere: its reader has left, also for Python's last flush."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _forgive_odd_letters() -> None:
    """A letter that the terminal's encoding lacks becomes an escape, not a crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
