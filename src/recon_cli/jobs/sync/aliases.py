"""Aliases: under which other hashes older programs know the contents that were put, kept in the outbox.

An older service's record holds its content anew, and only the hash of the file's text: where that is not the hash of
the file's bytes, nothing else tells that both are one content.
"""

from __future__ import annotations

from collections.abc import Mapping

from recon_cli.outbox.queue import Outbox

_PREFIX = "alias:"


class Aliases:
    """What one queue knows."""

    def __init__(self, queue: Outbox) -> None:
        self._queue = queue

    def note(self, found: Mapping[str, str]) -> None:
        """Remember file hashes by their older ones."""
        rows = [(f"{_PREFIX}{older}", own) for older, own in found.items()]
        if rows:
            self._queue.change(lambda db: db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows))

    def of(self, older: str) -> str | None:
        """The file's hash."""
        query = "SELECT value FROM facts WHERE name = ?"
        row = self._queue.read(lambda db: db.execute(query, (f"{_PREFIX}{older}",)).fetchone())
        return str(row[0]) if row else None
