"""`[records.NAME]`, and the variables of the older services: whose records are where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.config import places, syncs
from recon_cli.config.layers import Setting
from recon_cli.config.places import Warn
from recon_cli.config.settings import Settings
from recon_cli.core.errors import UsageError
from recon_cli.core.place import Place

USUAL = "containers"
"""The system where nothing says another."""


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """Where a system's records are. What is empty or missing is left to the system."""

    name: str
    system: str
    target: Place
    table: str = ""
    zone: str = ""
    archive_to: Path | None = None
    ping_url: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says; None where it says nothing."""

    name: str | None = None
    system: str | None = None
    target: str | None = None
    table: str | None = None
    zone: str | None = None


def resolve(settings: Settings, flags: Flags, warn: Warn = lambda _text: None) -> RecordSettings:
    """The records that the flags mean: by name, or those of a system; the only ones of recon.toml need not be named.

    Raises:
        UsageError: no such name; or it is not said where the records are.
        ConfigError: they, or their place, are configured wrongly.
    """
    name = flags.name or _only(settings, flags)
    keyed = settings.named("records", name) if name else {}
    if flags.name and not keyed:
        raise places.unknown(settings, "records", flags.name)
    archive = _text(keyed, "archive_to")
    return RecordSettings(
        name or flags.system or USUAL,
        flags.system or _text(keyed, "system") or USUAL,
        syncs.target_of(settings, keyed, flags.target, warn),
        flags.table or _text(keyed, "table"),
        flags.zone or _text(keyed, "zone"),
        Path(archive) if archive else None,
        _text(keyed, "ping_url") or settings.ping_url,
        {key: float(str(keyed[key].value)) for key in ("window_s", "batch", "retries") if key in keyed},
    )


def _only(settings: Settings, flags: Flags) -> str:
    """The one section that fits, where nothing else says where the records are."""
    if flags.target:
        return ""
    found = [name for name in settings.names("records") if _fits(settings.named("records", name), flags.system)]
    if len(found) > 1:
        known = ", ".join(found)
        raise UsageError("no records are named", cause=f"recon.toml has {known}", hint=f"say `--records {found[0]}`")
    return found[0] if found else ""


def _fits(keyed: Mapping[str, Setting], system: str | None) -> bool:
    return system is None or (_text(keyed, "system") or USUAL) == system


def _text(keyed: Mapping[str, Setting], key: str) -> str:
    return str(keyed[key].value) if key in keyed else ""
