"""The outbox beside persist-queue and litequeue: puts that are on disk, puts and takes, memory with many waiting.

Ours and persist-queue (which leaves SQLite's `synchronous` at FULL) wait for the disk at every commit; litequeue sets
NORMAL, and does not. By `strace -c -e fdatasync`: 1 000 puts one at a time are 1 015 waits of persist-queue, 1 039 of
ours, 27 of litequeue.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import lister, results
from tests.bench.__main__ import ROOT, Wish
from tests.bench.turns import Contestant, RefusedError, in_turn

ITEMS, SIZE = 5_000, 2_000
WAITING, BACKLOG, SMALL = 1_000_000, 20_000, 200
SMOKE_ITEMS, SMOKE_BACKLOG, SMOKE_WAITING = 200, 1_000, 5_000


def cases(wish: Wish) -> Iterator[results.Case]:
    """Putting (all at once and one by one), putting and taking, a backlog, and a great many waiting."""
    items, backlog, waiting = SMOKE_ITEMS, SMOKE_BACKLOG, SMOKE_WAITING
    if not wish.smoke:
        items, backlog, waiting = ITEMS, BACKLOG, WAITING
    peers = [who for who in ("persist-queue", "litequeue") if who not in wish.without]
    for work in ("put", "through"):
        name = f"{items} items of {SIZE} B, {'put' if work == 'put' else 'put and taken'}"
        one_by_one = [("ours", "one-by-one")] if work == "put" else []
        yield case(name, [("ours", work), *one_by_one, *((who, work) for who in peers)], items, SIZE, wish)
    # persist-queue is left out: at two hundred items a second it would take minutes
    both = [(who, "through") for who in ("ours", "litequeue") if who not in wish.without]
    yield case(f"{backlog} items of {SMALL} B, put and taken", both, backlog, SMALL, wish, against="litequeue")
    yield case(f"{waiting} items of {SMALL} B waiting", [("ours", "put")], waiting, SMALL, wish)


def case(
    name: str, who: list[tuple[str, str]], items: int, size: int, wish: Wish, against: str = "persist-queue"
) -> results.Case:
    """One group of rows."""
    sys.stderr.write(f"{name} …\n")
    contestants = [contestant(one, work, items, size, wish.scratch) for one, work in who]
    runs = 1 if items > ITEMS else wish.runs
    outcomes = in_turn(contestants, runs, wish.scratch, warm_ups=0 if items > ITEMS else 1)
    return results.Case(name, tuple(outcomes), against, {"items": items, "size": size})


def contestant(who: str, work: str, items: int, size: int, scratch: Path) -> Contestant:
    """A queue of its own for each run."""
    folder = scratch / "queue"
    name = {"ours": "recon outbox"}.get(who, who) + (", one by one" if work == "one-by-one" else "")
    command = [sys.executable, "-m", "tests.bench.queues", who, work, str(items), str(size), str(folder)]
    folder.mkdir(exist_ok=True)
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    slow = 1 if who != "ours" and work == "through" else None  # so slow that more would only cost the reader's time
    return Contestant(name, command, complete(items, folder), env, at_most=slow)


def complete(items: int, folder: Path) -> Callable[[Path], None]:
    """A check that the queue took, or gave, everything; leaves an empty folder for the next."""

    def check(out: Path) -> None:
        shutil.rmtree(folder)
        folder.mkdir()
        if out.read_text().split() != [str(items)]:
            raise RefusedError(f"{items} items were wanted, it says {out.read_text()!r}")

    return check


def versions() -> dict[str, str]:
    """The queues that took part."""
    found = {name: importlib.metadata.version(name) for name in ("persist-queue", "litequeue")}
    return {"recon": results.version(lister.program("recon"), "--version"), **found}
