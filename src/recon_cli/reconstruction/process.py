"""The parent's side of a stage: start the child, hear it, keep it within its limits, and tell how it ended."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import (
    AuthError,
    ConfigError,
    DataError,
    NotFoundError,
    ReconError,
    StageError,
    ToolMissingError,
    UnreachableError,
    UsageError,
)
from recon_cli.core.ports import Progress
from recon_cli.reconstruction import gpu, survival
from recon_cli.reconstruction.stages import Stage
from recon_cli.reconstruction.work import Work

_LOOK_S = 0.25
_GPU_LOOK_S = 5.0
_TAIL_BYTES = 4096
_KNOWN = {
    kind.slug: kind
    for kind in (UsageError, ConfigError, AuthError, UnreachableError, DataError, ToolMissingError, NotFoundError)
}
_MEGABYTE = 1_000_000
_NO_ROOM_BYTES = 1 << 18


class CancelledError(StageError):
    """Somebody asked for an end."""

    slug = "cancelled"


class FailedError(StageError):
    """A stage failed: the error as the child told it, with its type and traceback."""

    def __init__(self, error: ReconError, stage: str, kind: str, trace: str) -> None:
        super().__init__(error.message, cause=error.cause, hint=error.hint)
        self.error = error
        self.stage = stage
        self.kind = kind
        self.trace = trace


@dataclass(frozen=True, slots=True)
class Ended:
    """A stage that ended well: what it told, and what it took; `gpu_peak_mb` is of the whole machine."""

    outcome: Mapping[str, Json]
    seconds: float
    cpu_seconds: float
    peak_mb: float
    gpu_peak_mb: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may take; None: no limit."""

    seconds: float
    memory_bytes: int | None


@dataclass(slots=True)
class _Heard:
    """What the child has said so far."""

    outcome: Mapping[str, Json] | None = None
    error: Mapping[str, Json] | None = None
    rest: bytes = b""
    lines: list[bytes] = field(default_factory=list)


def run(stage: Stage, work: Work, limits: Limits, progress: Progress, cancelled: Callable[[], bool]) -> Ended:
    """Run a stage in a child process of its own session, to its end.

    `cancelled` is asked four times a second. Whatever ends this function early (also a signal) kills the child and
    everything it started.

    Raises:
        CancelledError: `cancelled` said so.
        FailedError: the child failed, died, or took more time or memory than it may.
    """
    began = time.monotonic()
    log = work.stage_log(stage.name)
    log.parent.mkdir(parents=True, exist_ok=True)
    ours, its = os.pipe()
    with log.open("ab") as said, open(ours, "rb", buffering=0) as pipe:  # noqa: PTH123  a descriptor
        child = _start(stage, work, its, said.fileno())
        os.close(its)
        watched = _Watched(stage, child, limits, began, cancelled)
        try:
            heard = watched.listen(pipe.fileno(), progress)
            status, cpu_s = watched.reap()
        finally:
            watched.kill()
    if heard.outcome is not None and status == 0:
        return Ended(heard.outcome, time.monotonic() - began, cpu_s, watched.peak / _MEGABYTE, watched.gpu_peak)
    raise _with_disk(_failure(stage, log, heard, status), work)


