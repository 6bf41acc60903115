"""Bringing staged rows into a table that has rows of its own, by a few statements over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import apsw

from recon_cli.core.catalog import Cell
from recon_cli.stores.bulk.base import Mode, Row, TableOutcome
from recon_cli.stores.bulk.sqlite_open import ask
from recon_cli.stores.bulk.sqlite_put import REFUSED, Fields, Putter, cannot_store
from recon_cli.stores.bulk.sqlite_words import quoted
from recon_cli.stores.bulk.to_sqlite import affinity

_STAGE = 'temp."recon_stage"'
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Stage:
    """The staging table `s` beside the table `t`: cells c0, c1, … in the order of a row."""

    db: apsw.Connection
    fields: Fields
    target: str

    @property
    def columns(self) -> list[str]:
        """The staged columns."""
        return [f"c{place}" for place in range(len(self.fields.columns))]

    def name(self, place: int) -> str:
        """The target's column."""
        return quoted(self.fields.columns[place].name)

    @property
    def rest(self) -> list[int]:
        """The places outside the key."""
        return [place for place in range(len(self.fields.columns)) if place not in self.fields.key]

    @property
    def match(self) -> str:
        """That `t` and `s` are the same thing. Where the key is NULL, rows are the same if all cells are."""
        same = " AND ".join(f"t.{self.name(place)} IS s.c{place}" for place in self.fields.key)
        if not self.fields.key_nullable:
            return same
        filled = " AND ".join(f"s.c{place} IS NOT NULL" for place in self.fields.key)
        return f"{same} AND ({filled} OR NOT {self.differs})"

    def equal(self, place: int) -> str:
        """That a cell is the same, by value and storage class."""
        name = self.name(place)
        return f"(t.{name} COLLATE BINARY IS s.c{place} AND typeof(t.{name}) = typeof(s.c{place}))"

    @property
    def differs(self) -> str:
        """That a row is not the same."""
        return "NOT (" + (" AND ".join(self.equal(place) for place in range(len(self.fields.columns))) or "1") + ")"

    def count(self, where: str) -> int:
        """How many staged rows whose other half is there satisfy a condition."""
        found = ask(
            self.db, f"SELECT count(*) FROM {_STAGE} AS s JOIN {self.target} AS t ON {self.match} WHERE {where}"
        )
        return int(found[0][0])


def merge(db: apsw.Connection, fields: Fields, chunks: Callable[[], Iterator[list[Row]]], mode: Mode) -> TableOutcome:
    """Stage all rows, then bring them in. The outcome tells what was done; see `Mode`."""
    stage = Stage(db, fields, f"main.{quoted(fields.table)}")
    declared = [f"c{place} {affinity(one.declared)}" for place, one in enumerate(fields.columns)]
    db.execute(f"CREATE TABLE {_STAGE} ({', '.join([*declared, 'mark BLOB'])})")
    try:
        if not fields.key:
            return _keyless(stage, chunks, mode)
        putter = Putter(db, fields, _STAGE, stage.columns)
        for rows in chunks():
            putter.put(rows)
        return _keyed(stage, mode)
    finally:
        db.execute(f"DROP TABLE IF EXISTS {_STAGE}")


def _keyed(stage: Stage, mode: Mode) -> TableOutcome:
    matched = stage.count("1")
    done = TableOutcome(stage.fields.table)
    if mode is Mode.REPLACE:
        done = replace(done, deleted=_delete(stage))
    if mode is Mode.MERGE:
        filled, differing = _filled(stage), _differing(stage)
        untouched = stage.count(f"NOT ({filled}) AND NOT ({differing})")
        done = replace(_conflicts(stage, done, differing, _both(stage)), unchanged=untouched)
        places = [(place, f"coalesce(t.{stage.name(place)}, s.c{place})") for place in stage.rest]
        done = replace(done, updated=_update(stage, filled, places))
    elif mode is Mode.INSERT:
        done = _conflicts(stage, done, stage.differs, [f"NOT {stage.equal(place)}" for place in _all(stage)])
        done = replace(done, unchanged=matched - done.conflicts)
    else:
        updated = _update(stage, stage.differs, [(place, f"s.c{place}") for place in _all(stage)])
        done = replace(done, updated=updated, unchanged=matched - updated)
    return replace(done, inserted=_insert(stage))


