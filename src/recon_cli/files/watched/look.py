"""Looks: what a file is like at a moment, and whether it stayed so while it was read. Nothing is ever changed there."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from recon_cli.core.errors import ReconError, UnreachableError
from recon_cli.core.report import Problem

Say = Callable[[Problem], None]
Met = Callable[[str, int], None]


class Look(NamedTuple):
    """A file at one moment. `path` is relative to the root, as the file system spells it (`os.fsdecode`).

    Two equal looks some time apart mean that nobody wrote meanwhile. The time is the file server's: never compare it
    with a local clock.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int


class Moved(Exception):  # noqa: N818  news, not a fault
    """The file is not what it was at the last look."""


def names_in(root: Path) -> list[str]:
    """The folders at the root.

    Raises:
        UnreachableError: there is no root, or it cannot be listed: the source is offline.
    """
    try:
        with os.scandir(root) as found:
            return sorted(one.name for one in found if _is_folder(one))
    except OSError as exc:
        hint = "check that it is mounted; nothing is taken as deleted"
        raise UnreachableError(f"the source {root} is offline", cause=exc.strerror, hint=hint) from exc


def _nobody(_path: str, _mtime_ns: int) -> None:
    """Tell nobody."""


def walk(root: Path, folder: str, say: Say, met: Met = _nobody) -> Iterator[Look]:
    """Every regular file below a folder of the root, at any depth; what cannot be listed is said and left out.

    `folder` may be spelled composed or decomposed (NFC, NFD), whichever way the file system has it. Links to folders
    are not followed. `met` is told every folder, with its time before it was listed.
    """
    top = _spelled_there(root, folder)
    if top is None:
        say(Problem(folder or str(root), "offline", "there is no such folder: check that the source is mounted"))
        return
    waiting = [top]
    while waiting:
        where = waiting.pop()
        try:
            met(where, (root / where).stat().st_mtime_ns)
            with os.scandir(root / where) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as exc:
            say(Problem(where or str(root), "not listed", exc.strerror or str(exc)))
            continue
        for entry in entries:
            path = f"{where}/{entry.name}" if where else entry.name
            if _is_folder(entry):
                waiting.append(path)
            elif (seen := _looked(entry, path)) is not None:
                yield seen


def is_there(root: Path, folder: str) -> bool:
    """Whether there is such a folder, in either spelling (NFC, NFD)."""
    return _spelled_there(root, folder) is not None


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a folder's names or a file's content do; None where nothing is."""
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return None


def changed(root: Path, folders: Mapping[str, int]) -> list[str]:
    """Those of these folders whose time is another by now: something was made, renamed or removed in them."""
    found = []
    for path, mtime_ns in folders.items():
        with suppress(OSError):
            if (root / path).stat().st_mtime_ns != mtime_ns:
                found.append(path)
    return found


def again(root: Path, path: str) -> Look | None:
    """A second look; None if the file is gone, or is none."""
    with suppress(OSError):
        found = (root / path).stat()
        if stat.S_ISREG(found.st_mode):
            return _of(path, found)
    return None


def read(root: Path, seen: Look, limit_bytes: int) -> bytes:
    """The whole file, as it was at the look.

    Raises:
        Moved: it is another by now, or changed while it was read.
        ReconError: it cannot be read, or is larger than the limit.
    """
    if seen.size_bytes > limit_bytes:
        raise ReconError(f"{seen.path} is too large", cause=f"{seen.size_bytes} bytes, the limit is {limit_bytes}")
    try:
        number = os.open(f"{root}/{seen.path}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise Moved from exc
    except OSError as exc:
        raise ReconError(f"cannot read {seen.path}", cause=exc.strerror or str(exc)) from exc
    try:
        before = _is(seen, os.fstat(number))
        raw = _whole(number, seen.size_bytes) if before else b""
        after = _is(seen, os.fstat(number))
    except OSError as exc:
        raise ReconError(f"cannot read {seen.path}", cause=exc.strerror or str(exc)) from exc
    finally:
        os.close(number)
    if not (before and after) or len(raw) != seen.size_bytes:
        raise Moved
    return raw


def _whole(number: int, size_bytes: int) -> bytes:
    """All bytes of a file that has so many; more if it has grown. What it has grown since, `fstat` tells."""
    parts = [os.read(number, size_bytes + 1)]
    if len(parts[0]) == size_bytes:
        return parts[0]
    while parts[-1] and sum(map(len, parts)) <= size_bytes:
        parts.append(os.read(number, size_bytes + 1))
    return b"".join(parts)


def _spelled_there(root: Path, folder: str) -> str | None:
    """The folder as the file system spells it."""
    there = ""
    for name in filter(None, folder.split("/")):
        with suppress(OSError):
            if (root / there / name).is_dir():
                there = f"{there}/{name}" if there else name
                continue
            with os.scandir(root / there) as found:
                close = [one.name for one in found if _composed(one.name) == _composed(name) and _is_folder(one)]
            if close:
                there = f"{there}/{close[0]}" if there else close[0]
                continue
        return None
    return there if (root / there).is_dir() else None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _looked(entry: os.DirEntry[str], path: str) -> Look | None:
    try:
        found = entry.stat()
    except OSError:
        return None
    return _of(path, found) if stat.S_ISREG(found.st_mode) else None


def _is(seen: Look, found: os.stat_result) -> bool:
    return found.st_size == seen.size_bytes and found.st_mtime_ns == seen.mtime_ns and found.st_ino == seen.inode


def _of(path: str, found: os.stat_result) -> Look:
    return Look(path, found.st_size, found.st_mtime_ns, found.st_ino)
