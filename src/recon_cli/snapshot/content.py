"""Content sums: what the rows of a table are, whatever their order and their shards.

A sum adds up a digest of every line. It detects damage and change, not forgery, so that a fast digest will do: SHA-256
of every row took a sixth of an export. Snapshots of the format's first version have sums of SHA-256, which are read on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from operator import methodcaller

import xxhash

LARGE = 1 << 20
"""From here on a text is too large to be copied."""
_sha256 = methodcaller("digest")


class Summing(StrEnum):
    """How the line of a row becomes a number."""

    XXH3 = "xxh3"
    SHA256 = "sha256"

    @property
    def bits(self) -> int:
        """How long a sum is."""
        return 128 if self is Summing.XXH3 else 256

    def word(self, total: int) -> str:
        """A sum as it stands in a manifest: hex, modulo 2 to the power of its bits."""
        return f"{total % (1 << self.bits):0{self.bits // 4}x}"

    def of_lines(self, found: Iterable[bytes | memoryview]) -> int:
        """The sum over lines without their newlines; not yet modulo anything."""
        if self is Summing.XXH3:
            return sum(map(xxhash.xxh3_128_intdigest, found))
        return sum(map(int.from_bytes, map(_sha256, map(hashlib.sha256, found))))

    def of_text(self, text: bytes) -> int:
        """The same over a text of whole lines."""
        return self.of_lines(_views(text) if len(text) > LARGE else text[:-1].split(b"\n"))


def summing(content: str) -> Summing:
    """How a sum in a manifest was made: each way has a length of its own."""
    return Summing.XXH3 if len(content) * 4 == Summing.XXH3.bits else Summing.SHA256


def _views(text: bytes) -> Iterable[memoryview]:
    """The lines of a large text, without a copy of it."""
    view, start = memoryview(text), 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        yield view[start:end]
        start = end + 1
