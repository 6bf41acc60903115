"""The third stage: pairs of photos matched, in parts that are the same however many cores there are.

A part is a database of its own with some of the pairs, matched by one thread in a process of its own; the parts are put
together in their order. So the result does not depend on threads, and parts that were finished before a kill are kept.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, StageError
from recon_cli.core.ports import Progress
from recon_cli.reconstruction.images import photo
from recon_cli.reconstruction.images.photo import Verdict
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.solving import cores, registry
from recon_cli.reconstruction.solving.base import pairs
from recon_cli.reconstruction.work import Work, publish

EXHAUSTIVE = 80
"""Up to here every photo is matched with every other."""
WINDOW = 12
_PARTS, _PART_PAIRS = 4, 250
"""At least this many parts where there is enough to share, and no part larger than this."""
_FEWEST_PAIRS = 20
_LOOK_S = 0.1
_TABLES = ("matches", "two_view_geometries")


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the pairs, and where their matches go."""

    folder: Path
    number: int
    pairs: Sequence[tuple[str, str]]

    @property
    def done(self) -> Path:
        """The database, once all its pairs are matched."""
        return self.folder / f"part-{self.number:04d}.db"

    @property
    def list(self) -> Path:
        """The pairs, one a line."""
        return self.folder / f"part-{self.number:04d}.txt"


def run(work: Work, request: Request, progress: Progress) -> Mapping[str, Json]:
    """Match what is not matched yet, and leave the database with all matches in its place."""
    registry.choose(request.sfm, request.colmap)
    names = [one.name for one in photo.read(work.folder) if one.verdict is Verdict.TAKEN]
    wanted = list(pairs(names, len(names) if len(names) <= EXHAUSTIVE else WINDOW))
    folder = work.database.parent / "matching"
    folder.mkdir(exist_ok=True)
    parts = cut(wanted, folder)
    _match(parts, work, request, progress)
    verified = _together(parts, work)
    shutil.rmtree(folder)
    return {
        "pairs": len(wanted),
        "matched_pairs": verified,
        "how": "every pair" if len(names) <= EXHAUSTIVE else f"a window of {WINDOW}, and rarer pairs further away",
    }


def cut(wanted: Sequence[tuple[str, str]], folder: Path) -> list[Part]:
    """Parts of about equal size, told by the number of pairs alone."""
    count = max(-(-len(wanted) // _PART_PAIRS), min(_PARTS, len(wanted) // _FEWEST_PAIRS), 1)
    edges = [len(wanted) * number // count for number in range(count + 1)]
    return [Part(folder, number, wanted[edges[number] : edges[number + 1]]) for number in range(count)]


def _match(parts: Sequence[Part], work: Work, request: Request, progress: Progress) -> None:
    waiting = [part for part in parts if not part.done.exists()]
    running: dict[int, tuple[Part, subprocess.Popen[bytes]]] = {}
    total = sum(len(part.pairs) for part in parts)
    done = total - sum(len(part.pairs) for part in waiting)
    while waiting or running:
        progress.update(done, total)
        while waiting and len(running) < cores.number(request.threads):
            part = waiting.pop(0)
            running[part.number] = (part, _start(part, work, request))
        for part, child in tuple(running.values()):
            if child.poll() is not None:
                del running[part.number]
                _check(part, child)
                done += len(part.pairs)
        time.sleep(_LOOK_S)


def _start(part: Part, work: Work, request: Request) -> subprocess.Popen[bytes]:
    part.list.write_text("".join(f"{first} {second}\n" for first, second in part.pairs), "utf-8")
    module = "recon_cli.reconstruction.solving.matcher"
    words = [str(work.features), str(part.list), str(part.done), str(request.seed), request.sfm, request.colmap]
    return subprocess.Popen([sys.executable, "-m", module, *words], stdin=subprocess.DEVNULL)


def _check(part: Part, child: subprocess.Popen[bytes]) -> None:
    if child.returncode or not part.done.exists():
        raise StageError(
            f"matching part {part.number} failed", cause=f"its process ended with status {child.returncode}"
        )


def _together(parts: Sequence[Part], work: Work) -> int:
    """All parts in one database; gives how many pairs see the same things."""
    whole = work.database.with_suffix(".part")
    shutil.copyfile(work.features, whole)
    with closing(sqlite3.connect(whole, isolation_level=None)) as database:
        for part in parts:
            database.execute("ATTACH ? AS part", [str(part.done)])
            database.execute("BEGIN")
            for table in _TABLES:
                database.execute(f"INSERT INTO main.{table} SELECT * FROM part.{table} ORDER BY pair_id")  # noqa: S608  ours
            database.execute("COMMIT")
            database.execute("DETACH part")
        (verified,) = database.execute("SELECT count(*) FROM two_view_geometries WHERE rows > 0").fetchone()
    if not verified:
        raise DataError(
            "no two photos show the same things",
            hint="photos must overlap by half or more; move in small steps around the scene",
        )
    publish(whole, work.database)
    return int(verified)