def _all(stage: Stage) -> range:
    return range(len(stage.fields.columns))


def _filled(stage: Stage) -> str:
    """That a NULL of the store can be filled."""
    return " OR ".join(f"t.{stage.name(one)} IS NULL AND s.c{one} IS NOT NULL" for one in stage.rest) or "0"


def _both(stage: Stage) -> list[str]:
    return [
        f"(t.{stage.name(one)} IS NOT NULL AND s.c{one} IS NOT NULL AND NOT {stage.equal(one)})" for one in _all(stage)
    ]


def _differing(stage: Stage) -> str:
    """That two values are there and differ."""
    return " OR ".join(_both(stage)) or "0"


def _conflicts(stage: Stage, done: TableOutcome, where: str, each: Sequence[str]) -> TableOutcome:
    """Count the conflicts; name the first by key, with the columns in which they are."""
    found = stage.count(where)
    if not found:
        return done
    cells = [
        f"typeof(s.c{place}), CASE typeof(s.c{place}) WHEN 'text' THEN CAST(s.c{place} AS BLOB) ELSE s.c{place} END"
        for place in stage.fields.key
    ]
    rows = ask(
        stage.db,
        f"SELECT {', '.join([*cells, *each])} FROM {_STAGE} AS s JOIN {stage.target} AS t ON {stage.match}"
        f" WHERE {where} ORDER BY s.rowid LIMIT {_NAMED}",
    )
    encoding = str(stage.db.pragma("encoding"))
    named = []
    for row in rows:
        pairs = row[: 2 * len(cells)]
        key = tuple(_text(kind, cell, encoding) for kind, cell in zip(pairs[::2], pairs[1::2], strict=True))
        flags = row[2 * len(cells) :]
        named.append((key, tuple(one.name for one, odd in zip(stage.fields.columns, flags, strict=True) if odd)))
    return replace(done, conflicts=found, first_conflicts=tuple(named))


def _text(kind: str, cell: Cell, encoding: str) -> Cell:
    if kind != "text" or not isinstance(cell, bytes):
        return cell
    if encoding == "UTF-8":
        return cell.decode("utf-8", "surrogateescape")
    return cell.decode(f"utf-16-{encoding[-2:].lower()}", "surrogatepass")


def _delete(stage: Stage) -> int:
    """Rows that the snapshot does not have."""
    keys = ", ".join(f"c{place}" for place in stage.fields.key)
    stage.db.execute(f'CREATE INDEX temp."recon_stage_key" ON "recon_stage" ({keys})')
    return _run(
        stage, f"DELETE FROM {stage.target} AS t WHERE NOT EXISTS (SELECT 1 FROM {_STAGE} AS s WHERE {stage.match})"
    )


def _update(stage: Stage, where: str, places: Sequence[tuple[int, str]]) -> int:
    """Only the columns that must change: a key that stays is not written."""
    changed = [(place, value) for place, value in places if place in stage.rest]
    if any(place in stage.fields.key for place, _ in places) and stage.count(_key_differs(stage)):
        changed = list(places)
    if not changed:
        return 0
    values = ", ".join(f"{stage.name(place)} = {value}" for place, value in changed)
    sql = f"UPDATE {stage.target} AS t SET {values} FROM {_STAGE} AS s WHERE {stage.match} AND ({where})"
    return _run(stage, sql)


def _key_differs(stage: Stage) -> str:
    """Two spellings of one key: 1 and 1.0, or upper and lower case under NOCASE."""
    return "NOT (" + " AND ".join(stage.equal(place) for place in stage.fields.key) + ")"


