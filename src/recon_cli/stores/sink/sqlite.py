"""Rows into a SQLite file: one transaction for each batch, the rules as an upsert with a condition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import apsw

from recon_cli.core.canonical import Value
from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure
from recon_cli.core.landing import Load, Parcel, Shape
from recon_cli.core.place import Place
from recon_cli.ops import atomic
from recon_cli.stores.bulk import sqlite_open
from recon_cli.stores.bulk.sqlite_words import quoted as _quote
from recon_cli.stores.sink import sqlite_window
from recon_cli.stores.sink.base import Cells
from recon_cli.stores.sink.declared import catalog_of

_KINDS: tuple[tuple[type[apsw.Error], Failure, str], ...] = (
    (apsw.BusyError, Failure.TRANSIENT, ""),
    (apsw.LockedError, Failure.TRANSIENT, ""),
    (apsw.ConstraintError, Failure.POISON, "23000"),
    (apsw.MismatchError, Failure.POISON, "22000"),
    (apsw.TooBigError, Failure.POISON, "22001"),
    (apsw.ReadOnlyError, Failure.AUTH, ""),
    (apsw.PermissionsError, Failure.AUTH, ""),
    (apsw.SQLError, Failure.DRIFT, "42P01"),
)
"""A full disk, a damaged file, a folder that is away: what may be mended while the items wait."""


_PLAIN = frozenset({str, int, float, type(None)})


class SqliteSink:
    """One SQLite file."""

    engine = "sqlite"
    changeable = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path = sqlite_open.path_of(place.url)
        self._timeout_s = place.number("timeout_s", 30)
        self._db: apsw.Connection | None = None
        self.url = f"sqlite:///{self._path}"

    def write(self, loads: Sequence[Load]) -> None:
        """See `Sink.write`."""
        try:
            db = self._connected()
            with db:
                for load in loads:
                    _land(db, load)
        except (apsw.Error, OSError) as exc:
            self.close()
            raise _failed(_first(exc)) from exc

    def catalog(self) -> Catalog:
        """See `Sink.catalog`."""
        return catalog_of(self._place)

    def run(self, statements: Sequence[str]) -> None:
        """See `Sink.run`."""
        with sqlite_open.translated(self._path, self._timeout_s):
            if not self._path.exists():
                self._path.touch()
                atomic.sync_folder(self._path.absolute().parent)
            db = self._connected()
            db.execute("BEGIN IMMEDIATE")
            try:
                for statement in statements:
                    db.execute(statement)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def read(self, table: str, columns: Sequence[str]) -> Iterator[Cells]:
        """See `Sink.read`."""
        with sqlite_open.translated(self._path, self._timeout_s):
            sqlite_open.must_exist(self._path)
            names = ", ".join(map(_quote, columns))
            for row in self._connected().execute(f"SELECT {names} FROM {_quote(table)}"):
                yield tuple(cell if cell is None or isinstance(cell, int) else str(cell) for cell in row)

    def close(self) -> None:
        """See `Sink.close`."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _connected(self) -> apsw.Connection:
        """A connection that waits for other writers, and on which a commit is on disk when it returns."""
        if self._db is None:
            self._db = sqlite_open.connect(self._path, write=True, timeout_s=self._timeout_s)
            self._db.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
            self._db.transaction_mode = "IMMEDIATE"
        return self._db


def _land(db: apsw.Connection, load: Load) -> None:
    shape = load.shape
    if shape.landing.window is not None:
        sqlite_window.take(db, load, _cell)
        return
    for parcel in load.parcels:
        if parcel.older and shape.mark:
            _take_over(db, shape, parcel)
    db.executemany(_upsert(shape), ([_cell(value) for value in row] for row in load.rows()))


def _take_over(db: apsw.Connection, shape: Shape, parcel: Parcel) -> None:
    """A row that an older program stored under another hash of this content becomes this content's row."""
    assert shape.mark is not None  # the caller asked
    table, key, mark = _quote(shape.table), _quote(shape.key[-1]), _quote(shape.mark.column)
    new = parcel.record.values[shape.key[-1]]
    for older in parcel.older:
        db.execute(
            f"UPDATE OR IGNORE {table} SET {key} = ?1 WHERE {key} = ?2 AND {mark} IS NOT ?3"
            f" AND NOT EXISTS (SELECT 1 FROM {table} WHERE {key} = ?1)",
            (str(new), older, shape.mark.word),
        )


def _upsert(shape: Shape) -> str:
    names = ", ".join(map(_quote, shape.columns))
    marks = ", ".join("?" * len(shape.columns))
    target = ", ".join(map(_quote, shape.key))
    return f"INSERT INTO {_quote(shape.table)} AS t ({names}) VALUES ({marks}) ON CONFLICT ({target}) DO {_rule(shape)}"


def _rule(shape: Shape) -> str:
    spans = [f"{_quote(one)} = min(t.{_quote(one)}, excluded.{_quote(one)})" for one in shape.landing.earliest]
    spans += [f"{_quote(one)} = max(t.{_quote(one)}, excluded.{_quote(one)})" for one in shape.landing.latest]
    if spans:
        return f"UPDATE SET {', '.join(spans)}"
    if not shape.rank:
        return "NOTHING"
    sets = ", ".join(f"{_quote(name)} = excluded.{_quote(name)}" for name in shape.others)
    new, old = (", ".join(f"ifnull({side}.{_quote(name)}, '')" for name in shape.rank) for side in ("excluded", "t"))
    less = f"({new}) < ({old})" if len(shape.rank) > 1 else f"{new} < {old}"
    if shape.mark is None:
        return f"UPDATE SET {sets} WHERE {less}"
    word, mark = _literal(shape.mark.word), _quote(shape.mark.column)
    ours, theirs = f"(excluded.{mark} IS {word})", f"(t.{mark} IS {word})"
    return f"UPDATE SET {sets} WHERE {ours} > {theirs} OR ({ours} = {theirs} AND {less})"


def _cell(value: Value) -> Any:  # noqa: ANN401  what apsw binds
    if type(value) in _PLAIN:
        return value
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return json.dumps(value) if isinstance(value, list | dict) else value


def _first(error: Exception) -> Exception:
    """What went wrong first: where SQLite rolled back by itself (a full disk), apsw's own rollback fails, too."""
    before = error.__context__
    return _first(before) if isinstance(before, apsw.Error) else error


def _failed(error: Exception) -> DeliveryError:
    if isinstance(error, apsw.ConstraintError) and "UNIQUE" in str(error):
        return DeliveryError(Failure.POISON, str(error), code="23505")
    for kind, failure, code in _KINDS:
        if isinstance(error, kind):
            return DeliveryError(failure, str(error), code=code)
    return DeliveryError(Failure.TRANSIENT, str(error))


def _literal(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
