"""One logged-in connection: commands, replies, data channels."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from recon_cli.core.entry import Incomplete
from recon_cli.core.errors import AuthError, ReconError, UnreachableError
from recon_cli.files.ftp.replies import OutOfStepError, Replies, Reply
from recon_cli.files.ftp.steps import Steps, Wait
from recon_cli.files.ftp.wire import LostError, Wire, dial

if TYPE_CHECKING:
    import ssl

_DONE, _MORE, _LATER = 2, 3, 4
_CLOSING = 421
_EPSV = re.compile(rb"\((.)\1\1(\d+)\1\)")
_PASV = re.compile(rb"(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_NO_ROOM = re.compile(rb"too many|maximum|no more", re.IGNORECASE)
_ROOM_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
_PRIVATE_DATA = (b"PBSZ 0", b"PROT P")
_IAC = b"\xff"


class FullError(LostError):
    """The server has no room for one more connection."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whom to call and who is calling. `tls` is "", "explicit" or "implicit"."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    label: str
    tls: str = ""
    context: ssl.SSLContext | None = None
    lockstep: bool = False
    """One command at a time, for servers that lose pipelined ones."""


class Fetched(NamedTuple):
    """What a data transfer brought and how the server ended it."""

    payload: bytes
    reply: Reply


class Session:
    """A control connection after login. All methods are steps, and raise LostError when it ends."""

    def __init__(self, wire: Wire, login: Login) -> None:
        self.wire = wire
        self.login = login
        self.replies = Replies()
        self.greeting = b""
        self.extended_passive = True
        self.double_iac = False

    def send(self, *commands: bytes) -> None:
        """Put commands on the wire without waiting."""
        text = b"".join(command + b"\r\n" for command in commands)
        if _IAC in text and self.double_iac:
            text = text.replace(_IAC, _IAC + _IAC)
        self.wire.send(text)

    def reply(self) -> Steps[Reply]:
        """The next reply."""
        while (reply := self.replies.next()) is None:
            received = yield from self.wire.receive()
            if not received:
                raise LostError("the server closed the connection")
            self.replies.feed(received)
        return self.checked(reply)

    @staticmethod
    def checked(reply: Reply) -> Reply:
        """The reply, unless it is 421: then the server is hanging up."""
        if reply.code == _CLOSING:
            raise LostError(reply.words)
        return reply

    def command(self, command: bytes) -> Steps[Reply]:
        """One command and its reply."""
        self.send(command)
        return (yield from self.reply())

    def burst(self, *commands: bytes) -> Steps[list[Reply]]:
        """Several commands in one packet, and their replies in order."""
        if self.login.lockstep:
            return (yield from self._one_by_one(commands))
        self.send(*commands)
        answers: list[Reply] = []
        while len(answers) < len(commands):
            answers += ((yield from self.reply()),)
        return answers

    def _one_by_one(self, commands: tuple[bytes, ...]) -> Steps[list[Reply]]:
        answers: list[Reply] = []
        for command in commands:
            answers += ((yield from self.command(command)),)
        return answers

    def passive(self) -> Steps[tuple[str, int]]:
        """Where the server waits for a data connection; always on the control channel's host (NAT, FXP abuse)."""
        if self.extended_passive:
            reply = yield from self.command(b"EPSV")
            if (port := epsv_port(reply)) is not None:
                return self.wire.peer, port
            self.extended_passive = False
        reply = yield from self.command(b"PASV")
        found = _PASV.search(reply.text)
        if reply.kind != _DONE or not found:
            raise NoDataError(reply.words)
        return self.wire.peer, int(found[5]) * 256 + int(found[6])

    def begin(self, command: bytes, address: tuple[str, int] | None = None) -> Steps[tuple[Wire | None, Reply]]:
        """Start a transfer: the data connection, or None and the server's refusal."""
        host, port = address or (yield from self.passive())
        self.send(command)
        try:
            data = yield from dial(host, port)
        except OSError as error:
            raise NoDataError(str(error)) from error
        try:
            reply = yield from self.reply()
            if reply.kind > _MORE:
                data.close()
                return None, reply
            if self.login.context:
                yield from self._secure(data)
        except BaseException:
            data.close()
            raise
        return data, reply

    def fetch(self, command: bytes, address: tuple[str, int] | None = None) -> Steps[Fetched]:
        """A transfer whole."""
        data, reply = yield from self.begin(command, address)
        if data is None:
            return Fetched(b"", reply)
        parts = []
        try:
            while part := (yield from data.receive()):
                parts.append(part)
        finally:
            data.close()
        if reply.kind == 1:
            reply = yield from self.reply()
        return Fetched(b"".join(parts), reply)

    def close(self) -> None:
        """Say goodbye without waiting for the answer."""
        with contextlib.suppress(LostError):
            self.wire.send(b"QUIT\r\n")
        self.wire.close()

    def _secure(self, data: Wire) -> Steps[None]:
        control, context = self.wire.tls, self.login.context
        assert context is not None
        try:
            yield from data.secure(context, self.login.host, control.session if control else None)
        except OSError as error:
            raise LostError(f"no TLS on the data connection: {error}") from error


class NoDataError(LostError):
    """No data connection can be had, while the control channel goes on."""


