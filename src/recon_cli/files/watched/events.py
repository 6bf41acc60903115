"""What the kernel tells of a folder (inotify). Hints only: the scan is the truth."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

_CLOSE_WRITE, _MOVED_TO, _CREATE, _ISDIR, _OVERFLOW = 0x8, 0x80, 0x100, 0x40000000, 0x4000
_ONLYDIR, _CLOEXEC, _NONBLOCK = 0x01000000, os.O_CLOEXEC, os.O_NONBLOCK
_HEAD = struct.Struct("iIII")
_READ_BYTES = 65536


class Events:
    """A watch on folders, each by itself. Linux only; `open` says None elsewhere, and where the kernel has no more.

    `overflowed`: events were lost, and everything has to be looked at. `exhausted`: some folders are not watched.
    Not for several threads at once.
    """

    def __init__(self, root: Path, number: int, libc: ctypes.CDLL) -> None:
        self.root = root
        self.overflowed = False
        self.exhausted = False
        self._number, self._libc = number, libc
        self._folders: dict[int, str] = {}

    @classmethod
    def open(cls, root: Path) -> Self | None:
        """A watch on nothing yet."""
        if not sys.platform.startswith("linux"):
            return None
        libc = ctypes.CDLL(None, use_errno=True)
        number = libc.inotify_init1(_CLOEXEC | _NONBLOCK)
        return cls(root, number, libc) if number >= 0 else None

    def add(self, folders: Iterable[str]) -> None:
        """Watch more folders (relative to the root); `exhausted` where the kernel has no watch left."""
        for folder in folders:
            path = os.fsencode(self.root / folder)
            found = self._libc.inotify_add_watch(self._number, path, _CLOSE_WRITE | _MOVED_TO | _CREATE | _ONLYDIR)
            if found < 0 and ctypes.get_errno() in {errno.ENOSPC, errno.ENOMEM}:
                self.exhausted = True
                return
            if found >= 0:
                self._folders[found] = folder  # a folder that is watched already keeps its number

    def wait(self, seconds: float) -> tuple[list[str], list[str]]:
        """Files that may have changed, and folders that are new, as soon as there are any; empty after so long."""
        ready, _, _ = select.select([self._number], [], [], max(0.0, seconds))
        return self._read() if ready else ([], [])

    def close(self) -> None:
        """Safe to call twice."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    def _read(self) -> tuple[list[str], list[str]]:
        files: dict[str, None] = {}
        folders: dict[str, None] = {}
        with suppress(BlockingIOError):
            while data := os.read(self._number, _READ_BYTES):
                self._sort(data, files, folders)
        return list(files), list(folders)

    def _sort(self, data: bytes, files: dict[str, None], folders: dict[str, None]) -> None:
        at = 0
        while at + _HEAD.size <= len(data):
            watch, mask, _cookie, length = _HEAD.unpack_from(data, at)
            name = os.fsdecode(data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0"))
            at += _HEAD.size + length
            if mask & _OVERFLOW:
                self.overflowed = True
            elif name and watch in self._folders:
                folder = self._folders[watch]
                path = f"{folder}/{name}" if folder else name
                (folders if mask & _ISDIR else files)[path] = None
