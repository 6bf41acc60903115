"""A gate with cameras, for the tests of container logs: readings as lines, and the rule said once more, plainly.

The oracle knows nothing of the code under test: it sorts and walks, by the guide's words.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.recon import Recon, inside
from tests.support.targets import RestTarget, Target

START = datetime(2026, 3, 30, 6, 0, 0, tzinfo=UTC)
"""Two days before a month ends."""
WINDOW = timedelta(minutes=5)
VALUES = {"TCNU897179": 6, "MSKU907032": 3}


@dataclass(frozen=True, order=True)
class Seen:
    """One reading, as a camera tells it."""

    at: datetime
    number: str
    source: str = ""
    image: str = ""

    def line(self) -> str:
        return json.dumps(
            {
                "container_owner": self.number[:4],
                "container_number": self.number[4:],
                "captured_at": self.at.isoformat(),
                "source_video": self.source,
                "cropped_image_ref": self.image,
            }
        )


def traffic(seed: int, readings: int, numbers: int = 60, *, span: timedelta = timedelta(days=3)) -> list[Seen]:
    """So many different readings: lorries that stand before two cameras, come back, and pass exactly a window later."""
    dice = random.Random(seed)
    names = [f"{dice.choice(['TCNU', 'MSKU', 'ABCD'])}{dice.randrange(10**6):06d}" for _ in range(numbers)]
    found: set[Seen] = set()
    while len(found) < readings:
        number = dice.choice(names)
        at = START + dice.random() * span
        at = at.replace(microsecond=dice.choice([0, 0, 200_000, 123_456]))
        for _ in range(dice.randrange(1, 9)):
            found.add(
                Seen(at, number, dice.choice(["Gate_In", "Gate_Out"]), dice.choice(["", f"{dice.randrange(9)}.png"]))
            )
            at += dice.choice([timedelta(seconds=dice.randrange(1, 400)), WINDOW, timedelta(), timedelta(seconds=150)])
    return sorted(found)[:readings]


def shuffled(seen: Iterable[Seen], seed: int, *, twice: int = 0) -> list[Seen]:
    """In random order, some of them more than once."""
    dice, found = random.Random(seed), list(seen)
    found += dice.choices(found, k=twice)
    dice.shuffle(found)
    return found


def logs(seen: Iterable[Seen]) -> set[tuple[datetime, str]]:
    """What has to stand: for each number the first, then each more than the window after the last that stands."""
    last: dict[str, datetime] = {}
    found = set()
    for one in sorted(set(seen)):
        if one.number not in last or one.at - last[one.number] > WINDOW:
            last[one.number] = one.at
            found.add((one.at, one.number))
    return found


@dataclass
class Gate:
    """A place where `recon record` runs, with a target that has its tables."""

    recon: Recon
    target: Target
    more: tuple[str, ...] = field(default=())

    def __call__(self, *words: str | Path, expect: int | None = 0) -> Any:
        """One command, in this process; its document, or what it says where it fails."""
        recon = replace(self.recon, env={**self.recon.env, **self.env})
        done = inside(recon, "record", *words, "--records", "gate", "--json")
        assert expect is None or done.code == expect, f"exit {done.code}\n{done.out}\n{done.err}"
        return json.loads(done.out) if done.out else done.err

    @property
    def env(self) -> dict[str, str]:
        return {"RECON_STORES_TARGET_PASSWORD": next(iter(self.target.env.values()), "")}

    @property
    def folder(self) -> Path:
        return self.recon.folder

    def settings(self, url: str = "") -> None:
        """A recon.toml with records called `gate`."""
        text = f"version = 1\n[stores.target]\nurl = '{url or self.target.place.url}'\ntimeout_s = 10\n"
        (self.folder / "recon.toml").write_text(f"{text}[records.gate]\nto = 'target'\n")

    def init(self, *words: str) -> Any:
        """The tables, as an operator makes them: by `init`, or from the SQL that it prints."""
        self.settings()
        told = self("init", *words)
        if isinstance(self.target, RestTarget):
            assert not told["changed"]
            self.target.make(*[one for one in told["sql"] if not one.startswith("NOTIFY")])
        return told

    def write(self, seen: Iterable[Seen], name: str = "seen.jsonl") -> Path:
        """Readings as a file of lines."""
        path = self.folder / name
        path.write_text("".join(f"{one.line()}\n" for one in seen))
        return path

    def logs(self) -> set[tuple[datetime, str]]:
        """What stands in the target's logs, as any program sees it."""
        rows = self.target.ask("SELECT captured_at, container_owner, container_number FROM container_logs")
        found = [(_moment(at), f"{owner}{number}") for at, owner, number in rows]
        assert len(found) == len(set(found))
        return set(found)

    def count(self, table: str = "container_logs_readings") -> int:
        return int(self.target.ask(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608  our own names


def _moment(cell: Any) -> datetime:
    found = datetime.fromisoformat(cell) if isinstance(cell, str) else cell
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
