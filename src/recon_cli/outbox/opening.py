"""Opening a queue: checked first, salvaged if it is damaged, never silently empty."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from recon_cli.core.errors import DataError, LockedError, ReconError
from recon_cli.ops import paths
from recon_cli.ops.clock import Clock
from recon_cli.outbox import salvage, schema, spill
from recon_cli.outbox.item import Limits
from recon_cli.outbox.queue import Outbox, Step

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def open_outbox(
    path: Path,
    clock: Clock,
    owner: str,
    limits: Limits | None = None,
    *,
    step: Step = lambda _name: None,
    boot: str | None = None,
) -> Outbox:
    """Open the queue at `path`, or make it. Several processes may have one queue open.

    A damaged queue is set aside, what can be read moves to a new one, and `losses` says what could not be.

    Args:
        path: the queue file; its folder is made if needed.
        clock: for leases, postponements and stamps.
        owner: who leases; no two open Outboxes may share a name.
        limits: how big it may get.
        step: told the name of each step before it is done.
        boot: what tells one run of the machine from the next; monotonic times mean nothing after it.

    Raises:
        DataError: the file is something else, or was written by a newer recon.
        LockedError: it is damaged, and another process has it open.
        ReconError: it cannot be opened.
    """
    limits = limits or Limits()
    paths.private_dir(path.parent)
    lock = _Lock(path)
    try:
        _prepare(path, lock, limits, clock)
        queue = _opened(path, clock, owner, limits, step, lock)
    except BaseException:
        lock.close()
        raise
    try:
        queue.change(lambda db: _new_boot(db, boot_id(clock) if boot is None else boot))
        queue.change(lambda db: spill.remove_stale(db, path))
        queue.ballast.load()
    except BaseException:
        queue.close()
        raise
    return queue


@contextmanager
def look(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads, beside whoever works with the queue.

    Raises:
        DataError: it is damaged or no queue.
        ReconError: it cannot be opened.
    """
    with schema.translated(path), closing(schema.connect(path, writable=False)) as db:
        schema.require_known(db, path)
        db.execute("BEGIN")  # one moment of the queue, however long the look takes
        yield db


def boot_id(clock: Clock) -> str:
    """This run of the machine. Elsewhere than on Linux a guess: a wrong one only ends leases early."""
    with suppress(OSError):
        return _BOOT.read_text("ascii").strip()
    return str(int(clock.now().timestamp() - clock.monotonic()) // 3600)


def damage(path: Path) -> str | None:
    """What is wrong with a queue file that is there; None if nothing is.

    Raises:
        DataError: it is sound, but no queue, or a newer one.
    """
    if path.stat().st_size == 0:
        return "the file is empty"
    try:
        with closing(schema.connect(path)) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                return str(found)
            schema.require_known(db, path)
    except sqlite3.OperationalError as exc:
        if schema.is_full(exc):
            raise
        return str(exc)
    except sqlite3.DatabaseError as exc:
        return str(exc)
    return None


class _Lock:
    """A lock beside the queue: shared by all that have it open, alone for whoever checks and salvages it."""

    def __init__(self, queue: Path) -> None:
        self.path = queue.with_name(queue.name + ".lock")
        self.known = self.path.exists()
        try:
            self.number = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise ReconError(f"cannot open the lock {self.path}", cause=exc.strerror) from exc

    def alone(self) -> bool:
        """Hold it alone, if nobody else holds it."""
        try:
            fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def share(self) -> None:
        """Hold it with others; waits while somebody checks."""
        fcntl.flock(self.number, fcntl.LOCK_SH)

    def close(self) -> None:
        """Give it back; safe to call twice."""
        if self.number >= 0:
            os.close(self.number)
            self.number = -1


def _prepare(path: Path, lock: _Lock, limits: Limits, clock: Clock) -> None:
    """Leave with a queue that is there and was sound, and with the lock shared."""
    if lock.alone():
        salvage.finish(path)
        if _is_new(path):
            salvage.create(path)
        else:
            _mend(path, lock, limits, clock)
        _end_leases(path)
    lock.share()


def _end_leases(path: Path) -> None:
    """Nobody else has the queue open, so whoever leased is gone: what was leased is ready, not only in two minutes."""
    with suppress(sqlite3.OperationalError), closing(schema.connect(path)) as db:  # a full disk: they end by themselves
        if db.execute("SELECT 1 FROM tries WHERE owner <> '' LIMIT 1").fetchone():
            with schema.transaction(db):
                db.execute("UPDATE tries SET owner = '', until = 0 WHERE owner <> ''")


def _is_new(path: Path) -> bool:
    if path.exists():
        return False
    log = path.with_name(path.name + "-wal")
    return not (log.exists() and log.stat().st_size)


def _mend(path: Path, lock: _Lock, limits: Limits, clock: Clock) -> None:
    path.touch()  # a log without its file: what it holds is salvaged, too
    try:
        wrong = damage(path)
    except sqlite3.OperationalError:
        Outbox.ballast_of(path, limits).drop()
        wrong = damage(path)
    if wrong is None:
        return
    if not lock.known:
        raise DataError(f"{path} is not a queue of recon", cause=wrong, hint="name another file in `[queue] path`")
    salvage.salvage(path, wrong, clock.now())


def _opened(path: Path, clock: Clock, owner: str, limits: Limits, step: Step, lock: _Lock) -> Outbox:
    try:
        with schema.translated(path):
            return Outbox(path, clock, owner, limits, step, lock.close)
    except DataError as exc:
        hint = "stop the other processes that use it, then run again: it is set aside and salvaged"
        raise LockedError(exc.message, cause=exc.cause, hint=hint) from exc


def _new_boot(db: sqlite3.Connection, boot: str) -> None:
    """After a start of the machine the monotonic clock began anew: leases and postponements end, circuits half-open."""
    row = db.execute("SELECT value FROM facts WHERE name = 'boot'").fetchone()
    if row is None or row[0] != boot:
        db.execute("INSERT OR REPLACE INTO facts VALUES ('boot', ?)", (boot,))
        db.execute("UPDATE tries SET owner = '', until = 0, due = 0")
        db.execute("UPDATE circuits SET until = 0")
