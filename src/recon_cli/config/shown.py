"""Settings as they may be shown: every value with its source, no secret among them."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from recon_cli.config import secret
from recon_cli.config.keys import Plain
from recon_cli.config.layers import Layer, Setting, Source
from recon_cli.config.settings import Settings
from recon_cli.ops import redact

_SECRET_KEYS = ("password_file", "password_command")


def shown(settings: Settings) -> tuple[Setting, ...]:
    """Every value that is set, by key; a password appears only as `(set, from …)`, a heartbeat only by its host."""
    plain = [_harmless(one) for key, one in settings.values.items() if not key.endswith(_SECRET_KEYS)]
    return tuple(sorted([*plain, *_passwords(settings)], key=lambda one: one.key))


def _harmless(one: Setting) -> Setting:
    if one.key == "ping.url" or one.key.endswith(".ping_url"):
        parts = urlsplit(str(one.value))
        return Setting(one.key, f"{parts.scheme}://{parts.hostname}/{redact.HIDDEN}", one.source)
    return Setting(one.key, _scrubbed(one.value), one.source)


def _scrubbed(value: Plain) -> Plain:
    if isinstance(value, tuple):
        return tuple(redact.text(item) for item in value)
    return redact.text(value) if isinstance(value, str) else value


def _passwords(settings: Settings) -> list[Setting]:
    places = [(section, name) for section in ("files", "stores") for name in settings.names(section)]
    found = [_password(settings, section, name) for section, name in places]
    bare = [_bare(section) for section in ("files", "stores")]
    return [one for one in (*found, *bare) if one is not None]


def _password(settings: Settings, section: str, name: str) -> Setting | None:
    keyed = settings.named(section, name)
    source = secret.source(section, name, keyed)
    if source is None:
        return None
    words = source[0]
    from_key = keyed[words].source if words in keyed else Source(Layer.ENVIRONMENT, words.strip("`"))
    return Setting(f"{section}.{name}.password", f"(set, from {words.strip('`')})", from_key)


def _bare(section: str) -> Setting | None:
    name = secret.variable(section)
    if not os.environ.get(name):
        return None
    return Setting(f"{section}.password", f"(set, from {name})", Source(Layer.ENVIRONMENT, name))
