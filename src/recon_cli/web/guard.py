"""The guard: what every request must pass before a route sees it, and what every answer carries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recon_cli.web import answers
from recon_cli.web.answers import RefusedError
from recon_cli.web.serving import COOKIE, Access, Serving

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
UPLOADS = frozenset({"/recon/jobs"})
"""Here bodies are large, and the route reads them itself, piece by piece."""
_PUBLIC = ("/v/", "/recon/pub/", "/health", "/session")
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_TOO_LARGE, _SERVER_ERROR = 413, 500


@dataclass(slots=True)
class Counted:
    """What the guard has seen, for `/metrics`."""

    answers: dict[int, int] = field(default_factory=dict)
    received_bytes: int = 0
    sockets: int = 0

    def add(self, status: int) -> None:
        """One more answer."""
        self.answers[status] = self.answers.get(status, 0) + 1


@dataclass(slots=True)
class Guard:
    """An ASGI application round another."""

    app: ASGIApp
    serving: Serving
    counted: Counted = field(default_factory=Counted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read(scope)
        sending = _Sending(send, cors(self.serving.access, headers), self.counted)
        try:
            admit(scope, headers, self.serving.access)
            if scope["method"] == "OPTIONS":
                await _preflight(sending.granted)(scope, receive, sending)
                return
            await self.app(scope, await self._limited(scope, headers, receive), sending)
        except RefusedError as exc:
            if exc.status == _TOO_LARGE and "expect" not in headers:  # else nothing is on its way until we ask for it
                await answers.swallowed(receive)
            await answers.of_error(exc, _closing(exc))(scope, receive, sending)
        except Exception as exc:  # noqa: BLE001  the boundary of a request: nothing passes as a traceback
            told = self.serving.crash(exc)
            if not sending.began:
                await JSONResponse({"detail": told}, _SERVER_ERROR)(scope, receive, sending)

    async def _limited(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """The body within its limits: read here at once where it must be small, counted on the way where it may not."""
        upload = scope["method"] == "POST" and scope["path"].rstrip("/") in UPLOADS
        most = self.serving.limits.upload_bytes if upload else self.serving.limits.body_bytes
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise RefusedError(413, f"the body is larger than {most} bytes")
        if upload or (not declared and "transfer-encoding" not in headers) or declared == "0":
            return receive
        return _replay(await self._small(receive, most), receive)

    async def _small(self, receive: Receive, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self.serving.limits.patience_s):
                while True:
                    message = await receive()
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise RefusedError(413, f"the body is larger than {most} bytes")
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        self.counted.received_bytes += size
                        return b"".join(parts)
        except TimeoutError:
            raise RefusedError(408, "the body did not come in time") from None

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            admit({**scope, "method": "GET"}, read(scope), self.serving.access)
            self._room()
        except RefusedError as exc:
            await receive()
            await _deny(exc, scope, receive, send)
            return
        self.counted.sockets += 1
        try:
            await self.app(scope, receive, send)
        except Exception as exc:  # noqa: BLE001  as above
            self.serving.crash(exc)
        finally:
            self.counted.sockets -= 1

    def _room(self) -> None:
        if self.counted.sockets >= self.serving.limits.sockets:
            raise RefusedError(503, "too many sockets are open")


def read(scope: Scope) -> dict[str, str]:
    """The headers, in lower case; of several of one name the last, several cookies joined."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key == "cookie" and key in found else text
    return found


def admit(scope: MutableMapping[str, Any], headers: dict[str, str], access: Access) -> None:
    """Refuse who calls it by another's name, from another's page, or without the token where one is needed.

    Raises:
        RefusedError: with the status to answer.
    """
    host = headers.get("host", "")
    if not access.is_called(host):
        raise RefusedError(421, "this server is not called so", hint="add the name to `[serve] hosts`")
    origin = headers.get("origin", "")
    crossing = bool(origin) and not access.is_ours(origin, host)
    writes = scope["method"] not in SAFE
    if crossing and (writes or scope["type"] == "websocket"):
        raise RefusedError(403, "pages of other sites may not call this", hint="add theirs to `[serve] origins`")
    if writes and headers.get("sec-fetch-site") == "cross-site" and origin.lower() not in access.origins:
        raise RefusedError(403, "pages of other sites may not call this", hint="add theirs to `[serve] origins`")
    if _needs_token(scope, access, writes=writes) and not knows(headers, access):
        raise RefusedError(401, "the token is missing or wrong", hint="send `Authorization: Bearer TOKEN`")


def knows(headers: dict[str, str], access: Access) -> bool:
    """Whether the caller has the token: as a bearer, or as the cookie that a browser was given for it."""
    scheme, _, word = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return access.is_token(word.strip())
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    return cookie is not None and access.is_cookie(cookie.value)


def _needs_token(scope: MutableMapping[str, Any], access: Access, *, writes: bool) -> bool:
    path = scope["path"]
    if access.digest is None or scope["method"] == "OPTIONS" or path == "/session":
        return False
    return writes or (access.private and path != "/" and not path.startswith(_PUBLIC))


def cors(access: Access, headers: dict[str, str]) -> dict[str, str]:
    """What a page of an allowed site is granted; nothing for every other."""
    origin = headers.get("origin", "")
    if origin.lower() not in access.origins:
        return {"vary": "origin"} if access.origins else {}
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": "authorization, content-type, range",
        "access-control-max-age": "600",
        "cross-origin-resource-policy": "cross-origin",
        "vary": "origin",
    }


def _preflight(granted: dict[str, str]) -> Response:
    return Response(status_code=204 if "access-control-allow-origin" in granted else 405)


def _closing(exc: RefusedError) -> dict[str, str]:
    """A body that was not read must not be taken for the next request; a 401 says how to come back."""
    if exc.status in {408, 413}:
        return {"connection": "close"}
    return {"www-authenticate": "Bearer"} if exc.status == 401 else {}  # noqa: PLR2004  unauthorised


def _replay(body: bytes, receive: Receive) -> Receive:
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


async def _deny(exc: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    renamed: Callable[[Message], Awaitable[None]] = lambda message: send(  # noqa: E731  a name for the renaming
        {**message, "type": f"websocket.{message['type']}"}
    )
    await answers.of_error(exc)({**scope, "type": "http", "method": "GET"}, receive, renamed)


@dataclass(slots=True)
class _Sending:
    """`send` that adds the headers of every answer, and remembers whether it began."""

    send: Send
    granted: dict[str, str]
    counted: Counted
    began: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            self.counted.add(message["status"])
            there = {name.lower() for name, _ in message["headers"]}
            added = {name: value for name, value in _HEADERS.items() if name.encode() not in there}
            more = [(name.encode(), value.encode("latin-1")) for name, value in {**added, **self.granted}.items()]
            message = {**message, "headers": [*message["headers"], *more]}
        await self.send(message)
