"""Pipelined listing: many directories are under way at once on one channel, about two round trips per tree level.

OPENDIR, READDIR and CLOSE of up to `WINDOW` directories are in flight together; a serial client waits four round trips
for each. Directories that were in flight when a connection broke are listed again on the next one; finished ones never.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from recon_cli.core.entry import Entry, EntryType, Incomplete, Listing, Precision
from recon_cli.core.errors import ReconError, UnreachableError
from recon_cli.core.retry import RetryPolicy
from recon_cli.files.cut import Cut, cost, give_up
from recon_cli.files.encoding import NameCodec, raw_unless_utf8
from recon_cli.files.local import entry_type
from recon_cli.files.sftp import wire
from recon_cli.files.sftp.session import Pipe, Session
from recon_cli.files.sftp.wire import Kind, Name, Reply, Status
from recon_cli.files.walk import Directory, Frontier, failed, join, join_raw, no_directory

LISTED_BY = "sftp"
WINDOW = 256
FIRST_WINDOW = 64
READ_AHEAD = 16
RETRY = RetryPolicy(retries=3, base_s=0.2)
_DOTS = (b".", b"..")
_REASONS = {Status.PERMISSION_DENIED: Incomplete.DENIED, Status.NO_SUCH_FILE: Incomplete.MISSING}
_LONG = {ord("-"): EntryType.FILE, ord("d"): EntryType.DIR, ord("l"): EntryType.LINK}


@dataclass(eq=False, slots=True)
class Open:
    """A directory under way."""

    here: Directory
    handle: bytes = b""
    names: list[Name] = field(default_factory=list)
    asked: int = 0
    ahead: int = 2
    ended: bool = False
    problem: tuple[Incomplete, str] | None = None


class Lister:
    """One scan over one session."""

    def __init__(self, session: Session, codec: NameCodec, frontier: Frontier) -> None:
        self._session = session
        self._codec = codec
        self._frontier = frontier
        self._pipe: Pipe | None = None
        self._waiting: dict[int, Open] = {}
        self._open: dict[Open, None] = {}
        self._window = FIRST_WINDOW
        self._answered = False

    def listings(self) -> Iterator[Listing]:
        """Every directory once; after the first answer, a lost connection is data in the listings that it cost."""
        failures = 0
        while True:
            try:
                for listing in self._run():
                    failures = 0
                    yield listing
            except (Cut, UnreachableError) as exc:
                failures += cost(exc)
                self._lose()
                hopeless = isinstance(exc, ReconError) and not self._answered
                if hopeless or failures > RETRY.retries:
                    yield from give_up(self._frontier, exc, self._session.url, answered=self._answered)
                    return
                time.sleep(RETRY.delay_s(failures))
            else:
                return
            finally:
                self._release()

    def _lose(self) -> None:
        """Put everything under way back, and forget the connection."""
        for one in reversed(list(self._open)):
            self._frontier.again(one.here)
        self._open.clear()
        self._waiting.clear()
        self._session.reset()
        self._pipe = None

    def _release(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _run(self) -> Iterator[Listing]:
        while True:
            yield from self._fill()
            if not self._open:
                return
            assert self._pipe is not None
            for reply in self._pipe.replies():
                if (listing := self._take(reply)) is not None:
                    self._answered = True
                    yield listing

    def _fill(self) -> Iterator[Listing]:
        """Start directories until the window is full; what is settled already comes out at once."""
        while len(self._open) < self._window and (here := self._frontier.next()) is not None:
            if isinstance(here, Listing):
                yield here
                continue
            one = Open(here)
            self._open[one] = None
            if self._pipe is None:
                self._pipe = self._session.pipe()
            self._ask(one, Kind.OPENDIR, join_raw_root(self._session.root, here.raw))

    def _ask(self, one: Open, kind: Kind, field_: bytes) -> None:
        assert self._pipe is not None
        number = self._pipe.number()
        self._waiting[number] = one
        one.asked += 1
        self._pipe.queue(wire.request(kind, number, field_))

    def _take(self, reply: Reply) -> Listing | None:
        one = self._waiting.pop(reply.number, None)
        if one is None:
            return None  # the answer to a CLOSE
        one.asked -= 1
        try:
            self._advance(one, reply)
        except (struct.error, ValueError) as exc:
            one.problem = (Incomplete.UNPARSED, str(exc))
        return None if one.asked else self._settle(one)

    def _advance(self, one: Open, reply: Reply) -> None:
        if reply.kind == Kind.HANDLE:
            one.handle = wire.string(reply.body)[0]
        elif reply.kind == Kind.NAME:
            one.names += wire.names(reply)
        else:
            code, words = wire.status(reply)
            if code == Status.EOF:
                one.ended = True
            else:
                one.problem = (
                    _REASONS.get(Status(code) if code <= Status.FAILURE else Status.FAILURE, Incomplete.DENIED),
                    words,
                )

    def _settle(self, one: Open) -> Listing | None:
        """All answers are in: ask for more names, or finish the directory."""
        if one.problem is None and not one.ended:
            for _ in range(one.ahead):
                self._ask(one, Kind.READDIR, one.handle)
            one.ahead = min(READ_AHEAD, one.ahead * 2)
            return None
        del self._open[one]
        if one.handle:
            assert self._pipe is not None
            self._pipe.queue(wire.request(Kind.CLOSE, self._pipe.number(), one.handle))
        elif one.problem and one.problem[0] is Incomplete.DENIED and self._too_many_open(one):
            return None
        self._window = min(WINDOW, self._window + 2)
        return self._frontier.grow(one.here, self._listing(one))

    def _too_many_open(self, one: Open) -> bool:
        """Whether a plain "failure" may mean that the server has no more handles: then try again with fewer."""
        assert one.problem is not None
        if self._window == 1 or "ermission" in one.problem[1]:
            return False
        self._window = max(1, self._window // 4)
        self._frontier.again(one.here)
        return True

    def _listing(self, one: Open) -> Listing:
        here = one.here
        if not one.handle and one.problem and one.problem[0] is Incomplete.MISSING and here.depth == 0:
            raise no_directory(here.raw, self._session.url, one.problem[1])
        names = [name for name in one.names if name.raw not in _DOTS]
        self._codec.see(name.raw for name in names)
        entries = tuple(described(self._codec, here, name) for name in names)
        if one.problem is None and any(entry.note for entry in entries):
            one.problem = (Incomplete.UNPARSED, "the server does not say what each name is")
        reason, detail = one.problem or (None, "")
        return Listing(here.path, entries, LISTED_BY, reason, detail, failed(here, Incomplete.CUT, "").raw_path)


def join_raw_root(root: bytes, raw: bytes) -> bytes:
    """The server's path of a path below the root."""
    return b"/" + raw if root == b"/" else join_raw(root, raw) if raw else root


def described(codec: NameCodec, here: Directory, name: Name) -> Entry:
    """An entry from a name and its attributes; type from the mode, else from the long line."""
    path = join(here.path, codec.decode(name.raw))
    attrs = name.attrs
    kind = entry_type(attrs.mode) if attrs.mode is not None else _LONG.get(name.long[0] if name.long else 0)
    if kind is not EntryType.LINK and name.long[:1] == b"l":
        kind = EntryType.LINK  # a server that follows links in the attributes still says so in the long line
    moment = None if attrs.mtime_s is None else datetime.fromtimestamp(attrs.mtime_s, UTC)
    return Entry(
        path,
        kind or EntryType.OTHER,
        attrs.size_bytes if kind is EntryType.FILE else None,
        moment,
        Precision.NONE if moment is None else Precision.EXACT,
        raw_unless_utf8(path, join_raw(here.raw, name.raw)),
        LISTED_BY,
        "" if kind else "the server does not say what it is",
    )
