"""How much a git repository grows a day when one row in a hundred changes: after `git gc`, over thirty days."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recon_cli.core.catalog import Catalog, Cell, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.place import Place
from recon_cli.jobs.backup import names
from recon_cli.jobs.backup.destination import Destination
from recon_cli.jobs.backup.places import open_destination
from recon_cli.snapshot import write
from recon_cli.snapshot.cut import Cut, Scheme
from recon_cli.snapshot.manifest import Compression, Manifest
from tests.bench import results
from tests.bench.__main__ import Wish
from tests.bench.turns import Cost, Outcome
from tools.figures import Figure

ROWS, DAYS = 100_000, 30
SMOKE_ROWS, SMOKE_DAYS = 5_000, 4
SHARD_ROWS = 1000
LIMITS_KB = {"scattered": 70.0, "at the end": 30.0}
START = datetime(2026, 1, 1, 3, tzinfo=UTC)
KINDS = {"id": Kind.INTEGER, "name": Kind.TEXT, "email": Kind.TEXT, "note": Kind.TEXT, "score": Kind.REAL}
KINDS |= {"visits": Kind.INTEGER, "settings": Kind.TEXT, "updated_at": Kind.TEXT}
MODELS = DeclaredTable(
    "models", tuple(DeclaredColumn(name, kind.value.upper(), kind) for name, kind in KINDS.items()), key=("id",)
)
Row = tuple[Cell, ...]
Choose = Callable[[random.Random, int], list[int]]
Change = Callable[[random.Random, Row, int], Row]


def cases(wish: Wish) -> Iterator[results.Case]:
    """One repository for each way to change."""
    count, days = (SMOKE_ROWS, SMOKE_DAYS) if wish.smoke else (ROWS, DAYS)
    for what, change in (("a counter and a time", counted), ("and a random double", changed)):
        for where, chosen in (("scattered", scattered), ("at the end", at_the_end)):
            name = f"{what}, {where}"
            if wish.only and not any(word in name for word in wish.only):
                continue
            yield case(name, LIMITS_KB[where], (chosen, change), count, days, wish.scratch / name.replace(" ", "-"))


def versions() -> dict[str, str]:
    """The programs that took part."""
    return {"git": results.version("git", "--version")}


def case(
    name: str, limit_kb: float, workload: tuple[Choose, Change], count: int, days: int, scratch: Path
) -> results.Case:
    """`days` commits after the first, and what each added."""
    os.environ["RECON_STATE_DIR"] = str(scratch / "state")
    dice = random.Random(7)
    chosen, change = workload
    rows = [row(dice, number) for number in range(count)]
    repo = open_destination(Place(f"git:{scratch / 'repo'}#models"))
    publish(repo, rows, 0)
    first = packed(scratch / "repo")
    costs = []
    for day in range(1, days + 1):
        for place in chosen(dice, count):
            rows[place] = change(dice, rows[place], day)
        costs.append(publish(repo, rows, day))
        sys.stderr.write(f"{name}: day {day} of {days}\r")
    a_day = (packed(scratch / "repo") - first) / days / 1000
    limit = limit_kb * (1 if count == ROWS else 1.5 * count / ROWS)
    notes = {"kb_a_day": round(a_day, 1), "first_kb": round(first / 1000), "rows": count, "days": days}
    refused = f"grew by {a_day:.1f} kB a day instead of {limit:.1f}" if a_day > limit and count == ROWS else ""
    title = f"{count} rows, 1 % changed a day ({name})"
    grown = (Figure("a day", round(a_day, 1), "kB"),)
    return results.Case(title, (Outcome("one commit", tuple(costs)),), "", notes, refused, grown)


def scattered(dice: random.Random, count: int) -> list[int]:
    """One row in a hundred, anywhere."""
    return dice.sample(range(count), count // 100)


def at_the_end(dice: random.Random, count: int) -> list[int]:
    """As many, among the newest two in a hundred."""
    return dice.sample(range(count - count // 50, count), count // 100)


def row(dice: random.Random, number: int) -> Row:
    """About 290 bytes: Korean text, quotes, JSON, a random float, a time."""
    words = " ".join(dice.choice(("로고", "앞면", "모델", "견적", "사진", "박물관", "석탑")) for _ in range(6))
    settings = json.dumps({"theme": dice.choice(("dark", "light")), "size": dice.randrange(10**6), "on": True})
    note = f'"{words}" 의 기록 {dice.randrange(10**9)}; it\'s kept since {dice.randrange(1990, 2026)}'
    email = f"user{number}@example.org"
    moment = (START - timedelta(seconds=dice.randrange(10**8))).isoformat()
    return (number, f"{words} {number}", email, note, dice.random(), dice.randrange(2**40), settings, moment)


def changed(dice: random.Random, old: Row, day: int) -> Row:
    """The same and a new score, which is 52 random bits in 17 digits: nothing makes these small."""
    return (*old[:4], dice.random(), *counted(dice, old, day)[5:])


def counted(dice: random.Random, old: Row, day: int) -> Row:
    """What most services do to a row: one more visit, a new time."""
    moment = (START + timedelta(days=day, seconds=dice.randrange(86_400))).isoformat()
    visits = old[5]
    assert isinstance(visits, int)
    return (*old[:5], visits + 1, old[6], moment)


def publish(repo: Destination, rows: list[Row], day: int) -> Cost:
    """One snapshot; what its commit cost, without writing the shards."""
    cut = Cut(Scheme.RANGE, SHARD_ROWS)
    name = names.name_of(START + timedelta(days=day))
    with repo.staging(name) as folder:
        with write.TableWriter(folder, MODELS, cut, Compression.NONE) as writer:
            for start in range(0, len(rows), 2000):
                writer.add(rows[start : start + 2000])
            files = write.table_files(MODELS, cut, [writer.finish()])
        catalog = Catalog("sqlite", (MODELS,))
        manifest = Manifest(catalog, "sqlite:///models.db", "recon", "one transaction", Compression.NONE, (files,))
        write.finish(folder, manifest)
        began, before = time.perf_counter(), _cpu_s()
        repo.publish(name, folder, manifest)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return Cost(time.perf_counter() - began, _cpu_s() - before, peak)


def packed(repo: Path) -> int:
    """The bytes of all objects after `git gc`."""
    subprocess.run(["git", "-C", str(repo), "gc", "--quiet", "--prune=now"], check=True)
    return sum(path.stat().st_size for path in (repo / ".git" / "objects").rglob("*") if path.is_file())


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
