"""Ballast: a file that is only there to be given up.

SQLite needs room even to delete, so a queue on a full disk could neither take nor give.
Without its ballast it can give.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHUNK = bytes(1 << 16)
_LEAST, _LITTLE = 4, 8
"""A ballast is at least a quarter of what it should be; beside it, an eighth stays free."""


@dataclass(frozen=True, slots=True)
class Ballast:
    """The file beside a queue; `size_bytes` 0 for none."""

    path: Path
    size_bytes: int

    @property
    def reserve_bytes(self) -> int:
        """Room that nothing new may take: what leaves needs some, and where the ballast was given up, that is it."""
        return self.size_bytes // (_LITTLE if self.path.exists() else _LEAST)

    def drop(self) -> int:
        """Give it up; how many bytes of room that made."""
        try:
            size_bytes = self.path.stat().st_size
            self.path.unlink()
        except OSError:
            return 0
        return size_bytes

    def load(self) -> None:
        """Take it in, a quarter of the room there is at most; no room is no error, it is what this is for."""
        if not self.size_bytes or self.path.exists():
            return
        with suppress(OSError):
            size_bytes = min(self.size_bytes, shutil.disk_usage(self.path.parent).free // 4)
            if size_bytes >= self.size_bytes // _LEAST:
                self._fill(size_bytes)

    def _fill(self, size_bytes: int) -> None:
        try:
            with self.path.open("wb") as file:
                for _ in range(0, size_bytes, len(_CHUNK)):
                    file.write(_CHUNK)
                file.flush()
                os.fsync(file.fileno())  # room that is only promised may be gone when it is needed
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
