"""Logs as turns: whole files parsed, beside a search for headings alone, and beside splitting into lines."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, RefusedError, in_turn
from tests.systems.conversations import twin

SAVES, SMOKE_SAVES = 60_000, 300
_LINES = "lines alone"


def cases(wish: Wish) -> Iterator[results.Case]:
    """One large log."""
    path, turns = written(wish.scratch, SMOKE_SAVES if wish.smoke else int(SAVES * wish.scale))
    size_bytes = path.stat().st_size
    sys.stderr.write(f"{size_bytes >> 20} MB of log …\n")
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    who = {"ours": "recon: turns and ids", "headings": "headings by one pattern", "lines": _LINES}
    contestants = [
        Contestant(name, [sys.executable, "-m", "tests.bench.conversing", one, str(path)], told(one, turns), env)
        for one, name in who.items()
    ]
    outcomes = in_turn(contestants, wish.runs, wish.scratch)
    name = f"a log of {turns} turns"
    yield results.Case(name, tuple(outcomes), _LINES, {"turns": turns, "bytes": size_bytes})


def written(folder: Path, saves: int) -> tuple[Path, int]:
    """A log of so many saves, and how many turns are in it."""
    dice = random.Random(7)
    turns, path = 0, folder / "log.md"
    with path.open("w", encoding="utf-8") as file:
        for number in range(saves):
            text, found = twin.save(dice, number)
            file.write(text)
            turns += found
    return path, turns


def told(who: str, turns: int) -> Callable[[Path], None]:
    """A check that every turn was found."""

    def check(out: Path) -> None:
        found = int(out.read_text())
        if who == "ours" and found != turns:
            raise RefusedError(f"{found} turns of {turns}")

    return check


def versions() -> dict[str, str]:
    """Only Python takes part."""
    return {"Python": sys.version.split()[0]}