def _insert(stage: Stage) -> int:
    names = ", ".join(stage.name(place) for place in _all(stage))
    sql = (
        f"INSERT INTO {stage.target} ({names}) SELECT {', '.join(f's.{one}' for one in stage.columns)}"
        f" FROM {_STAGE} AS s WHERE NOT EXISTS (SELECT 1 FROM {stage.target} AS t WHERE {stage.match})"
    )
    return _run(stage, sql, tail=" ORDER BY s.rowid")


def _run(stage: Stage, sql: str, tail: str = "") -> int:
    """One statement over all rows; where it is refused, the row that it is refused for is searched and named."""
    stage.db.execute('SAVEPOINT "recon_one"')
    try:
        stage.db.execute(sql + tail)
    except REFUSED as exc:
        stage.db.execute('ROLLBACK TO "recon_one"')
        _find(stage, sql)
        raise cannot_store(stage.fields, (), exc) from exc
    changed = stage.db.changes()
    stage.db.execute('RELEASE "recon_one"')
    return changed


def _find(stage: Stage, sql: str) -> None:
    """The same statement, staged row by staged row, until it is refused again; what it did is rolled back anyhow."""
    if not sql.startswith(("INSERT", "UPDATE")):
        return
    cells = ", ".join(
        f"CASE typeof({one}) WHEN 'text' THEN CAST({one} AS BLOB) ELSE {one} END" for one in stage.columns
    )
    for (number,) in ask(stage.db, f"SELECT rowid FROM {_STAGE} ORDER BY rowid"):
        try:
            stage.db.execute(f"{sql} AND s.rowid = ?", (number,))
        except REFUSED as exc:
            (row,) = ask(stage.db, f"SELECT {cells} FROM {_STAGE} WHERE rowid = ?", (number,))
            read = tuple(one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in row)
            raise cannot_store(stage.fields, read, exc) from exc


def _keyless(stage: Stage, chunks: Callable[[], Iterator[list[Row]]], mode: Mode) -> TableOutcome:
    """Without a key a row is its whole content: those that are missing, or missing as often, are added.

    To replace is to write all of them anew, in the snapshot's order; what is counted is what differs.
    """
    there = _marks_there(stage)
    putter = Putter(stage.db, stage.fields, _STAGE, [*stage.columns])
    added = staged = 0
    for rows in chunks():
        missing = [row for row in rows if not _taken(there, _mark(row))]
        putter.put(rows if mode is Mode.REPLACE else missing)
        staged, added = staged + len(rows), added + len(missing)
    deleted = sum(there.values()) if mode is Mode.REPLACE else 0
    if added or deleted:
        if mode is Mode.REPLACE:
            _run(stage, f"DELETE FROM {stage.target}")
        names = ", ".join(stage.name(place) for place in _all(stage))
        sql = f"INSERT INTO {stage.target} ({names}) SELECT {', '.join(stage.columns)} FROM {_STAGE} AS s WHERE 1"
        _run(stage, sql, tail=" ORDER BY s.rowid")
    return TableOutcome(stage.fields.table, inserted=added, deleted=deleted, unchanged=staged - added)


def _taken(there: dict[bytes, int], mark: bytes) -> bool:
    """Whether a row like this was there, and is now spoken for."""
    if not there.get(mark, 0):
        return False
    there[mark] -= 1
    return True


def _marks_there(stage: Stage) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    cells = ", ".join(
        f"typeof({name}), CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
        for name in (stage.name(place) for place in _all(stage))
    )
    encoding = str(stage.db.pragma("encoding"))
    for raw in stage.db.execute(f"SELECT {cells} FROM {stage.target}"):
        row = tuple(_text(kind, cell, encoding) for kind, cell in zip(raw[::2], raw[1::2], strict=True))
        mark = _mark(row)
        found[mark] = found.get(mark, 0) + 1
    return found


def _mark(row: Row) -> bytes:
    return blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
