"""One run at a time: an advisory lock that the kernel frees when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from recon_cli.core.errors import LockedError, ReconError
from recon_cli.core.json_text import loads
from recon_cli.ops import redact

_HOLDER_BYTES = 4096
_NAP_S = 0.1


@contextmanager
def hold(path: Path | str) -> Iterator[None]:
    """Hold the lock `path` while the block runs. The file stays behind, empty: deleting it would race with the next.

    Raises:
        LockedError: another process holds it; the cause names its pid, host and command.
        ReconError: the file cannot be opened or its file system has no locks.
    """
    number = _open(Path(path))
    try:
        _take(number, Path(path))
        _sign(number, _holder())
        try:
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(number, 0)
    finally:
        os.close(number)  # gives the lock back


@contextmanager
def waited_for(path: Path | str, patience_s: float) -> Iterator[None]:
    """As `hold`, after waiting for whoever has it.

    Raises:
        LockedError: it is still held when the patience ends.
    """
    end = time.monotonic() + patience_s
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(hold(path))
                break
            except LockedError:
                if time.monotonic() > end:
                    raise
                time.sleep(_NAP_S)
        yield


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise ReconError(f"cannot open the lock {path}", cause=exc.strerror) from exc


def _take(number: int, path: Path) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in (errno.EAGAIN, errno.EACCES):
            raise ReconError(f"cannot lock {path}", cause=exc.strerror) from exc
        raise _locked(path, os.pread(number, _HOLDER_BYTES, 0)) from None


def _locked(path: Path, signature: bytes) -> LockedError:
    message = f"another run holds the lock {path}"
    try:
        holder = loads(signature)
        cause = f"pid {holder['pid']} on {holder['host']} runs `{holder['command']}`"
        hint = f"wait until it ends, or end it on {holder['host']} with `kill {holder['pid']}`"
    except (ValueError, KeyError, TypeError):
        cause, hint = "the holder did not leave its name", f"find it with `fuser {path}`"
    return LockedError(message, cause=cause, hint=hint)


def _holder() -> bytes:
    words = [Path(sys.argv[0]).name or "recon", *sys.argv[1:]]
    command = shlex.join(redact.argv(words))[:1000]
    return json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "command": command}).encode()


def _sign(number: int, signature: bytes) -> None:
    os.ftruncate(number, 0)
    os.pwrite(number, signature, 0)
