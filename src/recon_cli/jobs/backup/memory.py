"""What this machine remembers of places elsewhere: the last manifest it sent there, and the names it is sending now.

An encrypted archive hides its manifest, and a server does not say that another run of this machine is uploading.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.ops import paths
from recon_cli.ops.atomic import write_file


def remember(url: str, sha256: str, manifest: bytes) -> None:
    """Keep the manifest of the newest archive at `url`; a disk that is full costs only the memory."""
    with suppress(ReconError):
        write_file(_place(url), [sha256.encode(), b"\n", manifest], mode=0o600)


def recall(url: str, sha256: str) -> bytes | None:
    """The manifest of the archive with that SHA-256, if it is the one that this machine sent last."""
    try:
        told, _, manifest = _place(url).read_bytes().partition(b"\n")
    except OSError:
        return None
    return manifest if told == sha256.encode() else None


@contextmanager
def claimed(url: str, name: str) -> Iterator[bool]:
    """Whether `name` is ours to give at `url` while the block runs; no other run of this machine has it then."""
    path = _place(url).with_suffix(f".{name}.claim")
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        mine = _locked(number, path)
        yield mine
        if mine:
            path.unlink(missing_ok=True)
    finally:
        os.close(number)


def _locked(number: int, path: Path) -> bool:
    """Lock an open file; no where another has it, or deleted it between our opening and locking it."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(number).st_ino
    except OSError:
        return False


def _place(url: str) -> Path:
    folder = paths.private_dir(paths.state_dir() / "backup")
    return folder / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.manifest"
