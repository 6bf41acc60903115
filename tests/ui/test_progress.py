from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from recon_cli.core.ports import Silent
from recon_cli.ui import progress
from recon_cli.ui.escape import width
from recon_cli.ui.screen import Screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    time_s = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def err(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "40")
    return Terminal()


def drawn(err: Terminal, clock: Clock) -> progress.Line:
    line = progress.progress(Screen(io.StringIO(), err), clock)
    assert isinstance(line, progress.Line)
    return line


def test_work_that_is_soon_over_draws_nothing(err: Terminal, clock: Clock) -> None:
    drawn(err, clock).update(10)
    assert err.getvalue() == ""


def test_a_line_shows_count_rate_time_and_note_and_is_drawn_ten_times_a_second_at_most(
    err: Terminal, clock: Clock
) -> None:
    line = drawn(err, clock)
    clock.sleep(2)
    line.update(1000, note="html")
    line.update(1001, note="html")
    clock.sleep(0.2)
    line.update(2000, 4000, "html")
    frames = [frame.rstrip() for frame in err.getvalue().split("\r") if frame]
    assert frames == ["1,000  500/s  2.0 s  html", "2,000 of 4,000 (50 %)  909/s  2.2 s  h…"]


def test_a_long_or_hostile_note_stays_on_its_line(err: Terminal, clock: Clock) -> None:
    line = drawn(err, clock)
    clock.sleep(61)
    line.update(1, note="\x1b[2J\n" + "한" * 50)
    frame = err.getvalue().removeprefix("\r")
    assert width(frame) <= 39
    assert "\x1b" not in frame
    assert "\n" not in frame
    assert "1:01" in frame


def test_clearing_leaves_an_empty_line_and_is_harmless_twice(err: Terminal, clock: Clock) -> None:
    line = drawn(err, clock)
    clock.sleep(1)
    line.update(1)
    progress.clear(line)
    progress.clear(line)
    *_, blank, end = err.getvalue().split("\r")
    assert (blank.strip(), end) == ("", "")


def test_nobody_watching_means_silence(err: Terminal) -> None:
    assert isinstance(progress.progress(Screen(io.StringIO(), io.StringIO())), Silent)
    assert isinstance(progress.progress(Screen(io.StringIO(), err, quiet=True)), Silent)


def test_a_terminal_that_goes_away_does_not_stop_the_work(err: Terminal, clock: Clock) -> None:
    line = drawn(err, clock)
    clock.sleep(1)
    err.close()
    line.update(1)
