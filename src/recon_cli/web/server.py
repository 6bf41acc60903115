"""The server: uvicorn with the patience and the limits that it lacks, and an end that lets jobs wait."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from recon_cli.core.errors import ReconError, UsageError
from recon_cli.web.app import Application, build
from recon_cli.web.serving import Limits, Serving

_GRACE_S = 5
_MESSAGE_BYTES = 1 << 16
_ONE_READ_BYTES = 1 << 18
"""As much as asyncio reads at a time: a head may come with the beginning of a body."""
_DEAF_MS = 60_000


def run(serving: Serving, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve on a listening socket until a signal comes; `ready` is called when requests are answered.

    SIGINT and SIGTERM end it in order: sockets are closed, running jobs wait for the next start.
    """
    application = build(serving)
    _quiet(serving.told)
    config = uvicorn.Config(
        application.asgi,
        http=_patient(serving.limits),
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_S,
        limit_concurrency=serving.limits.sockets + 64,
    )
    _Server(config, application, ready).run([sock])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UsageError: there is no such address here.
        ReconError: the port is taken, or not for us.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError) as exc:
        raise UsageError(f"no address `{host}` on this machine", hint="use an address such as 127.0.0.1") from exc
    # With its protocol said: asyncio switches Nagle's algorithm off only then, and an answer would wait 40 ms with it.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except (OSError, OverflowError) as exc:
        sock.close()
        hint = "another program has it; name another with `--port`"
        raise ReconError(
            f"cannot listen at {host}:{port}", cause=getattr(exc, "strerror", str(exc)), hint=hint
        ) from exc
    sock.settimeout(0)
    return sock


def address(sock: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def notify(state: str) -> None:
    """Tell systemd, where it asked to be told (`Type=notify`)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(state.encode(), f"\0{path[1:]}" if path.startswith("@") else path)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, application: Application, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._application = application
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
        notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        self._application.bulletin.close()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.force_exit:
            os._exit(128 + sig)  # asked twice: at once, as every command


class _Patient(HttpToolsProtocol):
    """Requests whose head does not come in time, or has no end, are cut: uvicorn would wait and keep it for ever.

    So is a caller that takes nothing of its answer: the kernel gives him up after `_DEAF_MS`.
    """

    limits = Limits()
    _timer: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAF_MS)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is not None:
            self._head += len(data)
            if self._head > self.limits.head_bytes + _ONE_READ_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arm()

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def _arm(self) -> None:
        if self._timer is None:
            self._head = 0
            self._timer = self.loop.call_later(self.limits.patience_s, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()


def _patient(limits: Limits) -> type[HttpToolsProtocol]:
    return type("Patient", (_Patient,), {"limits": limits})


class _Told(logging.Handler):
    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told(record.getMessage())


def _quiet(told: Callable[[str], None]) -> None:
    """What uvicorn has to say goes where everything else goes, warnings and worse only."""
    logger: Any = logging.getLogger("uvicorn.error")
    logger.handlers = [_Told(told)]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
