"""Commands to Upstash and Vercel KV, by their REST protocol: one POST for each, a JSON list of words."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from recon_cli.core.delivery import DeliveryError, Failure, classify, retry_after_s
from recon_cli.core.errors import ConfigError
from recon_cli.core.json_text import loads
from recon_cli.core.place import Place, redact
from recon_cli.stores.documents.kv import KvDocuments, Reply, refusal

_MOST_BYTES = 700_000
"""The smallest plan takes requests of 1 MB."""


class RestSpeaker:
    """One kept connection. A command whose answer was lost is not sent again: the outbox decides that."""

    def __init__(self, place: Place) -> None:
        self._place = place
        parts = urlsplit(place.url.removeprefix("kv+"))
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            hint = "write it as `kv+https://HOST`, or set `KV_REST_API_URL` and say `kv://`"
            raise ConfigError(f"no host in {redact(place.url)}", hint=hint)
        self._tls, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._path = parts.path.rstrip("/") or "/"
        self._link: http.client.HTTPConnection | None = None
        self.url = redact(place.url).partition("?")[0]

    def __call__(self, *words: str) -> Reply:
        """See `Speaker`."""
        body = json.dumps(words, ensure_ascii=False).encode("utf-8", "surrogatepass")
        status, headers, said = self._answer(body)
        told = _json(said)
        if status >= HTTPStatus.BAD_REQUEST or "error" in told:
            raise _refused(status, headers, str(told.get("error") or f"HTTP {status}"))
        if "result" not in told:
            raise DeliveryError(Failure.DRIFT, "the answer has no `result`: is this an Upstash or Vercel KV address?")
        return told["result"]  # type: ignore[return-value]  # JSON of the shapes that commands give

    def close(self) -> None:
        """See `Speaker.close`."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def _answer(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        try:
            if self._link is None:
                self._link = self._connect()
            self._link.request("POST", self._path, body, self._headers())
            answer = self._link.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise DeliveryError(Failure.TRANSIENT, str(exc) or type(exc).__name__) from exc

    def _connect(self) -> http.client.HTTPConnection:
        timeout_s = self._place.number("timeout_s", 30)
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        context = ssl.create_default_context(cafile=self._place.text("ca_file") or None)
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s, context=context)

    def _headers(self) -> dict[str, str]:
        token = (self._place.secret() or "").strip()
        told = {"Content-Type": "application/json", "User-Agent": "recon"}
        return told | ({"Authorization": f"Bearer {token}"} if token else {})


def documents(place: Place) -> KvDocuments:
    """One database; `?prefix=` in the URL names its keys otherwise than `recon:…`."""
    prefix = dict(parse_qsl(urlsplit(place.url).query)).get("prefix", "recon")
    return KvDocuments(RestSpeaker(place), prefix, _MOST_BYTES)


def _refused(status: int, headers: Mapping[str, str], said: str) -> DeliveryError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return refusal(f"Unauthorized: {said}")
    if status == HTTPStatus.BAD_REQUEST or status < HTTPStatus.BAD_REQUEST:
        return refusal(said)
    after = retry_after_s(next((v for k, v in headers.items() if k.lower() == "retry-after"), None), datetime.now(UTC))
    return DeliveryError(classify(status=status), f"HTTP {status}: {said}", retry_after_s=after)


def _json(said: bytes) -> dict[str, object]:
    try:
        told = loads(said)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
