"""How far long work is, on one line of a terminal; silent everywhere else."""

from __future__ import annotations

import threading
from contextlib import suppress

from recon_cli.core.ports import Progress, Silent
from recon_cli.ops.clock import Clock, SystemClock
from recon_cli.ui import escape
from recon_cli.ui.screen import Screen

FIRST_AFTER_S = 0.5  # what is over sooner needs no progress
EVERY_S = 0.1


class Line:
    """Progress drawn over itself with carriage returns and blanks: no thread, no escape codes."""

    def __init__(self, screen: Screen, clock: Clock) -> None:
        self._screen = screen
        self._clock = clock
        self._began = clock.monotonic()
        self._next = self._began + FIRST_AFTER_S
        self._drawn = 0
        self._lock = threading.Lock()

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Draw, if the last drawing is old enough; a second thread does not wait."""
        now = self._clock.monotonic()
        if now < self._next or not self._lock.acquire(blocking=False):
            return
        try:
            self._next = now + EVERY_S
            self._draw(self._line(done, total, note, now - self._began))
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Take the line away, before anything else is written."""
        with self._lock:
            if self._drawn:
                self._write("\r" + " " * self._drawn + "\r")
                self._drawn = 0

    def _line(self, done: int, total: int | None, note: str, elapsed_s: float) -> str:
        count = f"{done:,} of {total:,} ({100 * done // total} %)" if total else f"{done:,}"
        rate = f"{done / elapsed_s:,.0f}/s" if elapsed_s > 0 else ""
        return "  ".join(part for part in (count, rate, _elapsed(elapsed_s), escape.line(note)) if part)

    def _draw(self, line: str) -> None:
        line = escape.fit(line, max(1, self._screen.columns - 1))
        columns = escape.width(line)
        self._write("\r" + line + " " * max(0, self._drawn - columns))
        self._drawn = max(columns, 0)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._screen.err.write(text)
            self._screen.err.flush()


def progress(screen: Screen, clock: Clock | None = None) -> Progress:
    """A line on standard error where a person watches it, else silence."""
    if screen.quiet or not screen.err.isatty():
        return Silent()
    return Line(screen, clock or SystemClock())


def clear(shown: Progress) -> None:
    """Take a drawn line away; silence has none."""
    if isinstance(shown, Line):
        shown.clear()


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes else f"{seconds:.1f} s"
