"""diff: what is different between two snapshots, or a snapshot and a live database, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import ExitCode, NotFoundError
from recon_cli.core.report import Report, Table
from recon_cli.jobs.backup import planning
from recon_cli.jobs.backup.choose import shown_key
from recon_cli.jobs.backup.matching import Change, Difference, differences
from recon_cli.jobs.backup.sides import Side
from recon_cli.ops.clock import Clock
from recon_cli.snapshot import compare
from recon_cli.snapshot import rows as lines
from recon_cli.snapshot.cut import Row

_COLUMNS = ("table", "change", "key", "columns")


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What to compare: globs of tables, and how many rows of each to name."""

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int = 20


@dataclass(frozen=True, slots=True)
class _Compared:
    """One table's differences: counts, the first rows, and what its declarations have that the other has not."""

    table: str
    counts: Counter[Change]
    first: tuple[tuple[Json, ...], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        return bool(self.counts or self.notes)


def diff(left: Side, right: Side, request: DiffRequest, clock: Clock) -> Report:
    """Compare by key, value and type; exit code 4 when anything differs.

    Raises:
        NotFoundError: a pattern matches no table of either side.
    """
    began = clock.monotonic()
    compared = [_table(left, right, name, request) for name in _names(left, right, request)]
    return _report(left, right, compared, clock.monotonic() - began)


def _names(left: Side, right: Side, request: DiffRequest) -> list[str]:
    every = sorted({*left.tables, *right.tables})
    found = [name for name in every if planning.named(name, request.tables, request.exclude)]
    if every and not found:
        raise NotFoundError("no table matches", hint=f"tables there: {', '.join(every[:10])}")
    return found


def _table(left: Side, right: Side, name: str, request: DiffRequest) -> _Compared:
    one, two = left.tables.get(name), right.tables.get(name)
    if one is None or two is None:
        only, missing = (right, left) if one is None else (left, right)
        change = Change.ADDED if one is None else Change.REMOVED
        rows = sum(len(chunk) for chunk in only.rows(name, frozenset()))
        return _Compared(name, Counter({change: rows}) if rows else Counter(), (), (f"not in {missing.label}",))
    if _equal_by_sum(left, right, name):
        return _Compared(name, Counter(), (), _declared(left, right, name))
    return _rows(left, right, name, (one, two), request)


def _equal_by_sum(left: Side, right: Side, name: str) -> bool:
    one, two = left.parts.get(name), right.parts.get(name)
    same = one is not None and two is not None and one.content == two.content
    return same and _stored(left.tables[name]) == _stored(right.tables[name])


def _rows(
    left: Side, right: Side, name: str, declared: tuple[DeclaredTable, DeclaredTable], request: DiffRequest
) -> _Compared:
    one, two = declared
    common = [column for column in _stored(one) if column in _stored(two)]
    key = one.key if one.key == two.key and all(column in common for column in one.key) else ()
    skipped = _shared(left, right, name) if _stored(one) == _stored(two) else frozenset()
    before, after = (_projected(side.rows(name, skipped), table, common) for side, table in ((left, one), (right, two)))
    counts: Counter[Change] = Counter()
    first: list[tuple[Json, ...]] = []
    floats = sorted({*_floats(one, common), *_floats(two, common)})
    for found in differences(before, after, [common.index(column) for column in key], floats):
        counts[found.change] += 1
        if len(first) < request.limit:
            first.append(_shown(name, found, common))
    return _Compared(name, counts, tuple(first), _declared(left, right, name))


def _shared(left: Side, right: Side, name: str) -> frozenset[str]:
    """Data files that both sides have: their rows need not be read."""
    sums = [{one.sha256 for one in side.parts[name].shards} if name in side.parts else set() for side in (left, right)]
    return frozenset(sums[0] & sums[1])


def _projected(chunks: Iterator[list[Row]], declared: DeclaredTable, common: Sequence[str]) -> Iterator[list[Row]]:
    """The cells of the common columns, in their order."""
    stored = _stored(declared)
    if list(common) == stored:
        return chunks
    places = [stored.index(column) for column in common]
    if len(places) == 1:
        return ([(row[places[0]],) for row in chunk] for chunk in chunks)
    return ([itemgetter(*places)(row) for row in chunk] for chunk in chunks) if places else iter(())


def _floats(declared: DeclaredTable, common: Sequence[str]) -> list[int]:
    stored = _stored(declared)
    return [common.index(stored[place]) for place in lines.floats(declared) if stored[place] in common]


def _stored(declared: DeclaredTable) -> list[str]:
    return [column.name for column in declared.stored]


def _declared(left: Side, right: Side, name: str) -> tuple[str, ...]:
    """What is declared differently; of two engines, whose types never are the same, the columns and the key only."""
    one, two = left.tables[name], right.tables[name]
    if left.engine == right.engine:
        found = compare.schema(Catalog(left.engine, (one,)), Catalog(right.engine, (two,)))
        return tuple(" ".join(filter(None, (each.part, each.name, each.change.value))) for each in found)
    notes = [f"column {column} removed" for column in _stored(one) if column not in _stored(two)]
    notes += [f"column {column} added" for column in _stored(two) if column not in _stored(one)]
    return tuple([*notes, "key changed"] if one.key != two.key else notes)


def _shown(table: str, found: Difference, columns: Sequence[str]) -> tuple[Json, ...]:
    named = ", ".join(columns[place] for place in found.columns)
    return table, found.change.value, shown_key(found.key), named


def _report(left: Side, right: Side, compared: list[_Compared], took_s: float) -> Report:
    totals = {change: sum(one.counts[change] for one in compared) for change in Change}
    differ = [one for one in compared if one.differs]
    told = ", ".join(f"{number:,} {change}".replace(",", " ") for change, number in totals.items())
    verdict = f"{words.count(len(differ), 'table differs', 'tables differ')}: {told}" if differ else "equal"
    summary = f"{verdict} ({left.label} ↔ {right.label}) in {words.seconds(took_s)}"
    body: dict[str, Json] = {
        "left": left.label,
        "right": right.label,
        "equal": not differ,
        **{change.value: number for change, number in totals.items()},
        "tables": [_document(one) for one in compared],
    }
    rows = [row for one in differ for row in (*_notes(one), *one.first)]
    hints = ("the sides are of different engines: values are compared as each spells them",)
    code = ExitCode.DRIFT if differ else ExitCode.DONE
    tables = (Table(_COLUMNS, rows),) if rows else ()
    return Report(
        "recon.backup-diff/1", summary, body, tables, (), code, hints=hints if left.engine != right.engine else ()
    )


def _notes(one: _Compared) -> list[tuple[Json, ...]]:
    return [(one.table, "declared", "", note) for note in one.notes]


def _document(one: _Compared) -> dict[str, Json]:
    return {
        "table": one.table,
        **{change.value: one.counts[change] for change in Change},
        "declared": list(one.notes),
        "first": [dict(zip(_COLUMNS[1:], row[1:], strict=True)) for row in one.first],
    }
