"""Content: one number for all rows of a table, the same in any order and any shards. The manifest carries it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from operator import methodcaller

from recon_cli.core.catalog import DeclaredTable
from recon_cli.snapshot import rows as lines

_MODULUS = 1 << 256
_digest = methodcaller("digest")


def of_lines(text: bytes) -> int:
    """The sum of the SHA-256 of each line of `text`, without its newline; not yet modulo 2**256."""
    if len(text) > lines.LARGE:
        return _of_large(text)
    return sum(map(int.from_bytes, map(_digest, map(hashlib.sha256, text[:-1].split(b"\n")))))


def _of_large(text: bytes) -> int:
    """The same without a copy of it."""
    view, start, total = memoryview(text), 0, 0
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        total += int.from_bytes(hashlib.sha256(view[start:end]).digest())
        start = end + 1
    return total


def reduced(total: int) -> int:
    """A sum modulo 2**256."""
    return total % _MODULUS


def written(total: int) -> str:
    """A sum as the manifest has it: modulo 2**256, 64 hex digits."""
    return f"{reduced(total):064x}"


def of_rows(table: DeclaredTable, chunks: Iterable[Sequence[lines.Row]]) -> str:
    """The content of these rows of a table, as the manifest has it."""
    floats = lines.floats(table)
    return written(sum(of_lines(lines.encode(chunk, floats)) for chunk in chunks if chunk))
