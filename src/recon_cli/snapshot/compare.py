"""Where two databases differ, each of them a snapshot or a live store: what they declare, and row by row.

Rows are compared as they would stand in a snapshot, by value and storage class, over the columns that both sides have.
Shards that both sides have are not read. What is left goes into a temporary SQLite file, so that memory stays flat.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import cast

from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import ReconError
from recon_cli.snapshot import catalog_json
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.manifest import Shard
from recon_cli.snapshot.reader import Snapshot

_LONGEST_SHOWN = 4096
_DIGEST_BYTES = 16


class Change(StrEnum):
    """What became of something from the one side to the other."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Side:
    """A table of one side. `rows` streams it from the start at each call.

    `shards` may be given with `shard`, which streams one of them: those that the other side has too are left out.
    """

    declared: DeclaredTable
    rows: Callable[[], Iterator[Sequence[Row]]]
    shards: tuple[Shard, ...] = ()
    shard: Callable[[Shard], Iterator[Sequence[Row]]] | None = None


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that only one side has, or that differs.

    `key` are its key's cells, or the whole row of a table without a key; None if it is too long to be shown. `times`
    counts equal rows of a table without a key.
    """

    table: str
    change: Change
    key: Row | None
    times: int = 1


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """Something declared that differs.

    `part` is table, column, index, foreign key, check, a kind of object, setting, or the name of a table's own field
    (key, options, counter). `before` and `after` are its JSON forms.
    """

    table: str
    part: str
    name: str
    change: Change
    before: Json = None
    after: Json = None

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        shown: dict[str, Json] = {
            "table": self.table,
            "part": self.part,
            "name": self.name,
            "change": self.change.value,
        }
        return {**shown, "before": self.before, "after": self.after}


def side(snapshot: Snapshot, table: str) -> Side | None:
    """A snapshot's table as one side; None if it has no such table."""
    files = snapshot.manifest.table(table)
    if files is None:
        return None
    return Side(files.declared, lambda: snapshot.rows(table), files.shards, lambda shard: snapshot.shard(table, shard))


def rows(one: Side | None, other: Side | None, scratch: Path | None = None) -> Iterator[RowDifference]:
    """The rows that differ, of a table that at least one side has, ordered by the JSON of their keys.

    Rows are matched by primary key if both sides have the same, else by their whole content, each as often as it is
    there. `scratch` is the folder of the temporary file.

    Raises:
        ReconError: a side cannot be read, or there is no room for the temporary file.
    """
    present = one or other
    assert present is not None  # somebody asked for this table
    plan = _Plan.of_both(one.declared if one else present.declared, other.declared if other else present.declared)
    same = _common(one, other) if one and other and plan.whole else Counter[str]()
    with _scratch(scratch) as base:
        for each, step in ((one, 1), (other, -1)):
            if each is not None:
                _take(base, plan.of(each.declared), _differing(each, same.copy()), step)
        yield from _told(base, present.declared.name, keyed=bool(plan.key))


def schema(one: Catalog, other: Catalog) -> Iterator[SchemaDifference]:
    """What is declared differently: tables with all that belongs to them, objects, settings."""
    names = dict.fromkeys([*(table.name for table in one.tables), *(table.name for table in other.tables)])
    for name in names:
        before, after = one.table(name), other.table(name)
        if before is None or after is None:
            change = Change.ADDED if before is None else Change.REMOVED
            yield SchemaDifference(name, "table", name, change)
        else:
            yield from _tables(before, after)
    for kind in dict.fromkeys(found.kind for found in (*one.objects, *other.objects)):
        pair = (
            {found.name: _dumped(found) for found in side if found.kind == kind}
            for side in (one.objects, other.objects)
        )
        yield from _named("", kind, *pair)
    yield from _named("", "setting", dict(one.settings), dict(other.settings))


def _tables(before: DeclaredTable, after: DeclaredTable) -> Iterator[SchemaDifference]:
    one, other = (catalog_json.dump_table(replace(table, sql=None)) for table in (before, after))
    for field, part in _LISTS.items():
        yield from _named(before.name, part, *(_by_name(table.pop(field, ())) for table in (one, other)))
    for field in dict.fromkeys([*one, *other]):
        if one.get(field) != other.get(field):
            yield SchemaDifference(before.name, field, "", Change.CHANGED, one.get(field), other.get(field))


_LISTS = {"columns": "column", "indexes": "index", "foreign_keys": "foreign key", "checks": "check"}


def _by_name(found: Json) -> dict[str, Json]:
    """The parts by name; those without by what they are."""
    assert isinstance(found, list | tuple)
    named: dict[str, Json] = {}
    for one in found:
        assert isinstance(one, Mapping)
        named[str(one.get("name") or one.get("expression") or f"{one.get('columns')} → {one.get('table')}")] = one
    return named


def _dumped(found: object) -> Json:
    return {"sql": getattr(found, "sql", ""), "table": getattr(found, "table", None)}


