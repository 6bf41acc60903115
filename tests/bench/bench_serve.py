"""`recon serve`: requests a second against a bare FastAPI route, the delay of notices, the memory of sockets."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import lister, results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, RefusedError, in_turn
from tools.figures import Figure

REQUESTS, NOTICES, SOCKETS = 2_000, 200, 200
SMOKE_REQUESTS, SMOKE_NOTICES, SMOKE_SOCKETS = 50, 5, 5


def cases(wish: Wish) -> Iterator[results.Case]:
    """Requests in a row over eight connections; the wall time of a run is that of the requests alone."""
    requests = SMOKE_REQUESTS if wish.smoke else REQUESTS
    for work in ("status", "search"):
        who = [contestant("bare FastAPI", "bare", requests), contestant("recon serve", work, requests)]
        yield case(f"{requests} × {work}", who, wish, "bare FastAPI", {"requests": requests})
    notices = SMOKE_NOTICES if wish.smoke else NOTICES
    for where in ("sqlite", "postgres"):
        one = contestant("recon serve", f"notice-{where}", notices)
        yield case(f"{notices} notices, {where}, one after the other", [one], wish, "recon serve", {"notices": notices})
    sockets = SMOKE_SOCKETS if wish.smoke else SOCKETS
    yield case(
        f"{sockets} sockets", [contestant("recon serve", "sockets", sockets)], wish, "recon serve", {"sockets": sockets}
    )


def case(
    name: str, who: list[Contestant], wish: Wish, against: str, notes: dict[str, str | int | float]
) -> results.Case:
    """One group of rows; what the caller measured within goes to the notes of the last run."""
    sys.stderr.write(f"{name} …\n")
    SAID.clear()
    outcomes = in_turn(who, wish.runs, wish.scratch, warm_ups=0)
    for line in SAID[-len(who) :]:
        sys.stderr.write(f"  {line}\n")
    said = SAID[-len(who) :]
    measured = tuple(one for contestant, line in zip(who, said, strict=True) for one in figures(contestant.name, line))
    return results.Case(name, tuple(outcomes), against, {**notes, "measured": "; ".join(said)}, figures=measured)


def figures(name: str, line: str) -> list[Figure]:
    """What a caller's line says: `median 4.7 ms, worst 21 ms`, or one figure, which is the contestant's."""
    parts = _SAID.findall(line.partition(": ")[2])
    return [Figure(of or name, float(value) if "." in value else int(value), unit) for of, value, unit in parts]


_SAID = re.compile(r"(?:(median|worst) )?([\d.]+) ([^,]+)")
SAID: list[str] = []


def contestant(name: str, work: str, count: int) -> Contestant:
    """A server of its own for each run, and its caller."""
    command = [sys.executable, "-m", "tests.bench.callers", work, str(count)]
    return Contestant(name, command, told(work), {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"})


def told(work: str) -> Callable[[Path], None]:
    """A check that the caller ended well, and what it measured."""

    def check(out: Path) -> None:
        text = out.read_text().strip()
        if not text.startswith(f"{work}: "):
            raise RefusedError(f"the caller says {text!r}")
        SAID.append(text)

    return check


def versions() -> dict[str, str]:
    """What took part."""
    found = {name: importlib.metadata.version(name) for name in ("fastapi", "uvicorn", "starlette")}
    return {"recon": results.version(lister.program("recon"), "--version"), **found}
