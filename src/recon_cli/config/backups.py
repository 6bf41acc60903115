"""`[backups.NAME]`: which database goes where, how it is written, and what stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from recon_cli.config import places
from recon_cli.config.layers import Setting
from recon_cli.config.places import Warn
from recon_cli.config.settings import Settings
from recon_cli.core.errors import ConfigError
from recon_cli.core.place import Place

T = TypeVar("T", str, int, float, bool)

SHARD_ROWS = 1000
WORKERS = 2
MAX_DROP = 0.9
_GIT = ("git:", "git+")
KEEP = ("last", "daily", "weekly", "monthly", "yearly")


@dataclass(frozen=True, slots=True)
class Target:
    """One backup.

    `keep` says how many snapshots stay by which rule (`last`, `daily`, …); empty: all stay. `compress` empty: what
    suits the destination. `push` names the git remote to push to. `verify` is `checksums` or `drill`; `drill_in` the
    server that a drill may use, None for what the engine allows.
    """

    name: str
    source: Place
    to: Place
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    compress: str = ""
    encrypt: tuple[str, ...] = ()
    shard_rows: int = SHARD_ROWS
    keep: Mapping[str, int] = field(default_factory=dict)
    max_drop: float = MAX_DROP
    push: str = ""
    verify: str = "checksums"
    drill_in: Place | None = None
    ping_url: str = ""
    textfile: Path | None = None


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """`[backup]`: what holds for every backup. `max_drop` is a share, 0..1."""

    identity_file: Path | None = None
    workers: int = WORKERS
    max_drop: float = MAX_DROP


def general(settings: Settings) -> BackupSettings:
    """`[backup]` as it is set."""
    keyed = {key: one for key, one in settings.values.items() if key.startswith("backup.")}
    identity = _get(keyed, "backup.identity_file", "")
    return BackupSettings(
        Path(identity) if identity else None,
        _get(keyed, "backup.workers", WORKERS),
        _get(keyed, "backup.max_drop", MAX_DROP),
    )


def resolve_backup(settings: Settings, name: str, warn: Warn = lambda _text: None) -> Target:
    """The backup called `name`.

    Raises:
        UsageError: no such name.
        ConfigError: it, or a place it names, is configured wrongly.
    """
    keyed = settings.named("backups", name)
    if not keyed:
        raise places.unknown(settings, "backups", name)
    source, to = (places.needs("backups", name, keyed, key) for key in ("from", "to"))
    kept = places.end(settings, "files", to, warn)
    keep = {rule: int(str(keyed[f"keep_{rule}"].value)) for rule in KEEP if f"keep_{rule}" in keyed}
    if keep and kept.url.startswith(_GIT):
        rule = keyed[f"keep_{next(iter(keep))}"]
        message = f"`{rule.key}` cannot hold: {kept.label} is git, which keeps everything"
        raise ConfigError(message, cause=str(rule.source), hint="take the `keep_…` lines out")
    textfile = _get(keyed, "textfile", "")
    return Target(
        name,
        places.end(settings, "stores", source, warn),
        kept,
        places.texts(keyed, "tables"),
        places.texts(keyed, "exclude"),
        _get(keyed, "compress", ""),
        places.texts(keyed, "encrypt"),
        _get(keyed, "shard_rows", SHARD_ROWS),
        keep,
        _get(keyed, "max_drop", general(settings).max_drop),
        _get(keyed, "push", ""),
        _get(keyed, "verify", "checksums"),
        places.end(settings, "stores", keyed["drill_in"], warn) if "drill_in" in keyed else None,
        _get(keyed, "ping_url", ""),
        Path(textfile) if textfile else None,
    )


def resolve_destination(settings: Settings, name_or_url: str, warn: Warn = lambda _text: None) -> Place:
    """Where snapshots are kept: the `to` of a backup of that name, or as `places.resolve_files`."""
    keyed = settings.named("backups", name_or_url)
    if keyed:
        return places.end(settings, "files", places.needs("backups", name_or_url, keyed, "to"), warn)
    return places.resolve_files(settings, name_or_url, warn)


def _get(keyed: Mapping[str, Setting], key: str, default: T) -> T:
    return type(default)(keyed[key].value) if key in keyed else default  # type: ignore[arg-type]  # the parser checked it