def _named(table: str, part: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[SchemaDifference]:
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield SchemaDifference(table, part, name, Change.REMOVED, before[name])
        elif name not in before:
            yield SchemaDifference(table, part, name, Change.ADDED, None, after[name])
        elif before[name] != after[name]:
            yield SchemaDifference(table, part, name, Change.CHANGED, before[name], after[name])


@dataclass(frozen=True, slots=True)
class _Plan:
    """What of a row is compared: the columns of both sides, the key of both. `whole`: that is all there is."""

    columns: tuple[str, ...]
    key: tuple[str, ...]
    whole: bool

    @classmethod
    def of_both(cls, one: DeclaredTable, other: DeclaredTable) -> _Plan:
        names = tuple(column.name for column in one.stored)
        others = tuple(column.name for column in other.stored)
        columns = tuple(name for name in names if name in others)
        key = one.key if one.key == other.key and set(one.key) <= set(columns) else ()
        return cls(columns, key, names == others)

    def of(self, table: DeclaredTable) -> _Places:
        places = {column.name: place for place, column in enumerate(table.stored)}
        everything = tuple(places[name] for name in self.columns) if not self._plainly(table) else None
        return _Places(everything, tuple(places[name] for name in self.key), lines.floats(table))

    def _plainly(self, table: DeclaredTable) -> bool:
        return self.columns == tuple(column.name for column in table.stored)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where one side's rows have what is compared; `columns` None: the row as it is."""

    columns: tuple[int, ...] | None
    key: tuple[int, ...]
    floats: tuple[int, ...]

    def lines(self, rows: Sequence[Row]) -> list[bytes]:
        """Of each row the line of what is compared."""
        if self.columns is None:
            return lines.encode(rows, self.floats).split(b"\n")[:-1]
        return _encoded(rows, self.columns)

    def keys(self, rows: Sequence[Row]) -> list[bytes]:
        """Of each row the line of its key."""
        return _encoded(rows, self.key)


def _encoded(rows: Sequence[Row], places: Sequence[int]) -> list[bytes]:
    cells = [tuple(row[place] for place in places) for row in rows]
    return lines.encode(cells, range(len(places))).split(b"\n")[:-1]


def _common(one: Side, other: Side) -> Counter[str]:
    """The digests of shards that both sides have, each as often as both have it."""
    if one.shard is None or other.shard is None:
        return Counter()
    return Counter(shard.sha256 for shard in one.shards) & Counter(shard.sha256 for shard in other.shards)


def _differing(side: Side, same: Counter[str]) -> Iterator[Sequence[Row]]:
    """The rows of the shards that are not among these."""
    if side.shard is None:
        yield from side.rows()
        return
    for shard in side.shards:
        if same[shard.sha256] > 0:
            same[shard.sha256] -= 1
        else:
            yield from side.shard(shard)


@contextmanager
def _scratch(folder: Path | None) -> Iterator[sqlite3.Connection]:
    """A temporary database that nobody else sees and that no crash leaves much of."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="recon-", dir=folder) as inner,
            closing(sqlite3.connect(f"{inner}/rows", isolation_level=None)) as base,
        ):
            base.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16000")
            base.execute(
                "CREATE TABLE seen (key BLOB, digest BLOB, times INT, PRIMARY KEY (key, digest)) WITHOUT ROWID"
            )
            yield base
    except (sqlite3.Error, OSError) as exc:
        hint = "set `TMPDIR` to a folder with more room"
        raise ReconError("cannot compare: no temporary file", cause=str(exc), hint=hint) from exc


def _take(base: sqlite3.Connection, places: _Places, chunks: Iterable[Sequence[Row]], step: int) -> None:
    """Count every row of one side: up for the one, down for the other."""
    base.execute("BEGIN")
    for rows in chunks:
        if rows:
            base.executemany(_COUNT, [(*pair, step) for pair in _pairs(places, rows)])
    base.execute("COMMIT")


_COUNT = "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times"


def _pairs(places: _Places, rows: Sequence[Row]) -> Iterator[tuple[bytes, bytes]]:
    written = places.lines(rows)
    digests = [hashlib.sha256(line).digest()[:_DIGEST_BYTES] for line in written]
    if places.key:
        return zip(places.keys(rows), digests, strict=True)
    return (
        (line if len(line) <= _LONGEST_SHOWN else b"", digest) for line, digest in zip(written, digests, strict=True)
    )


def _told(base: sqlite3.Connection, table: str, *, keyed: bool) -> Iterator[RowDifference]:
    """What was counted unevenly. Of rows of one key, those of both sides are the changed ones."""
    found = base.execute(
        "SELECT key, sum(max(times, 0)), sum(max(-times, 0)) FROM seen WHERE times <> 0 GROUP BY key ORDER BY key"
    )
    for key, removed, added in found:
        changed = min(removed, added) if keyed else 0
        shown = _shown(key)
        for change, times in (
            (Change.CHANGED, changed),
            (Change.REMOVED, removed - changed),
            (Change.ADDED, added - changed),
        ):
            if times:
                yield RowDifference(table, change, shown, times)


def _shown(key: bytes) -> Row | None:
    if not key:
        return None
    rows = lines.decode(key + b"\n")
    lines.untag(rows, range(len(rows[0])))
    return cast("Row", tuple(rows[0]))