def _start(stage: Stage, work: Work, pipe: int, log: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "recon_cli.reconstruction.child", str(work.folder), stage.entry, stage.title]
    return subprocess.Popen(
        [*words, str(pipe)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(pipe,), start_new_session=True
    )


@dataclass(slots=True)
class _Watched:
    """A child at work."""

    stage: Stage
    child: subprocess.Popen[bytes]
    limits: Limits
    began: float
    cancelled: Callable[[], bool]
    peak: int = 0
    gpu_peak: int = 0
    gpu_asked: float = 0.0

    def listen(self, pipe: int, progress: Progress) -> _Heard:
        """Hear the child until it closes its pipe."""
        heard = _Heard()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            looked = 0.0
            while True:
                if selector.select(_LOOK_S):
                    raw = os.read(pipe, 1 << 16)
                    if not raw:
                        return heard
                    _take(heard, raw, progress)
                if time.monotonic() - looked >= _LOOK_S:
                    looked = time.monotonic()
                    self.look()

    def look(self) -> None:
        """Whether it may go on."""
        if self.cancelled():
            raise CancelledError(f"cancelled while {self.stage.title}")
        self._look_at_gpu()
        used = survival.used_by_session(self.child.pid)
        self.peak = max(self.peak, used)
        if self.limits.memory_bytes is not None and used > self.limits.memory_bytes:
            told = f"it took {used // _MEGABYTE} MB, {self.limits.memory_bytes // _MEGABYTE} MB are allowed"
            raise self._stopped("MemoryError", f"{self.stage.title} ran out of memory", told, survival.LESS_MEMORY)
        if time.monotonic() - self.began > self.limits.seconds:
            hint = "allow more with `[reconstruct] time_limit_s`, then `recon job retry JOB`"
            told = f"it was stopped after {self.limits.seconds:.0f} s"
            raise self._stopped("TimeoutError", f"{self.stage.title} took too long", told, hint)

    def _look_at_gpu(self) -> None:
        if self.stage.uses_gpu and time.monotonic() - self.gpu_asked > _GPU_LOOK_S:
            self.gpu_asked = time.monotonic()
            self.gpu_peak = max(self.gpu_peak, gpu.used_mb())

    def _stopped(self, kind: str, message: str, cause: str, hint: str) -> FailedError:
        return FailedError(StageError(message, cause=cause, hint=hint), self.stage.name, kind, "")

    def reap(self) -> tuple[int, float]:
        """Wait for its end: exit status (negative: the signal) and CPU seconds, those of its children included."""
        _, status, used = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        return self.child.returncode, used.ru_utime + used.ru_stime

    def kill(self) -> None:
        """End the child and everything in its session, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            self.child.wait()


def _take(heard: _Heard, raw: bytes, progress: Progress) -> None:
    *lines, heard.rest = (heard.rest + raw).split(b"\n")
    for line in lines:
        message = json.loads(line)
        if "progress" in message:
            told = message["progress"]
            progress.update(told["done"], told["total"], told["note"])
        heard.outcome = message.get("outcome", heard.outcome)
        heard.error = message.get("error", heard.error)


def _with_disk(failed: FailedError, work: Work) -> FailedError:
    """The failure, and that the disk is full where it is: what failed could not always say so."""
    try:
        free = shutil.disk_usage(work.folder).free
    except OSError:
        return failed
    if free >= _NO_ROOM_BYTES:
        return failed
    told = f"no space left on the disk of {work.folder}"
    cause = f"{failed.error.cause}; {told}" if failed.error.cause else told
    error = type(failed.error)(failed.error.message, cause=cause, hint=survival.MORE_ROOM)
    return FailedError(error, failed.stage, failed.kind, failed.trace)


def _failure(stage: Stage, log: Path, heard: _Heard, status: int) -> FailedError:
    if heard.error is not None:
        told = {name: None if value is None else str(value) for name, value in heard.error.items()}
        kind = _KNOWN.get(told.get("slug") or "", StageError)
        error = kind(told.get("message") or "failed", cause=told.get("cause"), hint=told.get("hint"))
        return FailedError(error, stage.name, told.get("type") or "", told.get("traceback") or "")
    if status >= 0:
        error = StageError(f"{stage.title} ended with status {status}", cause=last_line(log))
        return FailedError(error, stage.name, "ChildDied", tail(log))
    name = signal.Signals(-status).name
    hint = survival.LESS_MEMORY if status == -signal.SIGKILL else None
    cause = "nobody here did it: the kernel does so when memory runs out" if hint else last_line(log)
    error = StageError(f"{stage.title} was ended by {name}", cause=cause, hint=hint)
    return FailedError(error, stage.name, name, tail(log))


def tail(log: Path, lines: int = 10) -> str:
    """The last lines of a log."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def last_line(log: Path) -> str | None:
    """The last words of a log."""
    return tail(log, 1).strip() or None
