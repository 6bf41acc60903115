"""Commands as an audience sees them: each on a pseudo-terminal of its own, shown while it runs and kept."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from recon_cli.core.canonical import Json
from recon_cli.core.errors import StageError
from recon_cli.demo import database

LIMIT_S = 300
PATIENCE_S = 10
"""How long a command may take to end when it is asked to."""
_DRAWN_OVER = re.compile(r"\r[^\n]*\r")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Audience(Protocol):
    """Who watches, and how wide the terminal is."""

    columns: int

    def title(self, text: str) -> None:
        """A part begins."""

    def words(self, text: str) -> None:
        """Something is told."""

    def step(self, what: str, command: str) -> None:
        """A command begins."""

    def output(self, part: str) -> None:
        """A piece of what a running command shows, with all escape codes."""

    def ended(self, shown: str) -> None:
        """All that it showed, without any; it is over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One command: what it was for, what it showed (with colours), and its exit status."""

    what: str
    command: str
    screen: str
    code: int

    @property
    def text(self) -> str:
        """What it showed, without colours."""
        return _ESCAPES.sub("", self.screen)

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {"title": self.what, "command": self.command, "exit_code": self.code, "output": self.text}


@dataclass(slots=True)
class Stage:
    """The demo's folder, its servers, and everything that was run in it."""

    folder: Path
    audience: Audience
    servers: ExitStack
    outcomes: list[Outcome] = field(default_factory=list)
    _database: database.Database | None = None

    def run(self, what: str, command: str, *, expect: int = 0) -> Outcome:
        """Run a command line in the folder; `recon` is this very installation.

        Raises:
            StageError: it ended with another status than `expect`.
        """
        self.audience.step(what, command)
        screen, code = play(
            _argv(command), self.folder, self._surroundings(), self.audience.output, columns=self.audience.columns
        )
        outcome = Outcome(what, command, _DRAWN_OVER.sub("", screen), code)
        self.audience.ended(outcome.text)
        self.outcomes.append(outcome)
        if code != expect:
            last = outcome.text.strip().rpartition("\n")[2]
            raise StageError(f"`{command}` ended with {code}, not {expect}", cause=last)
        return outcome

    def settings(self, text: str) -> None:
        """Write more into `recon.toml`."""
        with (self.folder / "recon.toml").open("a", encoding="utf-8") as file:
            file.write(text)

    def database(self) -> database.Database:
        """A Postgres server, started when first asked for, and named `server` in `recon.toml`."""
        if self._database is None:
            self._database = self.servers.enter_context(database.serving())
            secret = self.folder / "server.pw"
            secret.touch(mode=0o600)
            secret.write_text(f"{self._database.password}\n", "utf-8")
            self.settings(f'\n[stores.server]\nurl = "{self._database.url}"\npassword_file = "server.pw"\n')
        return self._database

    def _surroundings(self) -> dict[str, str]:
        """The operator's environment without settings of recon's, which would mix with the scene's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RECON_")}
        cache = {name: os.environ[name] for name in ("RECON_CACHE_DIR",) if name in os.environ}
        own = {"RECON_STATE_DIR": str(self.folder / "state"), "COLUMNS": str(self.audience.columns)}
        return {**kept, **cache, **own, "TERM": "xterm-256color", "PAGER": "cat"}


def play(
    argv: Sequence[str], folder: Path, env: Mapping[str, str], heard: Callable[[str], None], *, columns: int
) -> tuple[str, int]:
    """Everything a command showed on a terminal of so many columns, piece by piece to `heard`, and its exit status."""
    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=writing, stderr=writing)
    os.close(writing)
    shown = []
    try:
        for part in _pieces(reading):
            heard(part)
            shown.append(part)
        return "".join(shown).replace("\r\n", "\n"), running.wait(timeout=LIMIT_S)
    finally:
        os.close(reading)
        _end(running)


def _pieces(reading: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with contextlib.suppress(OSError):  # Linux says EIO when the last writer of a terminal is gone
        while part := os.read(reading, 65536):
            yield decoder.decode(part)


def _end(running: subprocess.Popen[bytes]) -> None:
    """Whoever interrupts the tour interrupts its command, too."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _argv(command: str) -> list[str]:
    words = shlex.split(command)
    return [sys.executable, "-m", "recon_cli", *words[1:]] if words[0] == "recon" else words
