"""The outbox: put → lease → ack | retry | bury, each in one transaction of one SQLite file.

What it promises is written down in docs/design/outbox.md.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from recon_cli.core.delivery import Failure
from recon_cli.core.errors import ReconError
from recon_cli.ops.clock import Clock
from recon_cli.outbox import lanes, ledger, moves, schema, spill
from recon_cli.outbox.ballast import Ballast
from recon_cli.outbox.fresh import Fresh
from recon_cli.outbox.item import Item, Letter, Limits, Overflow, Placed
from recon_cli.outbox.ledger import Account

T = TypeVar("T")
Step = Callable[[str], None]

BATCH_ITEMS = 1000
BATCH_BYTES = 4 << 20
_ROOM_LOOK_S = 0.05
_ROW_BYTES = 400
"""What stands beside a payload. Twice both is what a row takes at most: of a page, half may stay empty."""


class _Ticket:
    """One caller's letters on their way into a commit that others share."""

    def __init__(self, letters: Sequence[Letter]) -> None:
        self.letters = letters
        self.marks = [letter.mark for letter in letters]  # one that has none must not fail a commit that others share
        self.placed: list[Placed] | None = None


class Outbox:
    """A queue file, opened. Threads may share one; processes open one each. `open.open_outbox` makes it.

    Args:
        path: the queue file, checked and ready.
        clock: the wall clock for people, the monotonic clock for leases and postponements.
        owner: who leases; no two Outboxes may share a name.
        limits: how big it may get.
        step: told the name of each step before it is done; tests kill the process there.
        release: called when closed.
    """

    def __init__(
        self, path: Path, clock: Clock, owner: str, limits: Limits, step: Step, release: Callable[[], None]
    ) -> None:
        self.path = path
        self.limits = limits
        self.owner = owner
        self.clock = clock
        self.step = step
        self._release = release
        self._lock = threading.RLock()
        self._gate = threading.Lock()
        self._pending: list[_Ticket] = []
        self.ballast = self.ballast_of(path, limits)
        self._db = schema.connect(path)
        self._fresh = Fresh(2 * BATCH_ITEMS, 2 * BATCH_BYTES)
        self._durable = True
        self._length = 0
        self._folder, self._log = str(path.parent), str(path.with_name(path.name + "-wal"))

    @staticmethod
    def ballast_of(path: Path, limits: Limits) -> Ballast:
        """What the queue at `path` may give up on a full disk."""
        return Ballast(path.with_name(path.name + ".ballast"), limits.ballast_bytes)

    def put(self, letters: Sequence[Letter]) -> list[Placed]:
        """Take letters in, all or none; when this returns they are on disk. One answer for each letter.

        Puts of several threads at the same time share one commit. An identity that waits already, is a dead letter, or
        was acknowledged lately stays one item, as it is.

        Raises:
            ReconError: the disk is full, or there was no room for too long; nothing was taken in.
            DataError: the file is damaged, or an identity is no text.
        """
        ticket = _Ticket(letters)
        self._await_room()
        with self._gate:
            self._pending.append(ticket)
        with self._lock:
            if ticket.placed is None:
                self._commit_pending(ticket)
            self._spill_over()
        assert ticket.placed is not None  # set by whoever committed it
        return ticket.placed

    def put_all(self, letters: Iterable[Letter]) -> Iterator[Placed]:
        """Put any number, in batches; an answer comes when its letter is on disk."""
        remaining = iter(letters)
        while batch := list(islice(remaining, BATCH_ITEMS)):
            yield from self.put(batch)

    def lease(
        self, target: str, *, lease_s: float, limit: int = BATCH_ITEMS, size_bytes: int = BATCH_BYTES
    ) -> list[Item]:
        """Items of one table of `target` for this owner alone, the oldest first; empty if none is ready.

        Behind an open circuit nothing is ready; behind one whose time is over, one item is. A lease that is neither
        acknowledged nor given back within `lease_s` ends by itself.
        """
        self.refill()
        now = self.clock.monotonic()

        def work(db: sqlite3.Connection) -> list[Item]:
            size = limit, size_bytes
            return moves.lease(db, target, self.owner, now, now + lease_s, size, self.clock.now, self._fresh)

        return self._write(work, "lease", frees=True, durable=False)

    def renew(self, items: Sequence[Item], *, lease_s: float) -> None:
        """Keep leased items for longer."""
        until = self.clock.monotonic() + lease_s
        ids = [item.id for item in items]
        self._write(lambda db: moves.renew(db, ids, self.owner, until), "renew", frees=True, durable=False)

    def ack(self, items: Sequence[Item]) -> int:
        """The target has these: forget them, but for a short memory of who they were. How many were still here."""
        ids = [item.id for item in items]
        done = self._write(lambda db: moves.ack(db, ids, self.limits.remembered), "ack", frees=True)
        with self._lock:
            self._fresh.forget(ids)
        return done

    def release(self, items: Sequence[Item]) -> None:
        """Give leased items back untried: no attempt is spent."""
        ids = [item.id for item in items]
        self._write(lambda db: moves.release(db, ids, self.owner), "release", frees=True, durable=False)

    def retry(self, item: Item, detail: str, *, delay_s: float) -> None:
        """An attempt is spent; the item comes again after `delay_s`."""
        due = self.clock.monotonic() + delay_s
        self._write(lambda db: moves.retry(db, item.id, self.owner, due, detail), "retry", frees=True)

    def postpone(self, item: Item, *, delay_s: float) -> None:
        """The item comes again after `delay_s`, untried: no attempt is spent."""
        due = self.clock.monotonic() + delay_s
        self._write(lambda db: moves.postpone(db, item.id, self.owner, due), "postpone", frees=True, durable=False)

    def bury(self, item: Item, reason: str, detail: str) -> None:
        """The item becomes a dead letter, with the attempt that decided it counted."""
        at = self.clock.now().timestamp()
        self._write(lambda db: moves.bury(db, item, self.owner, reason, detail, at), "bury", frees=True)

    def trip(self, target: str, table: str, failure: Failure, detail: str, *, delay_s: float) -> None:
        """Leave a target, or one table of it (empty: all), alone for so long."""
        until = self.clock.monotonic() + delay_s
        self._write(lambda db: moves.trip(db, (target, table), failure, until, detail), "trip", frees=True)

    def close_circuit(self, target: str, table: str = "") -> None:
        """The target answers again; with a table: that table takes rows again, so the target does, too."""
        self._write(lambda db: moves.close_circuit(db, target, table), "close-circuit", frees=True, durable=False)

    def circuits(self, target: str) -> list[lanes.Circuit]:
        """What is left alone, and why."""
        return self.read(lambda db: lanes.circuits(db, target))

    def next_due(self, target: str) -> float | None:
        """The monotonic time at which something of `target` comes free by itself; None if nothing will."""
        return self.read(lambda db: lanes.next_due(db, target, self.clock.monotonic()))

    def has_waiting(self, target: str) -> bool:
        """Whether anything of `target` waits in the queue file."""
        return self.read(lambda db: any(True for _lane in lanes.lanes(db, target)))

    def waiting(self) -> int:
        """How many items wait, leased ones among them."""
        return self.read(lambda db: ledger.count(db, Account.WAITING))

    def is_full(self) -> bool:
        """Whether a put would wait for room."""
        return self.limits.overflow is Overflow.BLOCK and self.waiting() >= self.limits.max_items

    def note_speed(self, target: str, items_per_s: float) -> None:
        """Remember how fast a target took items the last time."""
        note = (f"speed:{target}", f"{items_per_s:.3f}")
        query = "INSERT OR REPLACE INTO facts VALUES (?, ?)"
        self._write(lambda db: db.execute(query, note), "change", frees=True, durable=False)

    def refill(self) -> None:
        """Read spilled items back while there is room."""
        while self.read(lambda db: spill.has_room(db, self.limits)):
            back = self._write(lambda db: spill.read_back(db, self.path, self.clock.now, self.step), "refill")
            self.step("refill: remove")
            spill.remove(self.path, back)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Look, without changing anything."""
        with self._lock, schema.translated(self.path):
            return work(self._db)

    def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Any other change, in one durable transaction."""
        return self._write(work, "change", frees=True)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._db.close()
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _commit_pending(self, own: _Ticket) -> None:
        with self._gate:
            tickets, self._pending = self._pending, []
        if own not in tickets:
            tickets.append(own)  # whoever had taken it did not get through
        try:
            self._commit(tickets)
        except ReconError:
            if len(tickets) == 1:
                raise
            self._commit([own])  # what is wrong with a neighbour's letters is no reason to refuse these

    def _commit(self, tickets: Sequence[_Ticket]) -> None:
        letters = [letter for ticket in tickets for letter in ticket.letters]
        marks = [mark for ticket in tickets for mark in ticket.marks]
        self._require_room(sum(2 * (len(letter.payload) + _ROW_BYTES) for letter in letters))
        at = self.clock.now().timestamp()

        def work(db: sqlite3.Connection) -> tuple[list[Placed], list[Item]]:
            done = moves.put(db, letters, marks, at)
            self._length = ledger.count(db, Account.WAITING)
            return done

        answers, items = self._write(work, "put")
        self._fresh.keep(items)
        placed = iter(answers)
        for ticket in tickets:
            ticket.placed = list(islice(placed, len(ticket.letters)))

    def _await_room(self) -> None:
        until = self.clock.monotonic() + self.limits.block_s
        while self.is_full():
            if self.clock.monotonic() >= until:
                cause = f"{self.limits.max_items} items wait and nothing leaves"
                raise ReconError(f"the queue {self.path} is full", cause=cause, hint="look at `recon queue status`")
            self.clock.sleep(_ROOM_LOOK_S)

    def _spill_over(self) -> None:
        """Move the oldest out of a queue that is too long. A disk without room for it leaves a queue that is longer."""
        if self.limits.overflow is not Overflow.SPILL or self._length <= self.limits.max_items:
            return
        now = self.clock.monotonic()
        with suppress(ReconError):
            while self.waiting() > self.limits.max_items:
                moved = self._write(lambda db: spill.spill(db, self.path, now, self.limits, self.step), "spill")
                if not moved:
                    return

    def _write(
        self, work: Callable[[sqlite3.Connection], T], name: str, *, frees: bool = False, durable: bool = True
    ) -> T:
        with self._lock, schema.translated(self.path):
            for make_room in (self._drop_ballast, self._shorten_log):
                try:
                    return self._once(work, name, durable=durable)
                except sqlite3.DatabaseError as exc:
                    if not (frees and schema.is_full(exc)):
                        raise
                    make_room()
            return self._once(work, name, durable=durable)

    def _drop_ballast(self) -> None:
        """Give it up. What the log holds gets its room in the file first: a log without any could not be used again."""
        if self.ballast.drop() >= self._log_bytes():
            self._shorten_log()

    def _log_bytes(self) -> int:
        try:
            return os.stat(self._log).st_size  # noqa: PTH116  asked at every put
        except FileNotFoundError:
            return 0

    def _shorten_log(self) -> None:
        with suppress(sqlite3.DatabaseError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _require_room(self, size_bytes: int) -> None:
        """Refuse what would fit into the log alone: to leave the log it needs its room in the file, too.

        Some room stays free for what leaves: leases, acknowledgements, and what is noted of the files.
        """
        for shorten in (self._shorten_log, None):
            needed = 2 * size_bytes + self._log_bytes() + self.ballast.reserve_bytes
            free = _free_bytes(self._folder)
            if free >= needed or free + self._unused() >= needed:
                return
            if shorten is not None:
                shorten()
        raise schema.full(self.path, f"{free} bytes are free, {size_bytes} to take in need {needed}")

    def _unused(self) -> int:
        """Bytes inside the file that hold nothing."""
        with self._lock, schema.translated(self.path):
            return int(self._db.execute("PRAGMA freelist_count").fetchone()[0]) * schema.PAGE_BYTES

    def _once(self, work: Callable[[sqlite3.Connection], T], name: str, *, durable: bool) -> T:
        """One transaction. Where losing it only means doing it again, it is not worth waiting for the disk."""
        if durable is not self._durable:
            self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._durable = durable
        self.step(f"{name}: begin")
        with schema.transaction(self._db) as db:
            done = work(db)
            self.step(f"{name}: commit")
        self.step(f"{name}: done")
        return done


def _free_bytes(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
