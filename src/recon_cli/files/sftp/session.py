"""One SSH connection: reaching the server, checking its key, logging in, opening SFTP channels."""

from __future__ import annotations

import getpass
import logging
import socket
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

import paramiko

from recon_cli.core.errors import AuthError, ConfigError, ReconError, UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.files.cut import Cut
from recon_cli.files.sftp.hostkeys import KnownHosts
from recon_cli.files.sftp.wire import INIT, Kind, Packets, Reply

CHANNEL_WINDOW_BYTES = 4 << 20
_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it would print its transport's tracebacks


class Pipe:
    """A raw SFTP channel: requests are collected, sent in one go, and answered in any order."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._packets = Packets()
        self._unsent = bytearray()
        self._number = 0
        self._early: dict[int, Reply] = {}
        self._unwanted: set[int] = set()
        with breaking():
            channel.sendall(INIT)
        self.version = next(
            reply.number for replies in self._batches() for reply in replies if reply.kind == Kind.VERSION
        )

    def number(self) -> int:
        """A fresh request number."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        return self._number

    def queue(self, packet: bytes) -> None:
        """Add a request to the next batch."""
        self._unsent += packet

    def replies(self) -> list[Reply]:
        """Send what is queued and wait for some replies.

        Raises:
            Cut: the connection ended, or stayed silent for the time limit.
        """
        if self._unsent:
            with breaking():
                self._channel.sendall(bytes(self._unsent))
            self._unsent.clear()
        return next(self._batches())

    def answer(self, number: int) -> Reply:
        """The reply to one request; replies to others wait for their turn."""
        while number not in self._early:
            for reply in self.replies():
                if reply.number in self._unwanted:
                    self._unwanted.discard(reply.number)
                else:
                    self._early[reply.number] = reply
        return self._early.pop(number)

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop the replies to these requests when they come; nobody will ask for them."""
        self._unwanted |= {number for number in numbers if self._early.pop(number, None) is None}

    def _batches(self) -> Iterator[list[Reply]]:
        while True:
            with breaking():
                chunk = self._channel.recv(1 << 18)
            if not chunk:
                raise Cut(EOFError("the connection was closed"))
            if found := list(self._packets.feed(chunk)):
                yield found

    def flush(self) -> None:
        """Send what is queued without waiting."""
        with breaking():
            self._channel.sendall(bytes(self._unsent))
        self._unsent.clear()

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


class Session:
    """Connects when first used, and again after `reset`."""

    def __init__(self, place: Place) -> None:
        parts = urlsplit(place.url)
        if not parts.hostname:
            raise ConfigError(f"no host in {redact(place.url)}", hint="write it as `sftp://user@host/path`")
        self.host, self.port = parts.hostname, parts.port or 22
        self.user = unquote(parts.username or "") or getpass.getuser()
        self.root = _root(unquote_to_bytes(parts.path))
        self.url = redact(place.url)
        self.timeout_s = place.number("timeout_s", 30)
        self._place = place
        self._transport: paramiko.Transport | None = None
        self._client: paramiko.SFTPClient | None = None

    def pipe(self) -> Pipe:
        """A fresh raw SFTP channel."""
        transport = self._connected()
        with breaking():
            channel = transport.open_session(window_size=CHANNEL_WINDOW_BYTES, timeout=self.timeout_s)
            channel.settimeout(self.timeout_s)
            channel.invoke_subsystem("sftp")
        return Pipe(channel)

    def client(self) -> paramiko.SFTPClient:
        """The client for single commands: stat, write, rename, remove."""
        transport = self._connected()
        if self._client is None:
            with breaking():
                self._client = paramiko.SFTPClient.from_transport(transport)
                assert self._client is not None
                channel = self._client.get_channel()
                assert channel is not None
                channel.settimeout(self.timeout_s)
        return self._client

    def reset(self) -> None:
        """Drop the connection; the next use makes a new one."""
        if self._transport is not None:
            self._transport.close()
        self._transport = self._client = None

    def banner(self) -> str:
        """How the server names itself."""
        return str(self._connected().remote_version)

    def _connected(self) -> paramiko.Transport:
        if self._transport is None or not self._transport.is_active():
            self.reset()
            self._transport = self._connect()
        return self._transport

    def _connect(self) -> paramiko.Transport:
        known = KnownHosts(self._place, self.host, self.port)
        transport = self._greet(known.kinds())
        try:
            known.check(transport.get_remote_server_key())
            self._log_in(transport)
        except BaseException:
            transport.close()
            raise
        return transport

    def _greet(self, kinds: list[str]) -> paramiko.Transport:
        try:
            link = socket.create_connection((self.host, self.port), timeout=self.timeout_s)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(link)
        except (OSError, paramiko.SSHException) as exc:
            raise self._unreachable(exc) from exc
        try:
            transport.banner_timeout = transport.auth_timeout = self.timeout_s
            _prefer(transport, kinds)
            transport.start_client(timeout=self.timeout_s)
            transport.get_remote_server_key()  # `start_client` ends quietly when its time is over
        except (OSError, EOFError, paramiko.SSHException) as exc:
            transport.close()
            raise self._unreachable(exc) from exc
        return transport

    def _unreachable(self, exc: BaseException) -> UnreachableError:
        cause = "it did not answer in time" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
        hint = f"check host and port, or raise `timeout_s` (now {self.timeout_s:g})"
        return UnreachableError(f"cannot reach {self.host}:{self.port} for {self._place.label}", cause=cause, hint=hint)

    def _log_in(self, transport: paramiko.Transport) -> None:
        refused: list[str] = []
        try:
            for what, key in self._credentials():
                try:
                    transport.auth_password(self.user, key) if isinstance(key, str) else transport.auth_publickey(
                        self.user, key
                    )
                except paramiko.BadAuthenticationType as exc:
                    refused.append(f"{what}: the server takes {', '.join(exc.allowed_types)}")
                except paramiko.AuthenticationException as exc:
                    refused.append(f"{what}: {exc}")
                if transport.is_authenticated():
                    return
        except (OSError, EOFError, paramiko.SSHException) as exc:
            refused.append(str(exc) or type(exc).__name__)
        hint = "set `password_file` or `key_file` for this place, or load the key into the agent"
        cause = "; ".join(refused) or "there is neither a key nor a password to try"
        raise AuthError(f"cannot log in to {self.url} as {self.user}", cause=cause, hint=hint)

    def _credentials(self) -> Iterator[tuple[str, paramiko.PKey | str]]:
        secret = self._place.secret()
        if file := self._place.text("key_file"):
            yield f"key {file}", _load_key(Path(file).expanduser(), secret)
        if secret is not None:
            yield "password", secret
        if file:
            return
        with closing(paramiko.Agent()) as agent:
            for key in agent.get_keys():
                yield "agent", key
        for path in (Path("~/.ssh").expanduser() / name for name in _DEFAULT_KEYS):
            if path.exists():
                yield f"key {path}", _load_key(path, secret)


@contextmanager
def breaking() -> Iterator[None]:
    """Turn what paramiko raises on a lost connection into `Cut`."""
    try:
        yield
    except ReconError:
        raise
    except (OSError, EOFError, paramiko.SSHException) as exc:
        raise Cut(exc) from exc


def _root(path: bytes) -> bytes:
    """`/path` is absolute, `/~/path` and an empty path start in the home directory."""
    if path in {b"", b"/~"}:
        return b"."
    if path.startswith(b"/~/"):
        return path.removeprefix(b"/~/").rstrip(b"/") or b"."
    return path.rstrip(b"/") or b"/"


def _prefer(transport: paramiko.Transport, kinds: list[str]) -> None:
    """Ask for the key types that are known for the host first, as OpenSSH does."""
    wanted = [one for kind in kinds for one in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))]
    options = transport.get_security_options()
    offered = list(options.key_types)
    options.key_types = [one for one in wanted if one in offered] + [one for one in offered if one not in wanted]


def _load_key(path: Path, secret: str | None) -> paramiko.PKey:
    try:
        # Bytes suit every version: before 5.0 the argument was called `passphrase`, and cryptography takes no text.
        return paramiko.PKey.from_path(path, secret.encode() if secret else None)  # type: ignore[arg-type]  # see above
    except (OSError, ValueError, TypeError, paramiko.SSHException) as exc:
        hint = "check that it is a private key that you may read, and that its passphrase is the place's secret"
        raise AuthError(f"cannot use the key {path}", cause=str(exc), hint=hint) from exc