def epsv_port(reply: Reply) -> int | None:
    """The port in a reply to EPSV."""
    found = _EPSV.search(reply.text) if reply.kind == _DONE else None
    return int(found[2]) if found else None


def open_session(login: Login) -> Steps[Session]:
    """Connect and log in.

    Raises:
        AuthError: the login is refused.
        UnreachableError: nobody answers, or TLS cannot be agreed on.
        FullError: the server has no room.
    """
    try:
        wire = yield from dial(login.host, login.port)
    except OSError as error:
        raise UnreachableError(
            f"cannot reach {login.host} port {login.port}",
            cause=str(error) or type(error).__name__,
            hint=f"check the address, or look closer with `recon doctor {login.label}`",
        ) from error
    try:
        return (yield from _introduced(Session(wire, login)))
    except BaseException:
        wire.close()
        raise


def patient_session(login: Login) -> Steps[Session]:
    """Like `open_session`, but wait a moment where the server is full: it may still count a session just closed."""
    for pause_s in _ROOM_PAUSES_S:
        try:
            return (yield from open_session(login))
        except FullError:
            yield Wait(-1, pause_s=pause_s)
    return (yield from open_session(login))


def _introduced(session: Session) -> Steps[Session]:
    login = session.login
    if login.tls == "implicit":
        yield from _secure_control(session)
    greeting = yield from _welcome(session)
    session.greeting = greeting.text
    session.double_iac = b"ProFTPD" in greeting.text  # it reads telnet codes in commands; the others do not
    if login.tls == "explicit":
        reply = yield from session.command(b"AUTH TLS")
        if reply.kind != _DONE:
            raise UnreachableError(
                f"{login.host} offers no TLS", cause=reply.words, hint='use `ftp://` without `tls = "explicit"`'
            )
        yield from _secure_control(session)
    yield from _log_in(session)
    return session


def _welcome(session: Session) -> Steps[Reply]:
    try:
        reply = yield from session.reply()
        while reply.kind == 1:
            reply = yield from session.reply()
    except OutOfStepError as error:
        raise UnreachableError(
            f"{session.login.host} port {session.login.port} is not an FTP server",
            cause=str(error),
            hint="implicit TLS is `ftps://`, explicit TLS `ftpes://`; SFTP is `sftp://` on port 22",
        ) from error
    except LostError as error:
        raise FullError(str(error)) from error
    if reply.kind != _DONE:
        raise FullError(reply.words)
    return reply


def _log_in(session: Session) -> Steps[None]:
    login = session.login
    user, password = login.user.encode(), login.password.encode()
    if re.search(rb"[\r\n\0]", user + password):
        raise AuthError("the login holds a line break or a NUL", hint="look for a stray line end in the password file")
    try:
        reply, private = yield from _named(session, user)
        if reply.kind == _MORE:
            reply = yield from session.command(b"PASS " + password)
        if reply.kind == _DONE and not private:
            yield from session.burst(*_PRIVATE_DATA)
    except LostError as error:
        raise FullError(str(error)) from error
    if reply.kind == _LATER or (reply.kind != _DONE and _NO_ROOM.search(reply.text)):
        raise FullError(reply.words)  # ProFTPD refuses the login itself (530) where others say 421
    if reply.kind != _DONE:
        raise AuthError(
            f"{login.host} refuses the login of {login.user}",
            cause=reply.words,
            hint=f"check user and password of `{login.label}`",
        )


def _named(session: Session, user: bytes) -> Steps[tuple[Reply, bool]]:
    """Say who calls; under TLS ask in the same packet for private data channels. False: that has to be asked again."""
    if not session.login.tls:
        return (yield from session.command(b"USER " + user)), True
    replies = yield from session.burst(*_PRIVATE_DATA, b"USER " + user)
    return replies[-1], replies[1].kind == _DONE


def _secure_control(session: Session) -> Steps[None]:
    import ssl  # noqa: PLC0415 - only TLS pays for it

    login = session.login
    assert login.context is not None
    try:
        yield from session.wire.secure(login.context, login.host)
    except ssl.SSLCertVerificationError as error:
        raise UnreachableError(
            f"the certificate of {login.host} cannot be trusted",
            cause=error.verify_message,
            hint='name its authority with `ca_file = "file.pem"`, or set `tls_verify = false` to trust it unseen',
        ) from error
    except OSError as error:
        raise UnreachableError(
            f"no TLS with {login.host} port {login.port}",
            cause=str(error),
            hint="`ftps://` is implicit, `ftpes://` explicit",
        ) from error


def as_recon_error(error: Exception, login: Login) -> ReconError:
    """What a lost connection is to the callers of the store."""
    if isinstance(error, ReconError):
        return error
    if isinstance(error, FullError):
        return UnreachableError(
            f"{login.host} takes no more connections", cause=str(error), hint="wait, or close other FTP programs"
        )
    reason = Incomplete.TIMEOUT if isinstance(error, TimeoutError) else Incomplete.CUT
    return UnreachableError(
        f"{login.host} stopped answering" if reason is Incomplete.TIMEOUT else f"{login.host} cut the connection",
        cause=str(error) or type(error).__name__,
        hint="run again; a larger `timeout_s` helps slow servers",
    )
