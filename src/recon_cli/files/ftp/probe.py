"""What a server can do, found out in one burst, and which way of listing can be trusted on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from recon_cli.core.entry import EntryType
from recon_cli.core.errors import NotFoundError, UnreachableError
from recon_cli.files.ftp.replies import Reply
from recon_cli.files.ftp.session import Fetched, NoDataError, Session, epsv_port
from recon_cli.files.ftp.steps import Steps
from recon_cli.files.listing.lines import LineReader
from recon_cli.files.listing.mlsx import read_mlsd
from recon_cli.files.listing.rows import Row, Rows

_DONE = 2
_QUOTED = re.compile(rb'257[ -][^"]*"((?:[^"]|"")*)"')
_STAT_CODES = (211, 212, 213)
_WITH_FACTS = b"OPTS MLST type;size;modify;unique;"
STAT_ALL, STAT_PLAIN = b"STAT -a .", b"STAT ."
MLSD, LIST_ALL, LIST, NLST = b"MLSD", b"LIST -a", b"LIST", b"NLST"


@dataclass(slots=True, eq=False)
class Seen:
    """The first folder as the probe saw it: by STAT where that is trusted, by the data channel, or by both."""

    stat: Rows | None = None
    data: Rows | None = None
    reply: Reply | None = None


@dataclass(slots=True)
class Ways:
    """How to list this server.

    `stat` is the command that lists over the control channel, or empty; `stat_end` the line that ended its reply;
    `dots` says that complete replies show `.`; `data` is the command for the data channel, or empty where no data
    connection can be had; `pwd` says that PWD confirms where we are.
    """

    root: bytes
    features: frozenset[bytes] = field(default_factory=frozenset)
    greeting: str = ""
    stat: bytes = b""
    stat_end: bytes = b""
    stat_dots: bool = False
    data: bytes = b""
    data_dots: bool = False
    shows_hidden: bool = False
    pwd: bool = True
    mdtm: bool = True
    why: str = ""
    first: Seen | None = None

    @property
    def listing(self) -> str:
        """The way in words."""
        return shown(self.stat or self.data)


def shown(command: bytes) -> str:
    """A listing command as it appears in `listed_by`: without its path."""
    return "STAT" if command.startswith(b"STAT") else command.decode("ascii")


class Prober:
    """Asks one session what the server can do."""

    def __init__(self, session: Session, now: datetime, *, utf8: bool, stat: bool = True) -> None:
        self._session = session
        self._reader = LineReader(now)
        self._utf8 = utf8
        self._stat = stat

    def explore(self, path: bytes, under: bytes = b"") -> Steps[Ways]:
        """Go to `path` (absolute, or relative to the login folder), on to `under`, and find the way to list that.

        Raises:
            NotFoundError: there is no such folder.
        """
        session = self._session
        first = [*greetings(utf8=self._utf8), b"FEAT", b"PWD"]
        moves = [*([b"CWD " + path] if path else []), b"PWD", *([b"CWD " + under] if under else [])]
        stat_command = STAT_ALL if self._stat else b"NOOP"
        replies = yield from session.burst(*first, *moves, stat_command, b"EPSV")
        for move, reply in zip(moves, replies[len(first) :], strict=False):
            if move != b"PWD" and reply.kind != _DONE:
                raise NotFoundError(
                    f"no folder {shown_path(move[4:])} on {session.login.host}",
                    cause=reply.words,
                    hint="a path is below the login folder; two slashes after the host start at the server's root",
                )
        login_at, root = pwd_path(replies[4]), pwd_path(replies[len(first) + moves.index(b"PWD")])
        ways = Ways(
            root=_joined(login_at or b"/", path) if root is None else root,
            features=features(replies[3]),
            greeting=session.greeting.decode("utf-8", "replace"),
            pwd=root is not None,
        )
        port = epsv_port(replies[-1])
        session.extended_passive = port is not None
        yield from self._choose(ways, replies[-2], (session.wire.peer, port) if port else None)
        return ways

    def _choose(self, ways: Ways, stat: Reply, address: tuple[str, int] | None) -> Steps[None]:
        ways.first = Seen()
        try:
            seen = yield from self._data_rows(ways, address)
        except NoDataError as error:
            ways.why, seen = f"no data connection: {error}", None
        if (yield from self._trust_stat(ways, STAT_ALL, stat, seen)):
            return
        if seen is None:
            raise UnreachableError(
                f"{self._session.login.host} cannot be listed", cause=ways.why, hint="passive data ports may be blocked"
            )
        if not self._stat:
            return
        plain = yield from self._session.command(STAT_PLAIN)
        yield from self._trust_stat(ways, STAT_PLAIN, plain, seen)

    def _trust_stat(self, ways: Ways, command: bytes, stat: Reply, seen: Rows | None) -> Steps[bool]:
        """Use STAT only if it names everything that the data channel names."""
        yield from ()
        if stat.code not in _STAT_CODES:
            return False
        rows = self._reader.read(stat.body)
        if not rows.rows and not rows.dots:
            return False
        if seen is not None and (left_out := _left_out(rows, seen)):
            ways.why = f"STAT leaves out {len(left_out)} of {len(seen.rows)} names"
            return False
        assert ways.first is not None
        ways.first.stat = rows
        ways.stat, ways.stat_end, ways.stat_dots = command, stat.last, rows.dots
        return True

    def _data_rows(self, ways: Ways, address: tuple[str, int] | None) -> Steps[Rows]:
        """List the root over the data channel by the first command that works, and remember it."""
        mlsd = bool(ways.features & {b"MLSD", b"MLST"})  # ProFTPD announces MLST only
        empty: Rows | None = None
        for command in (MLSD, LIST_ALL, LIST, NLST) if mlsd else (LIST_ALL, LIST, NLST):
            fetched = yield from self._session.fetch(command, address)
            address = None
            if fetched.reply.kind != _DONE:
                continue
            rows = read_rows(command, fetched, self._reader)
            if rows.strange and not rows.rows:
                ways.why = f"{shown(command)} answers in an unknown format"
                continue
            if rows.rows or rows.dots or command == MLSD:
                ways.data, ways.data_dots = command, rows.dots
                assert ways.first is not None
                ways.first.data, ways.first.reply = rows, fetched.reply
                return rows
            if not ways.data:
                ways.data = command
            empty = rows
        if empty is None:
            raise NoDataError("no listing command works")
        return empty


def _left_out(stat: Rows, data: Rows) -> set[bytes]:
    """Names that STAT fails to show. ProFTPD's hides links to `.` and `..`, which are no reason against it."""
    names = stat.names()
    return {row.name for row in data.rows if row.name not in names and row.type is not EntryType.LINK}


