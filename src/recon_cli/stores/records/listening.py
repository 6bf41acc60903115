"""Who is told that records came: Postgres tells it itself; every other target has to be looked at."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol
from urllib.parse import urlsplit

from recon_cli.core.place import Place

SUFFIX = "_told"
"""A table's name with this is the channel, and the trigger's name, by which its inserts are told."""


class Listener(Protocol):
    """Hears of one table's inserts, whoever makes them. Of one thread."""

    def wait(self, seconds: float) -> bool:
        """Until something came in, or so long; whether it did. Connects at the first call, and again after a loss.

        Raises:
            ReconError: there is no connection.
        """

    def close(self) -> None:
        """Give the connection back; safe to call twice."""


def open_listener(place: Place, table: str) -> Listener | None:
    """The listener of a table at `place`; None where the target tells nothing."""
    if urlsplit(place.url).scheme not in {"postgresql", "postgres"}:
        return None
    module = import_module("recon_cli.stores.records.postgres_listening")
    listener: Listener = module.PostgresListener(place, table + SUFFIX)
    return listener
