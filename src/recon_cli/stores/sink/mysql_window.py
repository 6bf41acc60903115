"""Sightings in MySQL and MariaDB: inserted and settled under one named lock for all writers of the table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.landing import Load, Parcel, Window
from recon_cli.core.window import Sighting
from recon_cli.stores.bulk.mysql_link import quote as _quote
from recon_cli.stores.sink.settle import Changes, Group, in_group_order, parted, settle
from recon_cli.stores.sink.sqlite_window import seconds

# whoever calls says how to get the driver where it is missing
import pymysql  # isort: skip

_AT_ONCE = 64
_INSERTED = 1000


@contextmanager
def alone(link: Any, windows: Sequence[Window], wait_s: float) -> Iterator[None]:  # noqa: ANN401  a pymysql connection
    """Be the only one that settles these tables of this database; before the transaction, so that it sees the last.

    Raises:
        DeliveryError: somebody else held the lock for too long.
    """
    names = sorted(_lock(link, one) for one in windows)
    held: list[str] = []
    try:
        for name in names:
            if _one(link, "SELECT GET_LOCK(%s, %s)", (name, int(wait_s))) != 1:
                raise DeliveryError(Failure.TRANSIENT, "another writer holds the lock on this table")
            held.append(name)
        yield
    finally:
        with suppress(pymysql.err.Error):
            for name in held if link.open else ():
                _one(link, "SELECT RELEASE_LOCK(%s)", (name,))


def take(link: Any, load: Load, cell: Callable[[Any], Any]) -> None:  # noqa: ANN401  a pymysql connection
    """Insert what is new, and settle its groups; inside the transaction, and `alone`."""
    shape, window = load.shape, load.shape.landing.window
    assert window is not None  # the caller asked
    parcels = in_group_order(window, load)
    names = ", ".join(map(_quote, shape.columns))
    values = ", ".join(["%s"] * len(shape.columns))
    fresh: list[Parcel] = []
    with link.cursor() as cursor:
        for start in range(0, len(parcels), _INSERTED):
            new = _new(cursor, shape.table, window, parcels[start : start + _INSERTED])
            rows = [[cell(one.record.values.get(name)) for name in shape.columns] for one in new]
            if rows:
                cursor.executemany(f"INSERT INTO {_quote(shape.table)} ({names}) VALUES ({values})", rows)
            fresh += new
    settle(_Ground(link, window, shape.table), window, fresh)


def _new(cursor: Any, table: str, window: Window, parcels: Sequence[Parcel]) -> list[Parcel]:  # noqa: ANN401  pymysql's
    """Those that are not in the table yet."""
    ids = [str(one.record.values[window.key]) for one in parcels]
    key, marks = _quote(window.key), ", ".join(["%s"] * len(ids))
    cursor.execute(f"SELECT {key} FROM {_quote(table)} WHERE {key} IN ({marks})", ids)
    known = {str(row[0]) for row in cursor.fetchall()}
    return [one for one, name in zip(parcels, ids, strict=True) if name not in known]


class _Ground:
    """See `settle.Ground`."""

    def __init__(self, link: Any, window: Window, table: str) -> None:  # noqa: ANN401  a pymysql connection
        self._link, self._window, self._table = link, window, _quote(table)
        self._rows, self._rules = _quote(window.rows), _quote(window.rules)
        self._at, self._key = _quote(window.moment), _quote(window.key)
        self._same = " AND ".join(f"{_quote(name)} = %s" for name in window.group)

    def span(self) -> timedelta:
        """See `Ground.span`."""
        return seconds(self._first(f"SELECT value FROM {self._rules} WHERE name = 'window_s'", ()), self._window)

    def before(self, group: Group, first: datetime, since: datetime) -> Sighting | None:
        """See `Ground.before`."""
        near = f"{self._at} < %s AND {self._at} >= %s"
        sql = f"SELECT {self._at}, {self._key} FROM {self._rows} WHERE {self._same} AND {near}"
        order = f"ORDER BY {self._at} DESC, {self._key} DESC LIMIT 1"
        row = self._first(f"{sql} {order}", (*group, _naive(first), _naive(since)))
        return Sighting(row[0].replace(tzinfo=UTC), row[1]) if row else None

    def sightings(self, group: Group, first: datetime) -> Iterator[Sighting]:
        """See `Ground.sightings`; a page at a time."""
        names = ", ".join((self._at, self._key, _quote(self._window.stands), _quote(self._window.pinned)))
        behind = f"{self._at} >= %s AND ({self._at} > %s OR {self._key} > %s)"
        sql = f"SELECT {names} FROM {self._table} WHERE {self._same} AND {behind}"
        at, key = _naive(first), ""
        while True:
            with self._link.cursor() as cursor:
                cursor.execute(f"{sql} ORDER BY {self._at}, {self._key} LIMIT {_AT_ONCE}", (*group, at, at, key))
                found = cursor.fetchall()
            for at, key, stands, pinned in found:
                yield Sighting(at.replace(tzinfo=UTC), key, stands, bool(pinned))
            if len(found) < _AT_ONCE:
                return

    def write(self, changes: Changes) -> None:
        """See `Ground.write`."""
        stand, fall = parted(changes)
        with self._link.cursor() as cursor:
            for key in dict.fromkeys(key for _one, key in changes):
                self._point(cursor, key, [one.key for one, stands in changes if stands == key])
            copied = ", ".join(map(_quote, self._window.copied))
            for some, sql in (
                (stand, f"INSERT IGNORE INTO {self._rows} ({copied}) SELECT {copied} FROM {self._table}"),
                (fall, f"DELETE FROM {self._rows}"),
            ):
                if some:
                    marks = ", ".join(["%s"] * len(some))
                    cursor.execute(f"{sql} WHERE {self._key} IN ({marks})", [one.key for one in some])

    def _point(self, cursor: Any, key: str, ids: Sequence[str]) -> None:  # noqa: ANN401  pymysql's
        marks = ", ".join(["%s"] * len(ids))
        pointed = f"UPDATE {self._table} SET {_quote(self._window.stands)} = %s WHERE {self._key} IN ({marks})"
        cursor.execute(pointed, (key, *ids))

    def _first(self, sql: str, bound: Sequence[Any]) -> Any:  # noqa: ANN401  a row
        with self._link.cursor() as cursor:
            cursor.execute(sql, bound)
            return cursor.fetchone()


def _lock(link: Any, window: Window) -> str:  # noqa: ANN401  a pymysql connection
    """A lock's name holds for the whole server, and has at most 64 characters."""
    database = _one(link, "SELECT database()", ())
    return f"recon:{hashlib.sha256(f'{database}.{window.rows}'.encode()).hexdigest()[:40]}"


def _one(link: Any, sql: str, bound: Sequence[Any]) -> Any:  # noqa: ANN401  a cell
    with link.cursor() as cursor:
        cursor.execute(sql, bound)
        return cursor.fetchone()[0]


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
