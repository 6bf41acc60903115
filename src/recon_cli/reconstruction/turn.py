"""Turns: so many jobs of one root run at a time, whichever processes run them; the others wait, the oldest first.

A turn is an advisory lock that the kernel frees when its holder dies. So is the hold on a job, which says that somebody
runs it or waits to.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from recon_cli.core.errors import LockedError, ReconError
from recon_cli.ops import lock

HOLD = "hold.lock"
_TRIES, _TRY_S = 20, 0.025


@contextmanager
def hold(job: Path) -> Iterator[None]:
    """Be the one who runs this job, or waits to.

    Raises:
        LockedError: another process does.
    """
    with ExitStack() as stack:
        _take(job, stack)
        yield


def _take(job: Path, stack: ExitStack) -> None:
    """Take the hold. Who only asks (`is_held`) has it for a moment, so a few tries are made."""
    for left in reversed(range(_TRIES)):
        try:
            stack.enter_context(lock.hold(job / HOLD))
        except LockedError as exc:
            if not left:
                hint = f"`recon job log {job.name} -f` shows what it does, `recon job cancel {job.name}` ends it"
                raise LockedError(f"job {job.name} is being run already", cause=exc.cause, hint=hint) from None
            time.sleep(_TRY_S)
        else:
            return


def is_held(job: Path) -> bool:
    """Whether a living process runs this job, or waits to."""
    try:
        number = os.open(job / HOLD, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(number)
    return False


@contextmanager
def taken(root: Path, most: int, ahead: Callable[[], int], wait: Callable[[int], None]) -> Iterator[None]:
    """Wait until it is this job's turn, and keep the turn for the block.

    `ahead` counts the jobs before this one; `wait` is called with that number (0: only a turn is missing) and returns
    when to look again, or raises to give up.
    """
    while True:
        before = ahead()
        number = _free(root, most) if before == 0 else None
        if number is not None:
            break
        wait(before)
    try:
        yield
    finally:
        with suppress(OSError):
            os.close(number)


def _free(root: Path, most: int) -> int | None:
    for turn in range(1, most + 1):
        try:
            number = os.open(root / f".turn-{turn}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise ReconError(f"cannot open a lock in {root}", cause=exc.strerror) from exc
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(number)
        else:
            return number
    return None
