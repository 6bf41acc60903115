"""list, show and prune: what a destination keeps, what a snapshot holds, and what may go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from itertools import islice

from recon_cli.core import canonical, plain_sql, retention, words
from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Cell, DeclaredTable
from recon_cli.core.errors import NotFoundError, UsageError
from recon_cli.core.report import Problem, Report, Table
from recon_cli.core.retention import Policy, Verdict
from recon_cli.jobs import locks
from recon_cli.jobs.backup.choose import spelled
from recon_cli.jobs.backup.destination import Destination, Held, KeepsHistory
from recon_cli.ops.clock import Clock
from recon_cli.snapshot.manifest import Manifest, TableFiles
from recon_cli.snapshot.reader import Snapshot


def listed(destination: Destination, clock: Clock) -> Report:
    """Every snapshot of a destination, oldest first; the newest good one is what `latest` means."""
    held, now = destination.held(), clock.now()
    newest = retention.newest(held, now)
    columns = ("name", "made", "age", "size", "state")
    rows = [(*_when(one, now), _state(one, newest)) for one in held]
    body: dict[str, Json] = {
        "where": destination.url,
        "latest": newest.name if newest else None,
        "latest_age_seconds": (now - newest.made).total_seconds() if newest else None,
        "snapshots": [_document(one) for one in held],
    }
    good = sum(1 for one in held if not one.fault)
    summary = f"{words.count(len(held), 'snapshot')}, {good} good ({destination.url})"
    return Report("recon.backup-list/1", summary, body, (Table(columns, rows),), late(held, now))


def late(held: Iterable[Held], now: datetime) -> tuple[Problem, ...]:
    """A warning for each that claims to be made in the future."""
    reason, detail = "made in the future", "a clock was or is wrong; it stays until its time has come"
    return tuple(Problem(one.name, reason, detail) for one in retention.ahead(held, now))


def _state(one: Held, newest: Held | None) -> str:
    """`latest, of the format recon.snapshot/2: update recon`."""
    unread = f"of the format {one.newer}: update recon" if one.newer else ""
    return one.fault or ", ".join(filter(None, ("latest" if one is newest else "" if unread else "good", unread)))


def _when(one: Held, now: datetime) -> tuple[Json, ...]:
    size = None if one.size_bytes is None else words.size(one.size_bytes)
    return one.name, f"{one.made.astimezone():%Y-%m-%d %H:%M:%S %z}", _age((now - one.made).total_seconds()), size


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _document(one: Held) -> dict[str, Json]:
    told: dict[str, Json] = {"name": one.name, "made": one.made.isoformat(), "size_bytes": one.size_bytes}
    return {**told, "fault": one.fault or None, "newer_format": one.newer or None}


def shown(snapshot: Snapshot, label: str) -> Report:
    """What a snapshot holds: tables, rows, sizes, keys."""
    manifest = snapshot.manifest
    columns = ("table", "rows", "files", "bytes", "key", "columns")
    rows = [_table_row(part) for part in manifest.tables]
    total = sum(part.rows for part in manifest.tables)
    summary = f"{words.count(len(rows), 'table')}, {words.count(total, 'row')} of {manifest.source} ({label})"
    body: dict[str, Json] = {
        "snapshot": label,
        **_about(manifest),
        "rows": total,
        "tables": [
            {**dict(zip(columns, row, strict=True)), "schema": _schema(part.declared)}
            for row, part in zip(rows, manifest.tables, strict=True)
        ],
        "objects": [{"kind": one.kind, "name": one.name} for one in manifest.catalog.objects],
    }
    return Report("recon.backup-show/1", summary, body, (Table(columns, rows), *_objects(manifest)))


def _about(manifest: Manifest) -> dict[str, Json]:
    return {
        "format": manifest.format,
        "tool": manifest.tool,
        "engine": manifest.catalog.engine,
        "version": manifest.catalog.version,
        "source": manifest.source,
        "consistency": manifest.consistency,
        "compression": manifest.compression.name.lower(),
        "settings": dict(manifest.catalog.settings),
    }


def _table_row(part: TableFiles) -> tuple[Json, ...]:
    size_bytes, key = sum(shard.size_bytes for shard in part.shards), ", ".join(part.declared.key)
    return part.declared.name, part.rows, len(part.shards), size_bytes, key, len(part.declared.columns)


def _schema(declared: DeclaredTable) -> list[Json]:
    return [
        {"name": one.name, "type": one.declared, "kind": one.kind.value, "nullable": one.nullable}
        for one in declared.columns
    ]


def _objects(manifest: Manifest) -> tuple[Table, ...]:
    rows = [(one.kind, one.name, one.table) for one in manifest.catalog.objects]
    return (Table(("kind", "name", "of"), rows),) if rows else ()


def sql(snapshot: Snapshot, label: str) -> Report:
    """All SQL that a snapshot carries, and which of it is not plain: that runs only with `--trust-sql`."""
    carried = list(_carried(snapshot.manifest))
    rows: list[tuple[Json, ...]] = [(where, "yes" if plain else "no", text) for where, plain, text in carried]
    odd = sum(1 for _, plain, _ in carried if not plain)
    summary = f"{words.count(len(carried), 'piece')} of SQL, {odd} that run only with `--trust-sql` ({label})"
    body: dict[str, Json] = {
        "snapshot": label,
        "sql": [{"where": where, "plain": plain, "sql": text} for where, plain, text in carried],
    }
    return Report("recon.backup-sql/1", summary, body, (Table(("where", "plain", "sql"), rows),))


def _carried(manifest: Manifest) -> Iterator[tuple[str, bool, str]]:
    for table in manifest.catalog.tables:
        for where, text in _expressions(table):
            yield f"{table.name}: {where}", plain_sql.is_plain(text), text
    for one in manifest.catalog.objects:
        yield f"{one.kind} {one.name}", False, one.sql


def _expressions(table: DeclaredTable) -> Iterator[tuple[str, str]]:
    for column in table.columns:
        if column.default is not None:
            yield f"default of {column.name}", column.default
        if column.expression is not None:
            yield f"expression of {column.name}", column.expression
    for index in table.indexes:
        yield from ((f"index {index.name}", index.parts[place]) for place in index.expressions)
        if index.where:
            yield f"condition of index {index.name}", index.where
    yield from (("check", check.expression) for check in table.checks)


def rows(snapshot: Snapshot, label: str, table: str, limit: int) -> Report:
    """The first rows of one table.

    Raises:
        NotFoundError: no such table.
    """
    part = snapshot.manifest.table(table)
    if part is None:
        known = ", ".join(one.declared.name for one in snapshot.manifest.tables[:10]) or "none"
        raise NotFoundError(f"no table `{table}` in {label}", hint=f"tables there: {known}")
    found = list(islice((row for chunk in snapshot.rows(table) for row in chunk), limit))
    columns = tuple(column.name for column in part.declared.stored)
    summary = f"{len(found)} of {words.count(part.rows, 'row')} of {table} ({label})"
    body: dict[str, Json] = {
        "snapshot": label,
        "table": table,
        "of": part.rows,
        "columns": list(columns),
        "rows": [[_json(cell) for cell in row] for row in found],
    }
    shown = [tuple(None if cell is None else spelled(cell) for cell in row) for row in found]
    return Report("recon.backup-rows/1", summary, body, (Table(columns, shown),))


def _json(cell: Cell) -> Json:
    """A cell as the data files say it."""
    if isinstance(cell, float):
        return cell if abs(cell) < float("inf") else {"$r": repr(cell)}
    return canonical.encode(cell)


def pruned(destination: Destination, policy: Policy, clock: Clock, *, zone: tzinfo | None = None, dry: bool) -> Report:
    """Remove what no rule keeps; with `dry` only say so. The newest good snapshot always stays.

    Raises:
        UsageError: there is no rule, or the destination keeps history (git).
        LockedError: another run writes to this destination.
    """
    if policy.empty:
        raise UsageError("nothing says what to keep", hint="give `--keep-daily 7 --keep-weekly 4`, or set `keep_daily`")
    if isinstance(destination, KeepsHistory):
        hint = "`recon backup prune` is for folders and servers"
        raise UsageError(f"{destination.url} keeps its history", cause=destination.kept_because, hint=hint)
    now = clock.now()
    if dry:
        return _verdicts(destination, retention.decide(destination.held(), policy, now, zone), now, dry=True)
    with locks.on(destination.url):
        verdicts = retention.decide(destination.held(), policy, now, zone)
        for one in verdicts:
            if not one.keep:
                destination.remove(one.held.name)
    return _verdicts(destination, verdicts, now, dry=False)


def _verdicts(destination: Destination, verdicts: list[Verdict[Held]], now: datetime, *, dry: bool) -> Report:
    columns = ("name", "made", "verdict", "why")
    rows: list[tuple[Json, ...]] = [
        (one.held.name, one.held.made.isoformat(), "keep" if one.keep else "remove", ", ".join(one.reasons))
        for one in verdicts
    ]
    removed = sum(1 for one in verdicts if not one.keep)
    kept, verb = len(verdicts) - removed, "would be removed" if dry else "removed"
    summary = f"{words.count(removed, 'snapshot')} {verb}, {kept} kept ({destination.url})"
    body: dict[str, Json] = {
        "where": destination.url,
        "dry_run": dry,
        "removed": removed,
        "kept": kept,
        "snapshots": [dict(zip(columns, row, strict=True)) for row in rows],
    }
    ahead = late((one.held for one in verdicts), now)
    return Report("recon.backup-prune/1", summary, body, (Table(columns, rows),), ahead)
