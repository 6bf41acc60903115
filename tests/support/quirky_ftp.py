"""pyftpdlib with the manners of other servers, switched on one by one."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer


@dataclass(frozen=True)
class Quirks:
    """What this server does differently; the defaults are pyftpdlib's."""

    without: tuple[str, ...] = ()
    """Commands it does not know, e.g. ("MLSD", "MLST", "STAT")."""
    encoding: str = "utf-8"
    max_connections: int = 0
    refuse_with: str = "421"
    """What a connection too many gets: 421 at once, or 530 at its login (ProFTPD)."""
    idle_s: int = 300
    cut_after_bytes: int = 0
    """Each control connection ends after so many bytes, in the middle of a line if need be."""
    cut_connections: int = 1_000_000
    """How many connections are cut before the server behaves."""
    denied: tuple[str, ...] = ()
    """Folders that exist and cannot be entered."""
    stop_at: int = 0
    """List so many names at most, silently."""
    stop_words: str = ""
    """What the 226 says when a listing was cut short on the data channel."""
    stat_hides_dots: bool = False
    lose_pipelined: bool = False
    """Drop whatever follows the first command of a packet, as some NAT boxes do."""
    hang_on: str = ""
    """Answer nothing from this command on (`MDTM`), or from one whose argument ends so (`CWD dir 7`)."""
    nat: bool = False
    """Announce an address in PASV that nobody can reach, and know no EPSV."""
    lines: tuple[bytes, ...] = ()
    """Answer LIST with these lines, whatever is there."""
    banner: str = "quirky ready"


class RunningServer:
    """The server's thread; counts the commands it saw."""

    def __init__(self, server: FTPServer, commands: list[str]) -> None:
        self.port = int(server.socket.getsockname()[1])
        self.commands = commands
        self._server = server
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop and wait for the thread."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._server.serve_forever(timeout=0.02, blocking=False)
        self._server.close_all()


class QuirkyFolders(AbstractedFS):
    """A file system with denied folders and short lists."""

    quirks = Quirks()

    def chdir(self, path: str) -> None:
        if Path(path).name in self.quirks.denied:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        super().chdir(path)

    def listdir(self, path: str) -> list[str]:
        names = sorted(super().listdir(path))
        return names[: self.quirks.stop_at] if self.quirks.stop_at else names


class QuirkyHandler(FTPHandler):
    """A session with quirks; `seen` collects the command lines of all sessions."""

    quirks = Quirks()
    seen: list[str]
    cut: list[int]
    use_gmt_times = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._sent_bytes = 0
        super().__init__(*args, **kwargs)
        self._doomed = bool(self.quirks.cut_after_bytes) and len(self.cut) < self.quirks.cut_connections
        if self._doomed:
            self.cut.append(1)

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self.seen.append(line)
        verb, _, name = self.quirks.hang_on.partition(" ")
        self._hangs = getattr(self, "_hangs", False) or (cmd == verb and arg.endswith(name))
        if self._hangs:
            return
        if cmd in self.quirks.without or (cmd == "EPSV" and self.quirks.nat):
            self.respond(f'500 Command "{cmd}" not understood.')
            return
        super().pre_process_command(line, cmd, arg)

    def recv(self, size: int) -> bytes:
        received: bytes = super().recv(size)
        if self.quirks.lose_pipelined and received.count(b"\n") > 1:
            received = received[: received.index(b"\n") + 1]
        return received

    def send(self, data: bytes) -> int:
        if not getattr(self, "_doomed", False):
            return int(super().send(data))
        left = self.quirks.cut_after_bytes - self._sent_bytes
        self._sent_bytes += len(data)
        sent = int(super().send(data[:left])) if left > 0 else 0
        if left <= len(data):
            self.close()
        return sent

    def ftp_PASS(self, line: str) -> None:  # noqa: N802 - pyftpdlib finds commands by name
        if self.quirks.refuse_with == "530" and self._too_many():
            self.respond("530 Sorry, the maximum number of connections for this user has been reached.")
            self.close_when_done()
            return
        super().ftp_PASS(line)

    def _too_many(self) -> bool:
        limit = self.quirks.max_connections
        return (
            bool(limit) and sum(1 for other in self.ioloop.socket_map.values() if isinstance(other, FTPHandler)) > limit
        )

    def ftp_LIST(self, path: str) -> Any:  # noqa: N802 - same
        if not self.quirks.lines:
            return super().ftp_LIST(path)
        self.push_dtp_data(b"".join(line + b"\r\n" for line in self.quirks.lines), cmd="LIST")
        return path

    def respond(self, resp: str, logfun: Any = None) -> None:
        if self.quirks.stop_words and resp.startswith("226"):
            resp = f"226 {self.quirks.stop_words}"
        super().respond(resp, **({} if logfun is None else {"logfun": logfun}))


def serve(
    root: Path, user: str, password: str, quirks: Quirks, *, tls: str = "", certificate: str = ""
) -> RunningServer:
    """Start a server with these quirks."""
    commands: list[str] = []
    folders = type("Folders", (QuirkyFolders,), {"quirks": quirks})
    attributes = {
        "quirks": quirks,
        "seen": commands,
        "cut": [],
        "authorizer": _authorizer(root, user, password),
        "abstracted_fs": folders,
        "encoding": quirks.encoding,
        "timeout": quirks.idle_s,
        "banner": quirks.banner,
        "auth_failed_timeout": 0,
        "masquerade_address": "10.255.255.1" if quirks.nat else None,
        "proto_cmds": dict(FTPHandler.proto_cmds),
    }
    handler = type("Handler", tuple(_bases(tls)), attributes | _tls_attributes(tls, certificate))
    if tls:
        handler.proto_cmds = {**handler.__mro__[2].proto_cmds, **handler.proto_cmds}  # type: ignore[attr-defined] # made by type()
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=IOLoop())
    if quirks.max_connections and quirks.refuse_with == "421":
        server.max_cons_per_ip = quirks.max_connections
    return RunningServer(server, commands)


def _authorizer(root: Path, user: str, password: str) -> DummyAuthorizer:
    authorizer = DummyAuthorizer()
    authorizer.add_user(user, password, str(root), perm="elradfmwMT")
    return authorizer


def _bases(tls: str) -> Iterable[type]:
    if not tls:
        return (QuirkyHandler,)
    from pyftpdlib.handlers import TLS_FTPHandler  # noqa: PLC0415 - needs pyOpenSSL

    class Implicit(TLS_FTPHandler):  # type: ignore[misc] # pyftpdlib is untyped
        """TLS from the first byte."""

        def handle(self) -> None:
            self.secure_connection(self.ssl_context)

        def handle_ssl_established(self) -> None:
            TLS_FTPHandler.handle(self)

    return (QuirkyHandler, Implicit if tls == "implicit" else TLS_FTPHandler)


def _tls_attributes(tls: str, certificate: str) -> dict[str, object]:
    if not tls:
        return {}
    from pyftpdlib.handlers import TLS_FTPHandler  # noqa: PLC0415 - needs pyOpenSSL

    return {
        "certfile": certificate,
        "tls_control_required": True,
        "tls_data_required": True,
        "proto_cmds": dict(TLS_FTPHandler.proto_cmds),
    }
