"""Where recon keeps its own files, by the XDG base directory rules."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from recon_cli.core.errors import ReconError

PROJECT_FILE = "recon.toml"
SYSTEM_CONFIG = Path("/etc/recon/config.toml")


def state_dir() -> Path:
    """What must survive: undo journals, checkpoints, histories. Private, created if needed.

    `RECON_STATE_DIR`, else `$XDG_STATE_HOME/recon`, else `~/.local/state/recon`.

    Raises:
        ReconError: it cannot be created.
    """
    return private_dir(_chosen("RECON_STATE_DIR", "XDG_STATE_HOME", "~/.local/state"))


def cache_dir() -> Path:
    """What can be made again, such as compiled kernels; it need not exist.

    `RECON_CACHE_DIR`, else `$XDG_CACHE_HOME/recon`, else `~/.cache/recon`.
    """
    return _chosen("RECON_CACHE_DIR", "XDG_CACHE_HOME", "~/.cache")


def user_config() -> Path:
    """The user's own settings file; it need not exist."""
    return _base("XDG_CONFIG_HOME", "~/.config") / "recon" / "config.toml"


def system_config() -> Path:
    """The machine's settings file; it need not exist."""
    return SYSTEM_CONFIG


def project_config(start: Path) -> Path | None:
    """The nearest `recon.toml` in `start` or above it."""
    folders = (start, *start.parents)
    return next((folder / PROJECT_FILE for folder in folders if (folder / PROJECT_FILE).is_file()), None)


def private_dir(path: Path) -> Path:
    """Create `path` for this user alone (0700) where it is missing; one that exists keeps its mode.

    Raises:
        ReconError: it cannot be created.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        hint = "set `RECON_STATE_DIR` to a folder that you can write to"
        raise ReconError(f"cannot create the folder {path}", cause=exc.strerror, hint=hint) from exc
    return path


def _chosen(own: str, xdg: str, default: str) -> Path:
    named = os.environ.get(own)
    return Path(named).expanduser().absolute() if named else _base(xdg, default) / "recon"


def _base(variable: str, default: str) -> Path:
    """An XDG base folder; the specification says that relative values are to be ignored."""
    named = os.environ.get(variable, "")
    return Path(named) if named.startswith("/") else Path(default).expanduser()


def name_of(url: str) -> str:
    """A short, stable file name for a place: what locks and histories are filed under."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:20]
