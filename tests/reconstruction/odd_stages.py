"""Stages that go wrong in every way a stage can; each runs in a child."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
import time
from collections.abc import Mapping

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, ToolMissingError
from recon_cli.core.ports import Progress
from recon_cli.ops import atomic
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.work import Work

Outcome = Mapping[str, Json]


def well(work: Work, _request: Request, progress: Progress) -> Outcome:
    for step in range(4):
        progress.update(step, 4, "at work")
    (work.folder / "done").write_text("yes")
    print("words for the log")  # noqa: T201  libraries print
    return {"answer": 42}


def nothing_left(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    return {}


def raises(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    raise ZeroDivisionError("by nothing")


def refuses(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    raise DataError("the photos are no photos", cause="they are songs", hint="take other ones")


def lacks(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    raise ToolMissingError("no tool", hint="get it")


def aborts(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    print("terminate called after throwing an instance of 'std::runtime_error'", flush=True)  # noqa: T201  as C++ does
    os.abort()


def crashes(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    ctypes.string_at(0)
    return {}


def leaves(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    print("goodbye", flush=True)  # noqa: T201  a last word
    os._exit(7)


def fills(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    raise OSError(errno.ENOSPC, "No space left on device")


def swells(_work: Work, _request: Request, _progress: Progress) -> Outcome:
    kept = []
    while True:
        kept.append(bytearray(10_000_000))
        kept[-1][::4096] = b"x" * len(kept[-1][::4096])
        time.sleep(0.01)


def hangs(work: Work, _request: Request, _progress: Progress) -> Outcome:
    """With a child of its own that hangs, too."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    atomic.write_file(work.folder / "pids", [f"{os.getpid()} {other.pid}".encode()])
    time.sleep(600)
    return {}
