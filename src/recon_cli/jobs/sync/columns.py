"""Columns: what a target's tables had at the last delivery, kept in the outbox, so that a loss is noticed."""

from __future__ import annotations

import json

from recon_cli.core.landing import Shape
from recon_cli.outbox.queue import Outbox


class Columns:
    """What one target had."""

    def __init__(self, queue: Outbox, target: str) -> None:
        self._queue, self._target = queue, target

    def lost(self, shape: Shape) -> tuple[str, ...]:
        """The columns that the table had once and has no more; new ones are remembered."""
        name = f"columns:{self._target}:{shape.table}"
        row = self._queue.read(lambda db: db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone())
        known: list[str] = json.loads(row[0]) if row else []
        if set(shape.columns) - set(known):
            both = json.dumps(list(dict.fromkeys((*known, *shape.columns))))
            self._queue.change(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, both)))
        return tuple(one for one in known if one not in shape.columns)
