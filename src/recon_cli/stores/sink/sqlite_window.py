"""Sightings in a SQLite file: inserted and settled in the batch's transaction, which no other writer is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import apsw

from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.landing import Load, Window
from recon_cli.core.window import Sighting
from recon_cli.stores.bulk.sqlite_words import quoted as _quote
from recon_cli.stores.sink.settle import Changes, Group, in_group_order, parted, settle

_AT_ONCE = 64


def take(db: apsw.Connection, load: Load, cell: Any) -> None:  # noqa: ANN401  what makes a value one that is bound
    """Insert what is new, and settle its groups."""
    shape, window = load.shape, load.shape.landing.window
    assert window is not None  # the caller asked
    names = ", ".join(map(_quote, shape.columns))
    marks = ", ".join("?" * len(shape.columns))
    insert = f"INSERT INTO {_quote(shape.table)} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"
    parcels = in_group_order(window, load)
    rows = ([cell(one.record.values.get(name)) for name in shape.columns] for one in parcels)
    new = {key for (key,) in db.executemany(f"{insert} RETURNING {_quote(window.key)}", rows)}
    fresh = [one for one in parcels if one.record.values[window.key] in new]
    settle(_Ground(db, window, shape.table), window, fresh)


class _Ground:
    """See `settle.Ground`."""

    def __init__(self, db: apsw.Connection, window: Window, table: str) -> None:
        self._db, self._window, self._table = db, window, _quote(table)
        self._rows, self._rules = _quote(window.rows), _quote(window.rules)
        self._at, self._key = _quote(window.moment), _quote(window.key)
        self._same = " AND ".join(f"{_quote(name)} = ?" for name in window.group)

    def span(self) -> timedelta:
        """See `Ground.span`."""
        row = self._db.execute(f"SELECT value FROM {self._rules} WHERE name = 'window_s'").fetchone()
        return seconds(row, self._window)

    def before(self, group: Group, first: datetime, since: datetime) -> Sighting | None:
        """See `Ground.before`."""
        near = f"{self._at} < ? AND {self._at} >= ?"
        sql = f"SELECT {self._at}, {self._key} FROM {self._rows} WHERE {self._same} AND {near}"
        order = f"ORDER BY {self._at} DESC, {self._key} DESC LIMIT 1"
        row = self._db.execute(f"{sql} {order}", (*group, _spelled(first), _spelled(since))).fetchone()
        return Sighting(_moment(row[0]), row[1]) if row else None

    def sightings(self, group: Group, first: datetime) -> Iterator[Sighting]:
        """See `Ground.sightings`; a page at a time."""
        names = ", ".join((self._at, self._key, _quote(self._window.stands), _quote(self._window.pinned)))
        sql = f"SELECT {names} FROM {self._table} WHERE {self._same} AND ({self._at}, {self._key}) > (?, ?)"
        place: Sequence[str] = (_spelled(first), "")
        while True:
            page = self._db.execute(f"{sql} ORDER BY {self._at}, {self._key} LIMIT {_AT_ONCE}", (*group, *place))
            found: list[tuple[Any, ...]] = page.fetchall()
            for at, key, stands, pinned in found:
                yield Sighting(_moment(at), key, stands, bool(pinned))
            if len(found) < _AT_ONCE:
                return
            place = found[-1][:2]

    def write(self, changes: Changes) -> None:
        """See `Ground.write`."""
        stand, fall = parted(changes)
        pointed = f"UPDATE {self._table} SET {_quote(self._window.stands)} = ? WHERE {self._key} = ?"
        self._db.executemany(pointed, ((key, one.key) for one, key in changes))
        copied = ", ".join(map(_quote, self._window.copied))
        made = f"INSERT INTO {self._rows} ({copied}) SELECT {copied} FROM {self._table} WHERE {self._key} = ?"
        self._db.executemany(f"{made} ON CONFLICT DO NOTHING", ((one.key,) for one in stand))
        self._db.executemany(f"DELETE FROM {self._rows} WHERE {self._key} = ?", ((one.key,) for one in fall))


def seconds(row: Sequence[Any] | None, window: Window) -> timedelta:
    """The window out of its row.

    Raises:
        DeliveryError: nobody said how long it is.
    """
    try:
        return timedelta(seconds=float(row[0] if row else ""))
    except (TypeError, ValueError, OverflowError) as exc:
        detail = f"`{window.rules}` does not say how long the window is"
        raise DeliveryError(Failure.DRIFT, detail, code="P0002") from exc


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(sep=" ")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
