"""A TCP connection that never blocks, plain or TLS, written for `steps`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from recon_cli.core.entry import Incomplete
from recon_cli.files.ftp.steps import READ, WRITE, Steps, Wait

if TYPE_CHECKING:
    import ssl  # imported at run time only where TLS is asked for: it costs a fifth of a bare start

CHUNK_BYTES = 262_144


class LostError(Exception):
    """The connection cannot be used any more; `reason` is how a listing says so."""

    def __init__(self, words: str, reason: Incomplete = Incomplete.CUT) -> None:
        super().__init__(words)
        self.reason = reason


class Wire:
    """A connected socket. `receive` also pushes out what `send` could not get rid of at once."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock: socket.socket = sock
        self._secured: ssl.SSLSocket | None = None
        self._outgoing = bytearray()
        self._want_read: tuple[type[Exception], ...] = (BlockingIOError,)
        self._want_write: tuple[type[Exception], ...] = (BlockingIOError,)
        self.peer = str(sock.getpeername()[0])

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The TLS socket, where the connection is encrypted."""
        return self._secured

    def send(self, payload: bytes) -> None:
        """Hand bytes over; what does not fit now goes out during the next `receive` or `flush`."""
        self._outgoing += payload
        self._push()

    def flush(self) -> Steps[None]:
        """Wait until everything handed over is with the system."""
        while self._outgoing:
            yield Wait(self._sock.fileno(), WRITE)
            self._push()

    def receive(self) -> Steps[bytes]:
        """Some bytes; none at the end of the stream."""
        while True:
            try:
                return self._sock.recv(CHUNK_BYTES)
            except self._want_read:
                yield Wait(self._sock.fileno(), READ | (WRITE if self._outgoing else 0))
            except self._want_write:
                yield Wait(self._sock.fileno(), WRITE)
            except OSError as error:
                if _is_tls_end(error):
                    return b""
                raise LostError(str(error)) from error
            self._push()

    def secure(self, context: ssl.SSLContext, host: str, session: ssl.SSLSession | None = None) -> Steps[None]:
        """Turn the connection into TLS; `session` resumes an earlier one, as many servers require of data channels."""
        import ssl  # noqa: PLC0415 - only TLS pays for it

        wrapped = context.wrap_socket(self._sock, server_hostname=host, session=session, do_handshake_on_connect=False)
        self._sock = self._secured = wrapped
        self._want_read, self._want_write = (ssl.SSLWantReadError,), (ssl.SSLWantWriteError,)
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                yield Wait(wrapped.fileno(), READ)
            except ssl.SSLWantWriteError:
                yield Wait(wrapped.fileno(), WRITE)
            else:
                return

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError, ValueError):
            if self._secured is not None:
                self._sock = self._secured.unwrap()
            self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the socket."""
        with contextlib.suppress(OSError):
            self._sock.close()

    def _push(self) -> None:
        try:
            while self._outgoing:
                sent = self._sock.send(self._outgoing)
                del self._outgoing[:sent]
        except (*self._want_read, *self._want_write):
            return
        except OSError as error:
            raise LostError(str(error)) from error


def dial(host: str, port: int) -> Steps[Wire]:
    """Connect to the first address of `host` that answers; OSError of the last one otherwise."""
    failure: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in _addresses(host, port):
        sock = socket.socket(family, kind, protocol)
        try:
            yield from _connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return Wire(sock)
    raise failure


def _addresses(host: str, port: int) -> Iterable[tuple[int, int, int, str, object]]:
    if host.isascii():  # as bytes: Python would load the tables of international names for a text
        return socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _connect(sock: socket.socket, address: object) -> Steps[None]:
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(BlockingIOError):
        sock.connect(address)  # type: ignore[arg-type] # what getaddrinfo gave
        return
    yield Wait(sock.fileno(), WRITE)
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        import os  # noqa: PLC0415 - the rare path

        raise OSError(code, os.strerror(code))


def _is_tls_end(error: OSError) -> bool:
    """Servers end TLS without saying goodbye; on FTP the control channel's 226 tells whether that was all."""
    return type(error).__name__ in ("SSLEOFError", "SSLZeroReturnError")
