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


@dataclass(frozen=True, slots=True)
class Ballast:
    """The file beside a queue; `size_bytes` 0 for none."""

    path: Path
    size_bytes: int

    def drop(self) -> bool:
        """Give it up; whether that made room."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def load(self) -> None:
        """Take it in where there is ample room; a disk without room is no error, it is what this is for."""
        if not self.size_bytes or self.path.exists():
            return
        with suppress(OSError):
            if shutil.disk_usage(self.path.parent).free > 4 * self.size_bytes:
                self._fill()

    def _fill(self) -> None:
        try:
            with self.path.open("wb") as file:
                for _ in range(0, self.size_bytes, len(_CHUNK)):
                    file.write(_CHUNK)
                file.flush()
                os.fsync(file.fileno())  # room that is only promised may be gone when it is needed
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
