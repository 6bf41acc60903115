"""Secrets stay out of every text that is shown, stored or sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

HIDDEN = "***"

_SHORTEST = 4  # replacing shorter ones would tear words apart and give the secret away by its gaps
_seen: set[str] = set()

_URL_PASSWORD = re.compile(r"(?P<login>[a-zA-Z][\w+.-]*://[^\s/:@?#]*):(?P<secret>[^\s]*)@")
_SECRET_NAME = re.compile(r"passw(or)?d|passphrase|secret|token|api_?key|authorization|credential", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?P<name>[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api_?key)[\w.-]*)(?P<sign>\s*[=:]\s*)"
    r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s,;&)\]}]+)",
    re.IGNORECASE,
)


def remember(secret: str) -> str:
    """Hide this very text from now on, wherever `text` meets it; gives it back for use."""
    if len(secret) >= _SHORTEST:
        _seen.add(secret)
    return secret


def text(shown: str) -> str:
    """`shown` without remembered secrets, passwords in URLs, and values assigned to names that sound secret."""
    for secret in sorted(_seen, key=len, reverse=True):
        shown = shown.replace(secret, HIDDEN)
    shown = _URL_PASSWORD.sub(rf"\g<login>:{HIDDEN}@", shown)
    return _ASSIGNED.sub(_hide_value, shown)


def argv(words: Iterable[str]) -> list[str]:
    """A command line that may be shown."""
    return [text(word) for word in words]


def mapping(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings that may be shown: secret-sounding names lose their values, the rest is scrubbed, at every depth."""
    return {name: _value(name, value) for name, value in settings.items()}


def _value(name: str, value: object) -> object:
    if isinstance(value, Mapping):
        return mapping(value)
    if isinstance(value, list | tuple):
        return [_value(name, item) for item in value]
    if _SECRET_NAME.search(name) and isinstance(value, str) and not name.endswith(("_file", "_command")):
        return HIDDEN
    return text(value) if isinstance(value, str) else value


def _hide_value(found: re.Match[str]) -> str:
    # `password_file = "x"` names a place, not a secret
    if found["name"].lower().endswith(("_file", "_command")):
        return found[0]
    return f"{found['name']}{found['sign']}{HIDDEN}"
