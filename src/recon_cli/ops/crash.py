"""Crash files: everything a maintainer needs about an unexpected error, and no secret."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from recon_cli import __version__
from recon_cli.core.errors import ReconError
from recon_cli.ops import atomic, paths, redact


def write(
    exc: BaseException, argv: Sequence[str], settings: Mapping[str, object], *, now: datetime | None = None
) -> Path:
    """Write what happened to a private file in the state folder (or the temporary one) and give back its path.

    Secrets are taken out of the command line, the settings and the traceback; local variables are not written at all.
    """
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    path = _folder() / f"crash-{moment}-{os.getpid()}.txt"
    atomic.write_file(path, _story(exc, argv, settings).encode("utf-8", "backslashreplace"), mode=0o600)
    return path


def _folder() -> Path:
    try:
        folder = paths.private_dir(paths.state_dir() / "crash")
    except ReconError:
        return Path(tempfile.gettempdir())
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())


def _story(exc: BaseException, argv: Sequence[str], settings: Mapping[str, object]) -> str:
    lines = "".join(traceback.format_exception(exc))
    shown = json.dumps(redact.mapping(settings), indent=2, ensure_ascii=False, default=str)
    return "\n".join(
        [
            f"recon {__version__}, Python {platform.python_version()} ({sys.executable}), {platform.platform()}",
            f"command: {shlex.join(redact.argv(argv))}",
            f"settings: {shown}",
            redact.text(lines),
        ]
    )
