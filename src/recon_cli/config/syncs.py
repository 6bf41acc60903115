"""`[syncs.NAME]`, and the variables of the older GFX service: what is sent where."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from recon_cli.config import places, secret
from recon_cli.config.layers import Setting
from recon_cli.config.places import Warn
from recon_cli.config.settings import Settings
from recon_cli.core.errors import ConfigError, UsageError
from recon_cli.core.place import Place
from recon_cli.ops import redact

T = TypeVar("T", str, int, float, bool)

_PREFIX = "GFX_SYNC_"
_KEYS = ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_KEY")


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """One sync as it is set. What is empty or None is left to the job."""

    name: str
    system: str
    source: Place
    target: Place
    texts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)
    observations: bool = True
    ping_url: str = ""
    textfile: Path | None = None
    copies: tuple[Place, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    """What the system alone understands; lists with line ends between."""

    def to(self, target: Place) -> SyncSettings:
        """The same for one of the targets."""
        return replace(self, target=target, copies=())


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says; None where it says nothing. `copies` are the targets after the first."""

    system: str | None = None
    source: str | None = None
    target: str | None = None
    copies: tuple[str, ...] = ()


_TEXTS = {"table": "SUPABASE_TABLE", "pattern": "FILE_PATTERN", "registry": "REGISTRY_PATH", "on_drift": ""}
_OPTIONS = ("exclude_rooms", "combined", "zone", "host")
_NUMBERS = {
    "settle_s": "",
    "patience_s": "",
    "rehash_s": "",
    "poll_s": "POLL_INTERVAL",
    "rescan_s": "",
    "batch": "BATCH_SIZE",
    "retries": "MAX_RETRIES",
    "rate": "",
}


def resolve_sync(settings: Settings, name: str | None, flags: Flags, warn: Warn = lambda _text: None) -> SyncSettings:
    """The sync called `name`; or the one that the flags name; what neither says, `GFX_SYNC_…` and `SUPABASE_…` may.

    Raises:
        UsageError: no such name, or it is not said what goes where.
        ConfigError: it, or a place it names, is configured wrongly.
    """
    keyed = settings.named("syncs", name) if name else {}
    if name and not keyed:
        raise places.unknown(settings, "syncs", name)
    system = flags.system or _get(keyed, "system", "") or ("gfx" if _has_older(os.environ) else "")
    if not system:
        hint = "name a sync of recon.toml, or give `--system`, `--from` and `--to`"
        raise UsageError("no files are named", hint=hint)
    textfile = _get(keyed, "textfile", "")
    return SyncSettings(
        name or system,
        system,
        _source(settings, keyed, flags, warn),
        target_of(settings, keyed, flags.target, warn),
        {key: text for key, other in _TEXTS.items() if (text := _get(keyed, key, "") or _older(other))},
        {key: number for key, other in _NUMBERS.items() if (number := _number(keyed, key, other)) is not None},
        _get(keyed, "observations", default=True),
        _get(keyed, "ping_url", ""),
        Path(textfile) if textfile else None,
        _copies(settings, keyed, flags, warn),
        _options(keyed),
    )


def options_of(settings: Settings) -> dict[str, dict[str, str]]:
    """By system, the rooms that any sync of recon.toml keeps back: items that wait from before are not sent either."""
    found: dict[str, dict[str, str]] = {}
    for name in settings.names("syncs"):
        keyed = settings.named("syncs", name)
        kept_back = _options(keyed).get("exclude_rooms", "")
        if kept_back:
            of = found.setdefault(_get(keyed, "system", ""), {})
            of["exclude_rooms"] = "\n".join(filter(None, (of.get("exclude_rooms"), kept_back)))
    return found


def _options(keyed: Mapping[str, Setting]) -> dict[str, str]:
    values = {name: keyed[name].value for name in _OPTIONS if name in keyed}
    return {name: "\n".join(map(str, one)) if isinstance(one, tuple) else str(one) for name, one in values.items()}


def _copies(settings: Settings, keyed: Mapping[str, Setting], flags: Flags, warn: Warn) -> tuple[Place, ...]:
    """The targets after the first: the flags', or those of the sync where the flags name none at all."""
    if flags.target:
        return tuple(with_key(places.resolve_store(settings, one, warn)) for one in flags.copies)
    names = places.texts(keyed, "copies")
    return tuple(with_key(places.end(settings, "stores", replace(keyed["copies"], value=one), warn)) for one in names)


