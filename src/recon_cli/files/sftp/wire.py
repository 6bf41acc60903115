"""SFTP version 3 packets (draft-ietf-secsh-filexfer-02), as far as listing and reading need them. Pure.

Names stay bytes: the protocol has no encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from recon_cli.core.errors import DataError

MAX_PACKET_BYTES = 1 << 20
"""Far above what servers send (OpenSSH: 256 KiB); a longer length means that the stream is not SFTP."""


class Kind(IntEnum):
    """Packet types."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    FSTAT = 8
    OPENDIR = 11
    READDIR = 12
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105


class Status(IntEnum):
    """Status codes that are told apart here."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4


INIT = struct.pack(">IBI", 5, Kind.INIT, 3)


@dataclass(frozen=True, slots=True)
class Attrs:
    """What the server says about a file; None where it does not."""

    size_bytes: int | None = None
    mode: int | None = None
    mtime_s: int | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a directory; `long` is the server's `ls -l` line."""

    raw: bytes
    long: bytes
    attrs: Attrs


@dataclass(frozen=True, slots=True)
class Reply:
    """A packet from the server."""

    kind: int
    number: int
    body: bytes


def request(kind: Kind, number: int, *fields: bytes | int) -> bytes:
    """A packet whose fields are strings (bytes) or 32-bit numbers."""
    body = b"".join(
        struct.pack(">I", one) if isinstance(one, int) else struct.pack(">I", len(one)) + one for one in fields
    )
    return struct.pack(">IBI", len(body) + 5, kind, number) + body


def read_request(number: int, handle: bytes, offset: int, size_bytes: int) -> bytes:
    """A READ packet: its offset has 64 bits."""
    body = struct.pack(">I", len(handle)) + handle + struct.pack(">QI", offset, size_bytes)
    return struct.pack(">IBI", len(body) + 5, Kind.READ, number) + body


class Packets:
    """Cuts the server's stream into replies."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Reply]:
        """The replies that are complete with this chunk.

        Raises:
            DataError: the stream is not SFTP.
        """
        self._held += chunk
        start = 0
        while len(self._held) - start >= 9:  # noqa: PLR2004  length, type, number
            size, kind, number = struct.unpack_from(">IBI", self._held, start)
            if size > MAX_PACKET_BYTES:
                hint = "check that the login shell prints no greeting: it must stay silent for SFTP"
                raise DataError("the server does not speak SFTP", cause=f"a packet of {size} bytes", hint=hint)
            if len(self._held) - start < 4 + size:
                break
            yield Reply(kind, number, bytes(self._held[start + 9 : start + 4 + size]))
            start += 4 + size
        del self._held[:start]


def string(body: bytes, at: int = 0) -> tuple[bytes, int]:
    """A string field and where the next one starts."""
    (size,) = struct.unpack_from(">I", body, at)
    if at + 4 + size > len(body):
        raise struct.error("a string longer than its packet")
    return body[at + 4 : at + 4 + size], at + 4 + size


def status(reply: Reply) -> tuple[int, str]:
    """Code and words of a STATUS reply."""
    (code,) = struct.unpack_from(">I", reply.body)
    words = string(reply.body, 4)[0].decode("utf-8", "replace") if len(reply.body) > 4 else ""  # noqa: PLR2004  old servers
    return code, words


def names(reply: Reply) -> list[Name]:
    """The names of a NAME reply, in the server's order."""
    (count,) = struct.unpack_from(">I", reply.body)
    at, found = 4, []
    for _ in range(count):
        raw, at = string(reply.body, at)
        long, at = string(reply.body, at)
        attrs, at = attributes(reply.body, at)
        found.append(Name(raw, long, attrs))
    return found


def attributes(body: bytes, at: int = 0) -> tuple[Attrs, int]:
    """An attribute block and where the next field starts."""
    (flags,) = struct.unpack_from(">I", body, at)
    at += 4
    size = mode = mtime = None
    if flags & 1:
        (size,) = struct.unpack_from(">Q", body, at)
        at += 8
    at += 8 if flags & 2 else 0
    if flags & 4:
        (mode,) = struct.unpack_from(">I", body, at)
        at += 4
    if flags & 8:
        _, mtime = struct.unpack_from(">II", body, at)
        at += 8
    if flags & 0x80000000:
        at = _skip_extended(body, at)
    return Attrs(size, mode, mtime), at


def _skip_extended(body: bytes, at: int) -> int:
    (count,) = struct.unpack_from(">I", body, at)
    at += 4
    for _ in range(2 * count):
        at = string(body, at)[1]
    return at
