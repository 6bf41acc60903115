"""SQLite as a whole: a gate of milliseconds, views side by side, loads in one transaction. By apsw only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from recon_cli.core.errors import LockedError
from recon_cli.core.place import Place
from recon_cli.stores.bulk import sqlite_open as opening
from recon_cli.stores.bulk.base import Loaded, Loading
from recon_cli.stores.bulk.sqlite_load import load_file
from recon_cli.stores.bulk.sqlite_view import SqliteView


def open_sqlite(place: Place) -> SqliteBulk:
    """A bulk store on a SQLite file: `sqlite:///relative.db`, `sqlite:////absolute.db` or a plain path."""
    return SqliteBulk(place)


class SqliteBulk:
    """One SQLite file; see `BulkStore`. Each use has a connection of its own: the file is free between them."""

    engine = "sqlite"

    def __init__(self, place: Place) -> None:
        self.url = place.url
        self.path = opening.path_of(place.url)
        self.timeout_s = place.number("timeout_s", 30)

    @contextmanager
    def gate(self) -> Iterator[str]:
        """Hold writers up until left.

        The write lock is taken, as BEGIN IMMEDIATE does, and nothing is written: readers join freely, in WAL and out of
        it. A lock for reading would not do outside of WAL, for a writer waiting behind it lets no new reader in. Where
        the file cannot be written to, nothing is held up, and `join` compares what it found with the ticket.
        """
        opening.must_exist(self.path)
        with opening.translated(self.path, self.timeout_s):
            db = self._at_the_gate()
        try:
            yield opening.state(self.path)
        finally:
            with suppress(apsw.Error):
                db.execute("ROLLBACK")
            db.close()

    def _at_the_gate(self) -> apsw.Connection:
        if not os.access(self.path, os.W_OK):
            return self._shared()
        kept = opening.filled(opening.beside(self.path, "-wal"))
        db = opening.connect(self.path, write=True, timeout_s=self.timeout_s)
        try:
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(kept))
            db.execute("BEGIN IMMEDIATE")
        except (apsw.ReadOnlyError, apsw.CantOpenError):
            db.close()
            return self._shared()
        except apsw.Error:
            db.close()
            raise
        return db

    def _shared(self) -> apsw.Connection:
        db = opening.open_to_read(self.path, self.timeout_s).db
        db.execute("BEGIN")
        db.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        return db

    @contextmanager
    def join(self, ticket: str | None = None) -> Iterator[SqliteView]:
        """A read transaction of its own; with a ticket, one that sees what the gate saw."""
        with opening.translated(self.path, self.timeout_s):
            view = self._view(ticket)
        try:
            yield view
            view.end()
        finally:
            view.db.close(force=True)

    def _view(self, ticket: str | None) -> SqliteView:
        db, immutable = opening.open_to_read(self.path, self.timeout_s)
        try:
            view = SqliteView(db, self.path, self.timeout_s, immutable)
            view.begin()
        except BaseException:
            db.close(force=True)
            raise
        if ticket is not None and opening.state(self.path) != ticket:
            db.close(force=True)
            raise LockedError(
                f"{self.path} was changed before every reader had joined",
                cause="the gate holds writers up only as long as it is open",
                hint="run again",
            )
        return view

    def load(self, loading: Loading) -> Loaded:
        """Take tables in; see `BulkStore`. A missing file is built beside, and renamed when it is complete."""
        return load_file(self.path, loading, self.timeout_s)

    def close(self) -> None:
        """Nothing is held between uses."""