def older_queue() -> Path | None:
    """Where the older service kept its queue, if its variable says so and a file is there."""
    path = Path(_older("QUEUE_DB_PATH")).expanduser() if _older("QUEUE_DB_PATH") else None
    return path if path is not None and path.is_file() else None


def _source(settings: Settings, keyed: Mapping[str, Setting], flags: Flags, warn: Warn) -> Place:
    if flags.source:
        return places.resolve_files(settings, flags.source, warn)
    if "from" in keyed:
        return places.end(settings, "files", keyed["from"], warn)
    named = _older("NAS_BASE_PATH")
    if not named:
        raise UsageError("no files are named", hint="give `--from`, `from` in recon.toml, or `GFX_SYNC_NAS_BASE_PATH`")
    return Place(str(Path(named).expanduser().absolute()))


def target_of(settings: Settings, keyed: Mapping[str, Setting], flag: str | None, warn: Warn) -> Place:
    """The target: the flag's, that of the section, or the one that `SUPABASE_URL` means.

    Raises:
        UsageError: nothing says one.
        ConfigError: it is configured wrongly.
    """
    if flag:
        return with_key(places.resolve_store(settings, flag, warn))
    if "to" in keyed:
        return with_key(places.end(settings, "stores", keyed["to"], warn))
    url = _either("SUPABASE_URL")
    if not url:
        raise UsageError("no target is named", hint="give `--to`, `to` in recon.toml, or `SUPABASE_URL`")
    if urlsplit(url).scheme not in {"http", "https"} or places.has_password(url):
        raise ConfigError(
            "`SUPABASE_URL` is not an address", cause=redact.text(url), hint="write it as `https://PROJECT.supabase.co`"
        )
    options = {"timeout_s": float(_older("SUPABASE_TIMEOUT") or 30)}
    return with_key(Place(f"supabase+{url.rstrip('/')}", options=options))


def with_key(place: Place) -> Place:
    """A REST target without a key, or an address, of its own takes those of the usual variables.

    Raises:
        ConfigError: `kv://` is asked for, and `KV_REST_API_URL` says no address.
    """
    own = place.secret
    if place.url.startswith(("supabase+", "postgrest+")):
        return replace(place, secret=secret.once(lambda: own() or _key()))
    if place.url.startswith("kv"):
        token = secret.once(lambda: own() or os.environ.get("KV_REST_API_TOKEN"))
        return replace(place, url=_kv_url() if place.url == "kv://" else place.url, secret=token)
    return place


def _kv_url() -> str:
    url = os.environ.get("KV_REST_API_URL", "").rstrip("/")
    if urlsplit(url).scheme not in {"http", "https"} or places.has_password(url):
        cause = f"`KV_REST_API_URL` is {redact.text(url) or 'not set'}"
        hint = "set `KV_REST_API_URL` to the REST address, and `KV_REST_API_TOKEN` to its token"
        raise ConfigError("`kv://` needs an address", cause=cause, hint=hint)
    return f"kv+{url}"


def _key() -> str | None:
    return next((found for name in _KEYS if (found := _either(name))), None)


def _has_older(environ: Mapping[str, str]) -> bool:
    return any(name.startswith(_PREFIX) for name in environ)


def _older(name: str) -> str:
    return os.environ.get(f"{_PREFIX}{name}", "") if name else ""


def _either(name: str) -> str:
    return _older(name) or os.environ.get(name, "")


def _number(keyed: Mapping[str, Setting], key: str, other: str) -> float | None:
    if key in keyed:
        return float(str(keyed[key].value))
    return _as_number(f"{_PREFIX}{other}", _older(other), float) if _older(other) else None


def _as_number(variable: str, text: str, read: Callable[[str], float]) -> float:
    try:
        number = read(text)
    except ValueError:
        number = 0.0
    if not number > 0:
        raise ConfigError(
            f"`{variable}` has a wrong value", cause="expected a number above 0", hint="correct or unset it"
        )
    return number


def _get(keyed: Mapping[str, Setting], key: str, default: T) -> T:
    return type(default)(keyed[key].value) if key in keyed else default  # type: ignore[arg-type]  # the parser checked it
