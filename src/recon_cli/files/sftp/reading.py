"""Pipelined reading: OPEN and FSTAT, then READs kept in flight; two round trips for a small piece."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError
from recon_cli.files.sftp import wire
from recon_cli.files.sftp.session import Pipe
from recon_cli.files.sftp.wire import Attrs, Kind, Reply, Status
from recon_cli.files.walk import LOOK_ABOVE

BLOCK_BYTES = 32768
"""What every server must answer to one READ."""
MOST_AHEAD = 64
LET_IN = "log in as a user who may, or change its owner or mode on the server"


@dataclass(slots=True)
class OpenFile:
    """A file open for reading on one pipe."""

    pipe: Pipe
    handle: bytes
    attrs: Attrs
    asked: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Number, offset and size of the requests that are not answered yet, in the file's order."""

    def blocks(self, offset: int, size_bytes: int | None) -> Iterator[bytes]:
        """The bytes in order; the window grows as they are taken, so that a short read asks for little."""
        end = None if size_bytes is None else offset + size_bytes
        asked, ahead = self.asked, 4
        while True:
            while len(asked) < ahead and (end is None or offset < end):
                size = BLOCK_BYTES if end is None else min(BLOCK_BYTES, end - offset)
                asked.append((self._ask(offset, size), offset, size))
                offset += size
            if not asked:
                return
            number, start, size = asked.popleft()
            block = self._block(number)
            if block is None:
                return
            yield block
            if len(block) < size:  # servers may answer short in the middle of a file
                asked.appendleft(
                    (self._ask(start + len(block), size - len(block)), start + len(block), size - len(block))
                )
            ahead = min(MOST_AHEAD, ahead + 1)

    def _ask(self, offset: int, size_bytes: int) -> int:
        number = self.pipe.number()
        self.pipe.queue(wire.read_request(number, self.handle, offset, size_bytes))
        return number

    def _block(self, number: int) -> bytes | None:
        reply = self.pipe.answer(number)
        if reply.kind == Kind.DATA:
            return wire.string(reply.body)[0]
        code, words = wire.status(reply)
        if code == Status.EOF:
            return None
        raise DataError("the server cannot read the file", cause=words)

    def close(self) -> None:
        """Close the file without waiting for the answer; answers still on their way are dropped when they come."""
        number = self.pipe.number()
        self.pipe.queue(wire.request(Kind.CLOSE, number, self.handle))
        self.pipe.forget([number, *(one[0] for one in self.asked)])
        self.pipe.flush()


def open_file(pipe: Pipe, path: bytes, label: str) -> OpenFile:
    """Open a file and learn its size and time.

    Raises:
        ReconError: it is not there, not allowed, or not a file.
    """
    opening, looking = pipe.number(), pipe.number()
    pipe.queue(wire.request(Kind.OPEN, opening, path, 1, 0))
    reply = pipe.answer(opening)
    if reply.kind != Kind.HANDLE:
        raise refusal(reply, label)
    handle = wire.string(reply.body)[0]
    pipe.queue(wire.request(Kind.FSTAT, looking, handle))
    return OpenFile(pipe, handle, _attrs(pipe.answer(looking)))


def _attrs(reply: Reply) -> Attrs:
    return wire.attributes(reply.body)[0] if reply.kind == Kind.ATTRS else Attrs()


def refusal(reply: Reply, label: str) -> ReconError:
    """A STATUS as an error of ours."""
    try:
        code, words = wire.status(reply)
    except struct.error:
        return DataError(f"the server's answer about {label} cannot be read", cause="its STATUS packet ends early")
    if code == Status.NO_SUCH_FILE:
        return NotFoundError(f"no {label}", cause=words, hint=LOOK_ABOVE)
    if code == Status.PERMISSION_DENIED:
        return AuthError(f"not allowed to use {label}", cause=words, hint=LET_IN)
    return DataError(f"cannot use {label}", cause=words)
