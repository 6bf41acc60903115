"""Place: a store's address as configured, with its secret held back until it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit


def _no_secret() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is.

    `url` never holds a password; `secret` fetches it (file, command, environment, systemd credential) when the
    connection is made, and is never shown. `options` are the remaining keys of the place in `recon.toml`
    (`encoding`, `tls`, `key_file`, `known_hosts`, `zone`, `timeout_s`, `schema`, …).
    """

    url: str
    name: str = ""
    secret: Callable[[], str | None] = field(default=_no_secret, repr=False)
    options: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def text(self, option: str, default: str = "") -> str:
        """An option as text."""
        return str(self.options.get(option, default))

    def number(self, option: str, default: float) -> float:
        """An option as a number."""
        return float(self.options.get(option, default))

    @property
    def label(self) -> str:
        """What to call this place in a sentence: its name, or its URL."""
        return self.name or self.url


def redact(url: str) -> str:
    """The URL without its password, for showing and for naming state."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL; what stands before its `@` may be a login all the same
        return url.rpartition("@")[2]
    if "@" not in parts.netloc:
        return url
    login, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}@{host}"))
