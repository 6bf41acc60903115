"""Secrets stay out of every text that is shown, stored or sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

HIDDEN = "***"

_SHORTEST = 4  # replacing shorter ones would tear words apart and give the secret away by its gaps
_seen: set[str] = set()

# Texts come from strangers, too: each pattern takes time that grows with the text, not with its square or worse.
_WORD = re.compile(r"\S+")
_LOGIN = re.compile(r"(://[^\s/:@?#]*):.*", re.DOTALL)
_SECRET_NAME = re.compile(r"passw(or)?d|passphrase|secret|token|api_?key|authorization|credential", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?<![\w.-])(?=[\w.-]*?(?:passw(?:or)?d|passphrase|secret|token|api_?key))"
    r"(?P<name>[\w.-]++)(?P<sign>\s*+[=:]\s*+)"
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
    shown = _WORD.sub(_hide_login, shown)
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


def _hide_login(found: re.Match[str]) -> str:
    """A word without the password of the URL in it, which ends at its last `@`."""
    before, at, after = found[0].rpartition("@")
    return _LOGIN.sub(rf"\1:{HIDDEN}", before) + at + after if at else found[0]


def _hide_value(found: re.Match[str]) -> str:
    # `password_file = "x"` names a place, not a secret
    if found["name"].lower().endswith(("_file", "_command")):
        return found[0]
    return f"{found['name']}{found['sign']}{HIDDEN}"
