"""Statements that both engines are asked to take: both take them, or both refuse; then a query must say the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psycopg

from tests.migration.audit import sqlite_side
from tests.migration.audit.expressions import _like
from tests.migration.audit.postgres_side import Connection
from tests.migration.audit.sqlite_side import quoted
from tests.migration.audit.told import Told

REFUSED = "refused"


class Asked(Protocol):
    """A probe; see `tests.migration.features.registry.Probe`."""

    @property
    def statement(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def unless(self) -> str: ...


def probed(file: Path, server: Connection, schema: str, probes: Sequence[Asked], told: Told) -> Iterator[str]:
    """What differs; nothing stays changed."""
    server.autocommit = True
    server.execute(f"SET search_path = {quoted(schema)}")
    for probe in probes:
        if probe.unless and told.names(probe.unless):
            continue
        was, became = _in_sqlite(file, probe), _in_postgres(server, probe)
        if not _same(was, became):
            yield f"after `{probe.statement}`: {was} there, {became} here"


def _in_sqlite(file: Path, probe: Asked) -> object:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        with closing(sqlite_side.opened(file)) as source:
            source.backup(db)
        db.execute("PRAGMA foreign_keys = ON")
        try:
            db.execute(probe.statement)
        except sqlite3.IntegrityError:
            return REFUSED
        return db.execute(probe.query).fetchall() if probe.query else "taken"


def _in_postgres(server: Connection, probe: Asked) -> object:
    try:
        with server.transaction(force_rollback=True):
            server.execute(probe.statement)
            return server.execute(probe.query).fetchall() if probe.query else "taken"
    except (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.DatatypeMismatch):
        return REFUSED
    except psycopg.Error as error:
        return f"fails: {error}"


def _same(was: object, became: object) -> bool:
    if not isinstance(was, list) or not isinstance(became, list):
        return was == became
    return len(was) == len(became) and all(
        len(one) == len(other)
        and all(a == b or str(a) == str(b) or _like(a, b, "") for a, b in zip(one, other, strict=True))
        for one, other in zip(was, became, strict=True)
    )
