"""How the work of an export is divided: which tables, how each is cut, and in which spans it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import NotFoundError
from recon_cli.jobs.backup.crew import Task
from recon_cli.snapshot.content import Summing
from recon_cli.snapshot.cut import Cut, Row, Scheme, starts_shard, width
from recon_cli.snapshot.manifest import TableFiles
from recon_cli.stores.bulk.base import Bounds, Span, View

_SPAN_ROWS = 50_000
"""Fewer rows than this are not worth a span of their own."""


def chosen(catalog: Catalog, tables: Sequence[str], exclude: Sequence[str]) -> tuple[DeclaredTable, ...]:
    """The tables that the globs name; all without any.

    Raises:
        NotFoundError: a glob names no table: a misspelt name must not become an empty backup.
    """
    names = chosen_names([table.name for table in catalog.tables], tables, exclude)
    return tuple(table for table in catalog.tables if table.name in names)


def chosen_names(names: Sequence[str], tables: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Those of the names that the globs name; see `chosen`."""
    for glob in (*tables, *exclude):
        if not any(fnmatchcase(name, glob) for name in names):
            known = ", ".join(names[:10]) or "none"
            raise NotFoundError(f"no table matches `{glob}`", hint=f"tables there: {known}")
    return [name for name in names if named(name, tables, exclude)]


def named(name: str, tables: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether the globs name this table."""
    wanted = not tables or any(fnmatchcase(name, glob) for glob in tables)
    return wanted and not any(fnmatchcase(name, glob) for glob in exclude)


def tasks(view: View, tables: Iterable[DeclaredTable], shard_rows: int, workers: int) -> list[Task]:
    """Every span of every table, the largest first."""
    planned = [task for table in tables for task in _of_table(view, table, shard_rows, workers)]
    return sorted(planned, key=lambda task: -task.weight)


def again(
    view: View, table: DeclaredTable, part: TableFiles, workers: int, *, by_content: Summing | None
) -> list[Task]:
    """The spans in which a table that was loaded from `part` is read back, cut as it was. `by_content`: see `Task`."""
    parts = max(1, min(part.rows // _SPAN_ROWS, workers * 4)) if workers > 1 else 1
    starts: list[Row] = []
    if part.cut.scheme is Scheme.RANGE:
        starts = _shard_starts(part, parts)
    elif part.cut.scheme is Scheme.HASH:
        starts = _hash_starts(view, table, part.rows, part.cut.size, parts)
    spans = _spans(starts)
    weight = part.rows // len(spans)
    return [Task(table, part.cut, span, weight, place, by_content) for place, span in enumerate(spans)]


def _shard_starts(part: TableFiles, parts: int) -> list[Row]:
    """The first keys of the shards with which each even share of the shards begins, but for the first."""
    count = len(part.shards)
    inner = {count * number // parts for number in range(1, parts)} - {0}
    return [(int(part.shards[place].name),) for place in sorted(inner)]


def _of_table(view: View, table: DeclaredTable, shard_rows: int, workers: int) -> Iterator[Task]:
    bounds = view.bounds(table.name) if len(table.key_positions) == 1 else None
    rows = bounds.rows if bounds else view.count(table.name)
    parts = min(rows // _SPAN_ROWS, workers * 4) if workers > 1 else 1
    cut, spans = _divided(view, table, bounds, rows, shard_rows, parts)
    for place, span in enumerate(spans):
        yield Task(table, cut, span, rows // len(spans), place)


def _divided(
    view: View, table: DeclaredTable, bounds: Bounds | None, rows: int, shard_rows: int, parts: int
) -> tuple[Cut, list[Span]]:
    if not table.key_positions:
        return Cut(Scheme.COUNT, shard_rows), [Span()]
    if bounds:
        size = width(bounds.least, bounds.greatest, bounds.rows, shard_rows)
        return Cut(Scheme.RANGE, size), _spans(_range_starts(bounds, size, parts))
    return Cut(Scheme.HASH, shard_rows), _spans(_hash_starts(view, table, rows, shard_rows, parts))


def _range_starts(bounds: Bounds, size: int, parts: int) -> list[Row]:
    """Where the spans begin, but for the first: at multiples of the width."""
    total = bounds.greatest - bounds.least
    inner = {(bounds.least + total * part // parts) // size * size for part in range(1, parts)}
    return [(start,) for start in sorted(inner) if start > bounds.least]


def _hash_starts(view: View, table: DeclaredTable, rows: int, shard_rows: int, parts: int) -> list[Row]:
    """Likewise: the first key that begins a shard, from each even share of the rows on."""
    found: list[Row] = []
    for part in range(1, parts):
        keys = view.keys(table.name, skip_rows=rows * part // parts)
        start = next((key for key in keys if starts_shard(key, shard_rows)), None)
        if start is not None and start not in found:
            found.append(start)
    return found


def _spans(starts: Sequence[Row]) -> list[Span]:
    return [Span(first, end) for first, end in pairwise([None, *starts, None])]
