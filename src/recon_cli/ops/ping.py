"""Heartbeats: tell a watcher that a run began, ended well or failed. A lost heartbeat never fails the run."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recon_cli import __version__

if TYPE_CHECKING:
    from urllib.request import Request

TIMEOUT_S = 10.0
_BODY_BYTES = 10_000  # healthchecks.io keeps this much
_MESSAGE_CHARS = 200  # goes into a query string


@dataclass(frozen=True, slots=True)
class Ping:
    """A check at a watcher. Every method gives back a warning to show, or None when the watcher took the ping.

    URL, URL/start and URL/fail as healthchecks.io and its kin have it; an Uptime Kuma push URL (`/api/push/…`) gets
    `status=up` or `down` instead and no start. An empty URL pings nobody.
    """

    url: str

    def start(self) -> str | None:
        """The run begins."""
        return None if _is_kuma(self.url) else self._send("/start", "", "")

    def success(self, body: str = "") -> str | None:
        """The run ended well."""
        return self._send("", "up", body)

    def fail(self, body: str = "") -> str | None:
        """The run failed, or found what it was to warn of."""
        return self._send("/fail", "down", body)

    def _send(self, suffix: str, status: str, body: str) -> str | None:
        if not self.url:
            return None
        import http.client  # noqa: PLC0415  most runs ping nobody, and this takes a tenth of a start
        from urllib import request as sending  # noqa: PLC0415  same

        try:
            request = _push(self.url, status, body) if _is_kuma(self.url) else _post(self.url, suffix, body)
            with sending.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310  `_checked` allows http and https only
                return None
        except (OSError, ValueError, http.client.HTTPException) as exc:
            return f"the heartbeat did not reach {_host(self.url)}: {_reason(exc)}"


def _is_kuma(url: str) -> bool:
    return "/api/push/" in urllib.parse.urlsplit(url).path


def _post(url: str, suffix: str, body: str) -> Request:
    parts = _checked(url)
    address = urllib.parse.urlunsplit(parts._replace(path=parts.path.rstrip("/") + suffix))
    return _request(address, body.encode("utf-8", "replace")[:_BODY_BYTES])


def _push(url: str, status: str, body: str) -> Request:
    parts = _checked(url)
    fields = dict(urllib.parse.parse_qsl(parts.query))
    fields.update(status=status, msg=body[:_MESSAGE_CHARS] or ("OK" if status == "up" else "failed"))
    return _request(urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(fields))), None)


def _request(address: str, body: bytes | None) -> Request:
    from urllib import request as making  # noqa: PLC0415  as above

    headers = {"User-Agent": f"recon/{__version__}", "Content-Type": "text/plain; charset=utf-8"}
    return making.Request(address, data=body, headers=headers)  # noqa: S310  `_checked` came before


def _checked(url: str) -> urllib.parse.SplitResult:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"`{parts.scheme}` is not http or https")
    return parts


def _host(url: str) -> str:
    """The host alone: the path of a ping URL is its password."""
    return urllib.parse.urlsplit(url).hostname or "its host"


def _reason(exc: Exception) -> str:
    import urllib.error  # noqa: PLC0415  as above

    if isinstance(exc, urllib.error.HTTPError):
        return f"HTTP {exc.code}"
    return str(getattr(exc, "reason", "")) or str(exc) or type(exc).__name__
