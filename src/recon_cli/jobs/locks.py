"""Locks: one run at a time on one place, whichever command it comes from."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from recon_cli.ops import lock, paths


def on(url: str, state_dir: Path | None = None) -> AbstractContextManager[None]:
    """The lock of whoever writes to the place at `url`, in the state folder.

    Raises:
        LockedError: another run holds it.
    """
    return lock.hold(paths.private_dir((state_dir or paths.state_dir()) / "locks") / f"{paths.name_of(url)}.lock")
