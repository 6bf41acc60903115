"""What a sync is asked to do: from which folder, by whose rules, to which target, how patiently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from recon_cli.core.place import Place
from recon_cli.outbox.queue import BATCH_ITEMS

SETTLE_S = 2.0
PATIENCE_S = 600.0
REHASH_S = 86_400.0
LIMIT_BYTES = 64 << 20


class OnDrift(StrEnum):
    """What happens when the target's table lacks a column that it had."""

    PAUSE = "pause"
    """That table is left alone until somebody mends it; its items wait."""
    STASH = "stash"
    """The column's values go to a file beside the queue, the rest of the row to the target."""


@dataclass(frozen=True, slots=True)
class Route:
    """One sync. `target.label` is what the outbox calls the target; empty texts stand for what is usual.

    A file is ready when two looks at least `settle_s` apart are equal; one that ends before its content does is given
    up after `patience_s`; every file is read again after `rehash_s`, since some changes leave size and time as they
    were.
    """

    system: str
    root: Path
    target: Place
    table: str = ""
    pattern: str = ""
    registry: str = ""
    observations: bool = True
    on_drift: OnDrift = OnDrift.PAUSE
    settle_s: float = SETTLE_S
    patience_s: float = PATIENCE_S
    rehash_s: float = REHASH_S
    poll_s: float = 2.0
    rescan_s: float = 60.0
    batch_items: int = BATCH_ITEMS
    retries: int = 5
    rate: float | None = None
    limit_bytes: int = LIMIT_BYTES
    options: Mapping[str, str] = field(default_factory=dict)
    """What the system alone understands."""
