"""Whole files or none: readers see the old content or the new one, also after a power cut."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from recon_cli.core.errors import ReconError


def write_file(path: Path | str, chunks: bytes | Iterable[bytes], *, mode: int | None = None) -> int:
    """Write `chunks` beside `path`, fsync, rename over it, fsync the folder.

    A symbolic link keeps pointing where it points; its target is replaced.

    Args:
        path: the file to publish; its folder must exist.
        chunks: the content, or an iterable of its parts; what the iterable raises goes through, and nothing is written.
        mode: permission bits; None keeps those of the file that is there, or leaves a new one to the umask.

    Returns:
        The size in bytes.

    Raises:
        ReconError: the file system refuses.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:200]}.{secrets.token_hex(6)}.tmp")
    try:
        size_bytes = _write(temporary, (chunks,) if isinstance(chunks, bytes) else chunks, _mode(target, mode))
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as exc:
        cause = exc.strerror or str(exc)
        raise ReconError(f"cannot write {target}", cause=cause, hint=f"look at `ls -ld {target.parent}`") from exc
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return size_bytes


def _mode(target: Path, mode: int | None) -> int | None:
    if mode is not None:
        return mode
    return target.stat().st_mode & 0o7777 if target.exists() else None


def _write(temporary: Path, chunks: Iterable[bytes], mode: int | None) -> int:
    # A file that is to be private is private from its first byte on.
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode & 0o600)
    with open(number, "wb") as file:  # noqa: PTH123  a descriptor, not a path
        size_bytes = sum(file.write(chunk) for chunk in chunks)
        if mode is not None:
            os.fchmod(number, mode)
        file.flush()
        os.fsync(number)
    return size_bytes


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut, whoever wrote it."""
    _sync(path, os.O_RDONLY)


def _sync(path: Path, flags: int) -> None:
    number = os.open(path, flags)
    try:
        os.fsync(number)
    finally:
        os.close(number)
