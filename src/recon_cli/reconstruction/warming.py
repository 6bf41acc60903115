"""Warming: the trainer's kernels are compiled while cameras are being solved, once on a machine.

Compiling takes half a minute; a mark in the cache says that these very sources were compiled already. It is always done
by a process of its own, all at once: a kernel that is compiled beside its callers is inlined into them, one that was
loaded is not, and then sums round otherwise.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from recon_cli.ops import paths
from recon_cli.reconstruction import process, survival
from recon_cli.reconstruction.request import Request

_LOOK_S = 0.25


def start(request: Request, log: Path) -> subprocess.Popen[bytes] | None:
    """A child that compiles in the background; None where there is nothing to compile."""
    if request.trainer not in {"auto", "cpu"} or _mark().exists() or not _version("numba"):
        return None
    words = [sys.executable, "-m", "recon_cli.reconstruction.warming", str(_mark())]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as said:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)


def ensure() -> None:
    """Have them compiled before this process loads the first; where that fails, they are compiled here.

    To be called by whatever uses a kernel: two processes that compile one after their own fashion leave the last one's.
    """
    if not _mark().exists() and _version("numba"):
        words = [sys.executable, "-m", "recon_cli.reconstruction.warming", str(_mark())]
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


def finish(child: subprocess.Popen[bytes] | None, cancelled: Callable[[], bool]) -> None:
    """Wait until it is done: what follows would only compile the same.

    Raises:
        CancelledError: somebody asked for an end.
    """
    while child is not None and child.poll() is None:
        if cancelled():
            raise process.CancelledError("cancelled while compiling the trainer")
        time.sleep(_LOOK_S)


def stop(child: subprocess.Popen[bytes] | None) -> None:
    """End it, whatever it does."""
    if child is not None and child.poll() is None:
        with suppress(ProcessLookupError):
            child.kill()
        child.wait()


def _mark() -> Path:
    here = Path(__file__).parent
    kernels = [path for place in ("kernels", "training/cpu") for path in sorted((here / place).glob("*.py"))]
    seen = [f"{path.name}:{path.stat().st_mtime_ns}" for path in kernels]
    digest = hashlib.sha256("\n".join([*seen, _version("numba"), _version("numpy"), sys.version]).encode())
    return paths.cache_dir() / f"warm-{digest.hexdigest()[:16]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def main() -> None:
    """Compile, and leave the mark; who comes while another compiles waits for that one."""
    survival.die_with_parent()
    os.nice(5)
    mark = Path(sys.argv[1])
    mark.parent.mkdir(parents=True, exist_ok=True)
    with mark.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists():
            return
        from recon_cli.reconstruction import kernels  # noqa: PLC0415  says where they are kept

        shutil.rmtree(kernels.FOLDER, ignore_errors=True)  # what a killed one left would be loaded, not inlined
        from recon_cli.reconstruction.training.cpu import warm  # noqa: PLC0415  compiles

        warm()
        mark.touch()


if __name__ == "__main__":
    main()
