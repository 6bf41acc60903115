"""Single files over FTP: read from an offset, write beside and rename, look at one entry, remove."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator

from recon_cli.core.entry import EntryType
from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError
from recon_cli.core.retry import RetryPolicy
from recon_cli.files.ftp.clock import sendable
from recon_cli.files.ftp.probe import features, greetings, pwd_path, shown_path
from recon_cli.files.ftp.replies import Reply
from recon_cli.files.ftp.session import FullError, Login, Session, as_recon_error, open_session, patient_session
from recon_cli.files.ftp.steps import Steps, T, run
from recon_cli.files.ftp.wire import LostError, Wire
from recon_cli.files.listing.mlsx import mlsx_row
from recon_cli.files.listing.rows import Row
from recon_cli.files.listing.times import exact_stamp

_DONE, _MORE, _LATER, _NO = 2, 3, 4, 5
_VALUE, _FACTS = 213, 250
_UNKNOWN = (500, 502)
_CUT = RetryPolicy(retries=2, base_s=0.2)
_PARTING_S = 5.0
_STALLS_ON_CLOSE = b"Pure-FTPd"


class Desk:
    """One connection kept for single files, opened when first needed and again when it was lost."""

    def __init__(
        self, login: Callable[[], Login], root: bytes, timeout_s: float, make_room: Callable[[], bool], *, utf8: bool
    ) -> None:
        self._make_room = make_room
        self._login = login
        self._path = root
        self._timeout_s = timeout_s
        self._utf8 = utf8
        self._session: Session | None = None
        self.root = b"/"
        self.features: frozenset[bytes] = frozenset()

    def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            self._session.close()
        self._session = None

    # -- single files

    def read(self, raw: bytes, offset: int, size_bytes: int | None) -> Iterator[bytes]:
        """The bytes from `offset` on, at most `size_bytes`; see FileStore.read."""
        if size_bytes == 0:
            return
        data, reply = self._opened_for_reading(raw, offset, size_bytes)
        if data is None:
            if offset and offset >= self.size(raw):
                return
            raise _refused(raw, reply)
        left, ended = size_bytes, False
        try:
            while left is None or left > 0:
                part = self._run_or_fail(data.receive())
                if not part:
                    ended = True
                    break
                part = part if left is None else part[:left]
                left = None if left is None else left - len(part)
                yield part
        finally:
            data.close()
            if reply.kind == 1:
                self._after_read(raw, ended=ended)

    def _opened_for_reading(self, raw: bytes, offset: int, size_bytes: int | None) -> tuple[Wire | None, Reply]:
        """By RANG where it is offered: the server then stops by itself. It refuses ranges beyond the end."""
        if size_bytes is not None and b"RANG" in self._ready_features():
            data, reply = self._retried(lambda session: self._begin_read(session, raw, offset, size_bytes))
            if data is not None:
                return data, reply
        return self._retried(lambda session: self._begin_read(session, raw, offset, None))

    def size(self, raw: bytes) -> int:
        """The size of a file in bytes."""
        reply = self._retried(lambda session: session.command(b"SIZE " + self._absolute(raw)))
        if reply.code != _VALUE or not reply.text[4:].strip().isdigit():
            raise _refused(raw, reply)
        return int(reply.text[4:])

    def row(self, raw: bytes) -> Row | None:
        """What MLST, or SIZE and MDTM in one packet, say about a path; None where neither is understood."""
        if b"MLST" in self._ready_features():
            reply = self._retried(lambda session: session.command(b"MLST " + self._absolute(raw)))
            if reply.code == _FACTS:
                return mlsx_row(reply.body.strip(b"\r\n").removeprefix(b" "))
            if reply.code not in _UNKNOWN:
                raise _refused(raw, reply)
        path = self._absolute(raw)
        size, time = self._retried(lambda session: session.burst(b"SIZE " + path, b"MDTM " + path))
        if size.code != _VALUE or not size.text[4:].strip().isdigit():
            return None
        stamp = exact_stamp(time.text[4:].strip()) if time.code == _VALUE else None
        return Row(raw.rpartition(b"/")[2], EntryType.FILE, int(size.text[4:]), stamp)

    def write(self, raw: bytes, chunks: Iterable[bytes]) -> None:
        """Store under a name beside, then rename: readers see the old file or the new one."""
        self._retried(lambda _session: self._parents(raw))
        folder, _, name = raw.rpartition(b"/")
        beside = (folder + b"/" if folder else b"") + b"." + name + b".recon-part"
        try:
            self._store(beside, chunks)
            self._replace(beside, raw)
        except (LostError, OSError) as error:
            self._drop()
            raise as_recon_error(error, self._login()) from error
        except BaseException:
            self._forget(beside)
            raise

    def remove(self, raw: bytes) -> None:
        """Delete a file; one that is not there is fine."""
        reply = self._retried(lambda session: session.command(b"DELE " + self._absolute(raw)))
        if reply.kind != _DONE and self._exists(raw):
            raise DataError(f"cannot remove {shown_path(raw)}", cause=reply.words)

    # -- steps

    def _begin_read(
        self, session: Session, raw: bytes, offset: int, size_bytes: int | None
    ) -> Steps[tuple[Wire | None, Reply]]:
        address = yield from session.passive()
        if size_bytes is not None:
            reply = yield from session.command(b"RANG %d %d" % (offset, offset + size_bytes - 1))
        elif offset:
            reply = yield from session.command(b"REST %d" % offset)
        else:
            reply = None
        if reply is not None and reply.kind not in (_DONE, _MORE):
            raise DataError(f"{session.login.host} cannot read from the middle of a file", cause=reply.words)
        return (yield from session.begin(b"RETR " + self._absolute(raw), address))

    def _after_read(self, raw: bytes, *, ended: bool) -> None:
        """Collect the closing reply, which says whether an ended file was all of it.

        After a partial read Pure-FTPd keeps that reply back for seconds: hang up instead.
        """
        session = self._session
        if session is None:
            return
        if not ended and _STALLS_ON_CLOSE in session.greeting:
            self._drop()
            return
        try:
            last = run(session.reply(), self._timeout_s if ended else min(self._timeout_s, _PARTING_S))
        except (LostError, OSError) as error:
            self._drop()
            if ended:
                raise as_recon_error(error, self._login()) from error
            return
        if ended and last.kind != _DONE:
            raise DataError(f"{shown_path(raw)} ended early", cause=last.words, hint="run again")

    def _store(self, raw: bytes, chunks: Iterable[bytes]) -> None:
        data, reply = self._retried(lambda session: session.begin(b"STOR " + self._absolute(raw)))
        if data is None:
            raise _refused(raw, reply, verb="write")
        try:
            for chunk in chunks:
                data.send(chunk)
                self._run(data.flush())
            data.finish()
        finally:
            data.close()
        last = self._run(self._current().reply()) if reply.kind == 1 else reply
        if last.kind != _DONE:
            raise DataError(f"cannot write {shown_path(raw)}", cause=last.words)

    def _replace(self, beside: bytes, raw: bytes) -> None:
        """Rename over the target; servers that will not replace a file get the old one removed first."""
        reply = self._rename(beside, raw)
        if reply.kind != _DONE and self._exists(raw):
            self._run(self._current().command(b"DELE " + self._absolute(raw)))
            reply = self._rename(beside, raw)
        if reply.kind != _DONE:
            raise DataError(f"cannot rename to {shown_path(raw)}", cause=reply.words)

    def _rename(self, beside: bytes, raw: bytes) -> Reply:
        session = self._current()
        reply = self._run(session.command(b"RNFR " + self._absolute(beside)))
        if reply.kind != _MORE:
            return reply
        return self._run(session.command(b"RNTO " + self._absolute(raw)))

    def _parents(self, raw: bytes) -> Steps[None]:
        session = yield from self._opened()
        folder = raw.rpartition(b"/")[0]
        if (yield from session.command(b"CWD " + self._absolute(folder))).kind == _DONE:
            return
        parts = folder.split(b"/") if folder else []
        for depth in range(len(parts) + 1):
            yield from session.command(b"MKD " + self._absolute(b"/".join(parts[:depth])))

    def _forget(self, beside: bytes) -> None:
        """Remove what a broken upload left, once the server has closed it."""
        with contextlib.suppress(LostError, OSError, ReconError):
            if self._session is not None:
                run(self._session.reply(), min(self._timeout_s, _PARTING_S))
        with contextlib.suppress(ReconError):
            self._retried(lambda session: session.command(b"DELE " + self._absolute(beside)))

    def _exists(self, raw: bytes) -> bool:
        """Whether a file is there, by its size or, where SIZE is unknown, by a rename that is not carried out."""
        path = self._absolute(raw)
        reply = self._retried(lambda session: session.command(b"SIZE " + path))
        if reply.code in _UNKNOWN:
            reply = self._retried(lambda session: session.command(b"RNFR " + path))
        return reply.kind in (_DONE, _MORE)

    # -- the connection

    def _ready_features(self) -> frozenset[bytes]:
        self._retried(_no_step)
        return self.features

    def _current(self) -> Session:
        if self._session is None:
            raise LostError("the connection is gone")
        return self._session

    def _opened(self) -> Steps[Session]:
        if self._session is not None:
            return self._session
        session = yield from self._let_in()
        try:
            moves = [b"CWD " + self._path] if self._path else []
            replies = yield from session.burst(*greetings(utf8=self._utf8), b"FEAT", b"PWD", *moves, b"PWD")
        except BaseException:
            session.wire.close()
            raise
        self.features = features(replies[3])
        self.root = self._root_from(replies, moved=bool(moves))
        self._session = session
        return session

    def _let_in(self) -> Steps[Session]:
        """Log in; where the server is full because a scan of ours holds its connections, the scan pauses.

        ProFTPD calls that a refused login (530), so a refusal counts as full while a scan is logged in.
        """
        try:
            return (yield from open_session(self._login()))
        except (FullError, AuthError) as error:
            if not self._make_room() and isinstance(error, AuthError):
                raise
        return (yield from patient_session(self._login()))

    def _root_from(self, replies: list[Reply], *, moved: bool) -> bytes:
        """The root's absolute path; one that does not exist yet is where it would be, so that `write` can make it."""
        login_at = pwd_path(replies[4]) or b"/"
        if not moved or replies[5].kind == _DONE:
            return pwd_path(replies[-1]) or (self._path if self._path.startswith(b"/") else login_at)
        return self._path if self._path.startswith(b"/") else login_at.rstrip(b"/") + b"/" + self._path

    def _absolute(self, raw: bytes) -> bytes:
        if not sendable(raw):
            raise DataError("a line break in a name cannot be sent over FTP", cause=repr(raw))
        return self.root.rstrip(b"/") + b"/" + raw if raw else self.root

    def _retried(self, steps: Callable[[Session], Steps[T]]) -> T:
        """Do what may be done twice. A connection that the server closed meanwhile is replaced at once.

        One that is cut while it is new may have met a server at its limit: it gets two more tries, a moment apart. A
        server that does not answer at all has had its time.
        """
        fresh = self._session is None
        failures = 0
        while True:
            try:
                return self._run(self._on_session(steps))
            except (LostError, OSError) as error:
                self._drop()
                failures += fresh
                cut = isinstance(error, LostError | ConnectionResetError | BrokenPipeError)
                if fresh and (not cut or failures > _CUT.retries):
                    raise as_recon_error(error, self._login()) from error
            if fresh:
                time.sleep(_CUT.delay_s(failures))
            fresh = True

    def _on_session(self, steps: Callable[[Session], Steps[T]]) -> Steps[T]:
        session = yield from self._opened()
        return (yield from steps(session))

    def _run_or_fail(self, steps: Steps[T]) -> T:
        try:
            return self._run(steps)
        except (LostError, OSError) as error:
            self._drop()
            raise as_recon_error(error, self._login()) from error

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._timeout_s)

    def _drop(self) -> None:
        if self._session is not None:
            self._session.wire.close()
        self._session = None


def _no_step(_session: Session) -> Steps[None]:
    """Being logged in is all that is wanted."""
    yield from ()


def _refused(raw: bytes, reply: Reply, verb: str = "read") -> ReconError:
    """550 and its like mean that the file is not to be had; 4xx that it is not to be had now."""
    message = f"cannot {verb} {shown_path(raw)}"
    return NotFoundError(message, cause=reply.words) if reply.kind == _NO else DataError(message, cause=reply.words)
