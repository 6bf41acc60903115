"""Private folders in which a snapshot is made. Each is locked by its maker, so that what a killed run left is known."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.ops import paths

PREFIX = ".partial-"


def home() -> Path:
    """Where snapshots for other places are made: on a disk, for a memory file system may be too small for them."""
    return paths.private_dir(paths.state_dir() / "staging")


@contextmanager
def folder(parent: Path, name: str) -> Iterator[Path]:
    """An empty private folder `.partial-NAME-PID-…` in `parent`, removed at the end unless it was moved away.

    Raises:
        ReconError: the file system refuses.
    """
    with translated(parent / name):
        path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{name}-{os.getpid()}-", dir=parent))
        number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(number)


def sweep(parent: Path, start: str = "") -> list[str]:
    """Remove the folders (of names that begin with `start`) whose makers are gone; their names."""
    gone = [path for path in sorted(parent.glob(f"{PREFIX}{start}*")) if path.is_dir() and not _in_use(path)]
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    return [path.name for path in gone]


def sync_folder(path: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """The file system's refusals as ours.

    Raises:
        ReconError: what it refused.
    """
    try:
        yield
    except OSError as exc:
        cause = exc.strerror or str(exc)
        hint = f"look at `df -h {path.parent}` and `ls -ld {path.parent}`"
        raise ReconError(f"cannot write {path}", cause=cause, hint=hint) from exc


def _in_use(path: Path) -> bool:
    try:
        number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(number)
    return False
