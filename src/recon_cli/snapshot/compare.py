"""Where two databases differ, each of them a snapshot or a live store: what they declare, and row by row.

Rows are compared as they would stand in a snapshot, over the columns that both sides have: by value, type and bit where
a column is of one kind on both sides, by what it means where the kinds differ (`core/spelling.py`), so that another
engine's way to write a value is no change. Shards that both sides have are not read, and memory stays flat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog, Cell, DeclaredTable, Kind
from recon_cli.core.spelling import Spelling, common
from recon_cli.snapshot import catalog_json
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row
from recon_cli.snapshot.manifest import Shard
from recon_cli.snapshot.reader import Snapshot
from recon_cli.snapshot.tally import Uneven, tally


class Change(StrEnum):
    """What became of something from the one side to the other."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Side:
    """A table of one side. `rows` streams it from the start at each call.

    `shards` may be given with `shard`, which streams one of them: those that the other side has too are left out.
    `content` is the manifest's sum of all rows, where there is one: two sides with the same are not read at all.
    """

    declared: DeclaredTable
    rows: Callable[[], Iterator[Sequence[Row]]]
    shards: tuple[Shard, ...] = ()
    shard: Callable[[Shard], Iterator[Sequence[Row]]] | None = None
    content: str = ""


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that only one side has, or that differs.

    `key` are its key's cells, or the whole row of a table without a key; None if it is too long to be shown. `times`
    counts equal rows of a table without a key. `columns` names those that differ, of a row that changed.
    """

    table: str
    change: Change
    key: Row | None
    times: int = 1
    columns: tuple[str, ...] = ()


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
    return Side(
        files.declared,
        lambda: snapshot.rows(table),
        files.shards,
        lambda shard: snapshot.shard(table, shard),
        files.content,
    )


def rows(one: Side | None, other: Side | None, scratch: Path | None = None) -> Iterator[RowDifference]:
    """The rows that differ, of a table that at least one side has, in the order of their keys.

    Rows are matched by primary key if both sides have the same, else by their whole content, each as often as it is
    there. `scratch` is the folder of the temporary file.

    Raises:
        ReconError: a side cannot be read, or there is no room for the temporary file.
    """
    present = one or other
    assert present is not None  # somebody asked for this table
    plan = _Plan.of_both(one.declared if one else present.declared, other.declared if other else present.declared)
    if one and other and plan.whole and one.content and one.content == other.content:
        return
    same = _common(one, other) if one and other and plan.whole else Counter[str]()
    sides = [(each, step) for each, step in ((one, 1), (other, -1)) if each is not None]
    with tally(plan.key, plan.numeric, scratch) as counted:
        streams = [_written(plan.of(each.declared), _differing(each, same.copy())) for each, _ in sides]
        for chunks in zip_longest(*streams, fillvalue=()):
            for chunk, (_, step) in zip(chunks, sides, strict=True):
                counted.count(chunk, step)
        for found in counted.uneven():
            yield from _told(found, present.declared.name, plan)


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
    """What of a row is compared: the columns of both sides, where among them the key of both stands.

    `whole`: that is all there is. `turns` bring cells of columns of different kinds to one spelling, by position.
    """

    columns: tuple[str, ...]
    key: tuple[int, ...]
    numeric: tuple[int, ...]
    whole: bool
    turns: Mapping[int, Spelling]

    @classmethod
    def of_both(cls, one: DeclaredTable, other: DeclaredTable) -> _Plan:
        kinds = [{column.name: column.kind for column in table.stored} for table in (one, other)]
        columns = tuple(name for name in kinds[0] if name in kinds[1])
        named = one.key if one.key == other.key and set(one.key) <= set(columns) else ()
        turns = {place: common(kinds[0][name], kinds[1][name]) for place, name in enumerate(columns)}
        return cls(
            columns,
            tuple(columns.index(name) for name in named),
            tuple(place for place, name in enumerate(named) if Kind.DECIMAL in (kinds[0][name], kinds[1][name])),
            list(kinds[0]) == list(kinds[1]),
            {place: turn for place, turn in turns.items() if turn is not None},
        )

    def of(self, table: DeclaredTable) -> _Side:
        names = tuple(column.name for column in table.stored)
        if self.columns == names and not self.turns:
            return _Side(None, {}, lines.floats(table))
        return _Side(tuple(map(names.index, self.columns)), self.turns, tuple(range(len(self.columns))))


@dataclass(frozen=True, slots=True)
class _Side:
    """How one side's rows become the lines that are compared; `places` None: the rows as they are."""

    places: tuple[int, ...] | None
    turns: Mapping[int, Spelling]
    floats: tuple[int, ...]

    def lines(self, rows: Sequence[Row]) -> list[bytes]:
        places = self.places
        if places is not None:
            rows = [self._turned([row[place] for place in places]) for row in rows]
        return lines.encode(rows, self.floats).split(b"\n")[:-1]

    def _turned(self, cells: list[Cell]) -> Row:
        for place, turn in self.turns.items():
            cells[place] = turn(cells[place])
        return tuple(cells)


def _written(side: _Side, chunks: Iterator[Sequence[Row]]) -> Iterator[Sequence[bytes]]:
    return (side.lines(rows) for rows in chunks)


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


def _told(found: Uneven, table: str, plan: _Plan) -> Iterator[RowDifference]:
    """Of rows of one key, those that both sides have are the changed ones."""
    changed = min(found.more, found.less) if plan.key else 0
    columns = tuple(plan.columns[place] for place in found.places)
    if changed:
        yield RowDifference(table, Change.CHANGED, found.key, changed, columns)
    if found.more > changed:
        yield RowDifference(table, Change.REMOVED, found.key, found.more - changed)
    if found.less > changed:
        yield RowDifference(table, Change.ADDED, found.key, found.less - changed)
