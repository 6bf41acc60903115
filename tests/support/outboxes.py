"""Queues for tests: letters, a clock that tests own, targets that fail as they are told, and the books."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recon_cli.core.delivery import DeliveryError, Failure, Refusal
from recon_cli.ops.clock import SystemClock
from recon_cli.outbox.item import Item, Letter, Limits
from recon_cli.outbox.opening import open_outbox
from recon_cli.outbox.queue import Outbox, Step
from recon_cli.outbox.verify import verify


@dataclass
class FakeClock:
    """Stands still unless told; sleeping moves it. The wall and the monotonic clock move apart by `jump`."""

    wall: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    steady: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.steady += seconds
        self.wall += timedelta(seconds=seconds)

    def jump(self, by: timedelta) -> None:
        self.wall += by


def letter(number: int, *, target: str = "db", table: str = "t", size_bytes: int = 40) -> Letter:
    body = f'{{"n":{number},"int64":9007199254740993,"f":1.0}}'.encode()
    return Letter(target, table, f"key-{number}", body.ljust(size_bytes, b" "), {"pc": "PC01"})


def letters(*numbers: int, **where: str) -> list[Letter]:
    return [letter(number, **where) for number in numbers]  # type: ignore[arg-type]  # target and table are texts


def opened(
    folder: Path,
    clock: FakeClock | SystemClock | None = None,
    limits: Limits | None = None,
    *,
    owner: str = "me",
    step: Step = lambda _name: None,
    boot: str = "boot",
) -> Outbox:
    quick = Limits(ballast_bytes=0) if limits is None else limits
    return open_outbox(folder / "queue.db", clock or FakeClock(), owner, quick, step=step, boot=boot)


@dataclass
class Target:
    """A table that takes rows by identity, all or none of a batch; `fail` is asked before, `after` once it has them."""

    rows: dict[str, bytes] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)
    fail: Callable[[Sequence[Item]], None] = lambda _batch: None
    after: Callable[[Sequence[Item]], None] = lambda _batch: None
    batches: list[int] = field(default_factory=list)
    writes: int = 0

    def __call__(self, batch: Sequence[Item]) -> Sequence[Refusal | None] | None:
        self.batches.append(len(batch))
        self.fail(batch)
        if any(item.letter.key in self.poison for item in batch):
            raise DeliveryError(Failure.POISON, "22P02 invalid input syntax")
        self.rows |= {item.letter.key: item.letter.payload for item in batch}
        self.writes += len(batch)
        self.after(batch)
        return None


class SqliteTarget:
    """The same in a file of its own, for processes that are killed."""

    def __init__(self, path: Path, poison: set[str] | None = None) -> None:
        self.poison = poison or set()
        self.db = sqlite3.connect(path, timeout=30, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("CREATE TABLE IF NOT EXISTS t (key TEXT PRIMARY KEY, body BLOB, times INTEGER)")

    def __call__(self, batch: Sequence[Item]) -> None:
        if any(item.letter.key in self.poison for item in batch):
            raise DeliveryError(Failure.POISON, "22P02")
        found = [(item.letter.key, item.letter.payload) for item in batch]
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany(
            "INSERT INTO t VALUES (?, ?, 1) ON CONFLICT (key) DO UPDATE SET body = excluded.body, times = times + 1",
            found,
        )
        self.db.execute("COMMIT")


def table(path: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT key, body FROM t"))


def sums(queue: Outbox) -> dict[str, int]:
    """Every account's number of items, after the books were found right."""
    report = queue.read(lambda db: verify(db, queue.path))
    assert report.right, report.wrong
    return {account.value: one.items for account, one in report.accounts.items()}
