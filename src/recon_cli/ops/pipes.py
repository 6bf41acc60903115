"""Objects over a pipe between this program and a child of its own: length, then pickle."""

from __future__ import annotations

import pickle
from typing import IO


def send(stream: IO[bytes], item: object) -> None:
    """Put one object on a pipe, whole."""
    body = pickle.dumps(item)
    rest = memoryview(len(body).to_bytes(8, "big") + body)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


def receive(stream: IO[bytes]) -> object | None:
    """Take one object off a pipe to our own child or parent; None at its end."""
    head = _exactly(stream, 8)
    body = _exactly(stream, int.from_bytes(head, "big")) if head else b""
    return pickle.loads(body) if body else None  # noqa: S301  both ends are this program


def _exactly(stream: IO[bytes], size_bytes: int) -> bytes:
    """So many bytes of an unbuffered pipe; fewer than asked only at its end, and then none."""
    body = bytearray()
    while len(body) < size_bytes:
        more = stream.read(size_bytes - len(body))
        if not more:
            return b""
        body += more
    return bytes(body)
