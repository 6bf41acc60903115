"""The child's side of a stage: run one function, and say on a pipe how far it is, what came of it or what went wrong.

`python -m recon_cli.reconstruction.child FOLDER ENTRY TITLE PIPE`: the job's folder, the function as `module:name`,
what it does in words for people, and the number of the descriptor to write to.
Everything that libraries print goes to the stage's log, which is this process's standard output and error.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ReconError, StageError
from recon_cli.reconstruction import request, survival
from recon_cli.reconstruction.stages import load
from recon_cli.reconstruction.work import Work

_EVERY_S = 0.1
_FULL = {errno.ENOSPC, errno.EDQUOT}


class Pipe:
    """JSON lines to the parent; it is Progress, too."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._next = 0.0

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say how far the stage is, ten times a second at most."""
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _EVERY_S
            self.say({"progress": {"done": done, "total": total, "note": note}})

    def say(self, message: Mapping[str, Json]) -> None:
        """One line, whole: a parent that is gone ends this process."""
        raw = (json.dumps(message, ensure_ascii=True) + "\n").encode()
        try:
            while raw:
                raw = raw[os.write(self._number, raw) :]
        except BrokenPipeError:
            os._exit(1)


def main() -> int:
    """Run the stage that the command line names."""
    folder, entry, title, number = sys.argv[1:5]
    survival.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer: it kills us
    pipe = Pipe(int(number))
    try:
        outcome = _run(entry, Work(Path(folder)), pipe)
    except BaseException as exc:  # noqa: BLE001  the boundary of this process: the parent hears of everything
        with suppress(OSError):  # the log's disk may be full: the pipe is not
            traceback.print_exc()
        pipe.say({"error": _error(exc, title)})
        return 1
    pipe.say({"outcome": dict(outcome)})
    return 0


def _run(entry: str, work: Work, pipe: Pipe) -> Mapping[str, Json]:
    wishes = request.read(work.folder)
    if wishes.memory_mb:
        survival.limit_memory(wishes.memory_mb)
    return load(entry)(work, wishes, pipe)


def _error(exc: BaseException, title: str) -> dict[str, Json]:
    known = _translated(exc, title)
    return {
        **known.document(),
        "type": type(exc).__name__,
        "traceback": "".join(traceback.format_exception(exc)),
    }


def _translated(exc: BaseException, title: str) -> ReconError:
    if isinstance(exc, ReconError) and not _is_memory(exc.cause or ""):
        return exc
    if isinstance(exc, ReconError):
        return StageError(f"{title} ran out of memory", cause=exc.cause, hint=survival.LESS_MEMORY)
    if isinstance(exc, MemoryError) or _is_memory(str(exc)):
        return StageError(f"{title} ran out of memory", cause=str(exc) or None, hint=survival.LESS_MEMORY)
    if isinstance(exc, OSError) and exc.errno in _FULL:
        return StageError(f"the disk is full while {title}", cause=exc.strerror, hint=survival.MORE_ROOM)
    if any(words in str(exc).lower() for words in ("no space left", "disk is full")):
        return StageError(f"the disk is full while {title}", cause=str(exc), hint=survival.MORE_ROOM)
    return StageError(f"{title} failed", cause=f"{type(exc).__name__}: {exc}")


def _is_memory(told: str) -> bool:
    """Whether a library or a program says that memory ran out."""
    return any(words in told for words in ("MemoryError", "bad_alloc", "out of memory"))


if __name__ == "__main__":
    sys.exit(main())
