"""Replies of the control channel, cut out of the byte stream. Pure."""

from __future__ import annotations

from typing import NamedTuple

from recon_cli.core.entry import Incomplete
from recon_cli.files.ftp.wire import LostError

_GROUP = 100
_CODE_CHARACTERS = 3


class OutOfStepError(LostError):
    """Replies no longer match the commands sent."""

    def __init__(self, words: str) -> None:
        super().__init__(words, Incomplete.CUT)


class Reply(NamedTuple):
    """One reply, whole: `text` spans all its lines, without the last line end."""

    code: int
    text: bytes

    @property
    def kind(self) -> int:
        """The first digit: 1 preliminary, 2 done, 3 more wanted, 4 not now, 5 no."""
        return self.code // _GROUP

    @property
    def last(self) -> bytes:
        """The last line."""
        return self.text[self.text.rfind(b"\n") + 1 :]

    @property
    def body(self) -> bytes:
        """What stands between the first and the last line, line ends included."""
        first, last = self.text.find(b"\n"), self.text.rfind(b"\n")
        return self.text[first + 1 : last + 1] if 0 <= first < last else b""

    @property
    def words(self) -> str:
        """The reply for people."""
        return self.last.decode("utf-8", "backslashreplace").strip()


class Replies:
    """Takes bytes as they come and gives replies one by one."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._eol = b""

    def feed(self, received: bytes) -> None:
        """More of the stream."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += received

    def next(self) -> Reply | None:
        """The next reply, or None until more bytes come.

        A block `213-…` ends at the first line that starts with `213 `: a file name that holds a line end may fake
        one, which is why the caller compares the last line with the one it has learned.
        """
        buffer, start = self._buffer, self._start
        end = self._line_end(start)
        if end < 0:
            return None
        code = bytes(buffer[start : start + _CODE_CHARACTERS])
        if not code.isdigit() or len(code) != _CODE_CHARACTERS:
            shown = bytes(buffer[start : min(end, start + 60)])
            raise OutOfStepError(f"not a reply: {shown!r}")
        if buffer[start + _CODE_CHARACTERS : start + _CODE_CHARACTERS + 1] == b"-":
            last = buffer.find(self._eol + code + b" ", end)
            end = self._line_end(last + len(self._eol)) if last >= 0 else -1
            if end < 0:
                return None
        self._start = end + len(self._eol)
        return Reply(int(code), bytes(buffer[start:end]))

    def _line_end(self, start: int) -> int:
        if not self._eol:
            newline = self._buffer.find(b"\n", start)
            if newline < 0:
                return -1
            self._eol = b"\r\n" if self._buffer[newline - 1 : newline] == b"\r" else b"\n"
        return self._buffer.find(self._eol, start)
