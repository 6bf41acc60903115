"""What lies in the outbox: letters as they are put, items as they wait, dead letters, and the rules for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from recon_cli.core.errors import DataError

_MARK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Letter:
    """One record on its way: where to, under which identity, and its raw bytes, which are kept exactly.

    `target`, `table` and `key` together are the identity; `meta` is for people and for the adapter, never judged here.
    """

    target: str
    table: str
    key: str
    payload: bytes
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def mark(self) -> bytes:
        """The identity in 16 bytes; lengths keep `a|bc` and `ab|c` apart.

        Raises:
            DataError: it cannot be written as UTF-8.
        """
        text = f"{len(self.target)}:{self.target}{len(self.table)}:{self.table}{self.key}"
        try:
            return digest(text.encode())
        except UnicodeEncodeError as exc:
            hint = "use a hash of the content as key, and keep the name in `meta`"
            raise DataError("an identity holds bytes that are no text", cause=ascii(text), hint=hint) from exc


@dataclass(frozen=True, slots=True)
class Item:
    """A letter in the queue. `put_at` is the wall clock in seconds, for people; `failures` counts attempts spent."""

    id: int
    letter: Letter
    put_at: float
    failures: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An item that was given up: why, in one word and in the target's words, and when (wall clock, seconds)."""

    item: Item
    reason: str
    detail: str
    buried_at: float


class Placed(StrEnum):
    """What a put found: a new item, or the same identity already somewhere; in every case it is there once."""

    NEW = "new"
    WAITING = "waiting"
    SPILLED = "spilled"
    DEAD = "dead"
    ACKED = "acked"


class Overflow(StrEnum):
    """What happens over `max_items`."""

    SPILL = "spill"
    """The oldest items move to a durable file beside the queue and come back when there is room."""
    BLOCK = "block"
    """Whoever puts has to wait."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How big the outbox may get. All bounds are soft by one batch.

    `remembered` acknowledged identities are still known; a file of `ballast_bytes` is given up when the disk is full,
    so that what waits can leave; `block_s` is how long a put waits for room under `Overflow.BLOCK`.
    """

    max_items: int = 10_000
    overflow: Overflow = Overflow.SPILL
    remembered: int = 10_000
    ballast_bytes: int = 8 << 20
    block_s: float = 30.0

    @property
    def segment_items(self) -> int:
        """How many items move to a file at once."""
        return max(1, min(1000, self.max_items // 10))


def digest(content: bytes) -> bytes:
    """16 bytes that tell contents apart."""
    return blake2b(content, digest_size=_MARK_BYTES).digest()
