"""LISTEN: hears at once of what any process inserts."""

from __future__ import annotations

import time

from recon_cli.core.place import Place
from recon_cli.stores import postgres_errors
from recon_cli.stores.bulk.postgres_link import quote
from recon_cli.stores.sink.postgres import Connection, connected

# postgres_errors, imported above, says how to get the driver where it is missing
import psycopg  # isort: skip


class PostgresListener:
    """One channel of one database."""

    def __init__(self, place: Place, channel: str) -> None:
        self._place, self._channel = place, channel
        self._timeout_s = place.number("timeout_s", 30)
        self._url = postgres_errors.shown(place.url)
        self._link: Connection | None = None

    def wait(self, seconds: float) -> bool:
        """See `Listener.wait`. A connection that is new has missed what came before it: that counts as news."""
        try:
            if self._link is None or self._link.closed or self._link.broken:
                self._link = connected(self._place, self._timeout_s)
                self._link.execute(f"LISTEN {quote(self._channel)}".encode())
                return True
            return any(True for _ in self._link.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error as exc:
            self.close()
            time.sleep(min(seconds, 1.0))
            raise postgres_errors.translate(self._url, exc) from exc

    def close(self) -> None:
        """See `Listener.close`."""
        if self._link is not None:
            self._link.close()
            self._link = None