def greetings(*, utf8: bool) -> tuple[bytes, bytes, bytes]:
    """What every session says first: binary, UTF-8 names (IIS asks for it), the identity of files."""
    return b"TYPE I", b"OPTS UTF8 ON" if utf8 else b"NOOP", _WITH_FACTS


def read_rows(command: bytes, fetched: Fetched, reader: LineReader) -> Rows:
    """The rows of a data transfer of any listing command; NLST gives names alone."""
    if command == MLSD:
        return read_mlsd(fetched.payload)
    if command.startswith(NLST):
        return _bare_names(fetched.payload)
    return reader.read(fetched.payload)


def _bare_names(payload: bytes) -> Rows:
    lines = payload.split(b"\r\n" if b"\r\n" in payload else b"\n")
    names = [line.rpartition(b"/")[2] for line in lines if line]
    shown_names = [name for name in names if name not in (b".", b"..")]
    return Rows([Row(name, EntryType.OTHER) for name in shown_names], dots=len(shown_names) < len(names))


def features(reply: Reply) -> frozenset[bytes]:
    """The words of FEAT, upper case, without their parameters."""
    if reply.kind != _DONE:
        return frozenset()
    return frozenset(line.split()[0].upper() for line in reply.body.splitlines() if line.strip())


def pwd_path(reply: Reply) -> bytes | None:
    """The folder in a reply to PWD."""
    found = _QUOTED.match(reply.text)
    return found[1].replace(b'""', b'"') if found else None


def _joined(base: bytes, path: bytes) -> bytes:
    return path if path.startswith(b"/") else base.rstrip(b"/") + b"/" + path


def shown_path(path: bytes) -> str:
    """A server's path for people."""
    return path.decode("utf-8", "backslashreplace") or "/"
