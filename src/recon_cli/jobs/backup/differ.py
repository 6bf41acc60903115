"""diff: what is different between two snapshots, or a snapshot and a live database, row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import ExitCode
from recon_cli.core.report import Report, Table
from recon_cli.jobs.backup import planning
from recon_cli.jobs.backup.choose import shown_key
from recon_cli.jobs.backup.sides import Side
from recon_cli.ops.clock import Clock
from recon_cli.snapshot import compare
from recon_cli.snapshot.compare import Change, RowDifference

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
        NotFoundError: a glob matches no table of either side.
    """
    began = clock.monotonic()
    names = planning.chosen_names(sorted({*left.tables, *right.tables}), request.tables, request.exclude)
    compared = [_table(left, right, name, request) for name in names]
    return _report(left, right, compared, clock.monotonic() - began)


def _table(left: Side, right: Side, name: str, request: DiffRequest) -> _Compared:
    one, two = left.table(name), right.table(name)
    if one is None or two is None:
        only, missing, change = (right, left, Change.ADDED) if one is None else (left, right, Change.REMOVED)
        rows = only.count(name)
        return _Compared(name, Counter({change: rows}) if rows else Counter(), (), (f"not in {missing.label}",))
    counts: Counter[Change] = Counter()
    first: list[tuple[Json, ...]] = []
    for found in compare.rows(one, two):
        counts[found.change] += found.times
        if len(first) < request.limit:
            first += [_shown(found)] * min(found.times, request.limit - len(first))
    return _Compared(name, counts, tuple(first), _declared(left, right, name))


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


def _shown(found: RowDifference) -> tuple[Json, ...]:
    key = "(too long to be shown)" if found.key is None else shown_key(found.key)
    return found.table, found.change.value, key, ", ".join(found.columns)


def _report(left: Side, right: Side, compared: list[_Compared], took_s: float) -> Report:
    totals = {change: sum(one.counts[change] for one in compared) for change in Change}
    differ = [one for one in compared if one.differs]
    told = ", ".join(f"{words.grouped(number)} {change}" for change, number in totals.items())
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
    hints = (
        "the sides are of different engines: where a column's kinds differ, values are compared by what they mean",
    )
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
