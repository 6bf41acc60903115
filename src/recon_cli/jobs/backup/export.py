"""export: one state of a database becomes a snapshot that is whole, read back, and only then the newest."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from recon_cli import __version__
from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.catalog import Catalog, DeclaredTable
from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.report import Report, Table
from recon_cli.jobs import locks
from recon_cli.jobs.backup import names, planning
from recon_cli.jobs.backup.changes import changes
from recon_cli.jobs.backup.crew import SMALL_ROWS, Advanced, Task, Written, crew, uncollected
from recon_cli.jobs.backup.destination import Destination, Published, Run
from recon_cli.jobs.backup.worker import write
from recon_cli.ops.clock import Clock
from recon_cli.snapshot.manifest import Compression, Manifest, TableFiles
from recon_cli.snapshot.write import Part, finish, table_files
from recon_cli.stores.bulk.base import BulkStore, View

ALARM_DROP = 0.9
"""A source that lost this share of its rows is not backed up without `--force`: so does a lost database look."""
_FEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export and how. `tables` and `exclude` are globs; `max_drop` a share (0..1) per table, None for no alarm.

    `force` publishes also what the alarm would refuse.
    """

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    compression: Compression = Compression.NONE
    shard_rows: int = 1000
    workers: int = 2
    max_drop: float | None = ALARM_DROP
    force: bool = False
    progress: Progress = field(default_factory=Silent)


def export(store: BulkStore, place: Place, destination: Destination, request: ExportRequest, clock: Clock) -> Report:
    """Write a snapshot of `store` and publish it.

    Raises:
        GuardError: a table lost more rows than `max_drop` allows; the newest snapshot stays the newest.
        LockedError: another run writes to this destination.
    """
    began = clock.monotonic()
    with locks.on(destination.url):
        swept = destination.sweep()
        previous = destination.latest()
        name = _name(clock.now(), destination)
        with destination.staging(name) as folder:
            manifest = written(store, place, folder, request)
            if not request.force:
                guard(previous, manifest, request)
            finish(folder, manifest)
            new = changes(destination, previous, folder, manifest)
            run = Run(clock.monotonic() - began, socket.gethostname(), new)
            published = destination.publish(name, folder, manifest, run)
    return _report(published, manifest, previous, swept, clock.monotonic() - began)


def _name(now: datetime, destination: Destination) -> str:
    """The name of a snapshot made now, numbered where that is taken."""
    taken = {held.name for held in destination.held()}
    return next(name for name in names.candidates(names.name_of(now)) if name not in taken)


def written(store: BulkStore, place: Place, folder: Path, request: ExportRequest) -> Manifest:
    """Write the data files of `store`'s present state under `folder`, and say what they are; nothing is published."""
    if request.workers > 1 and _is_large(store, request):
        return _together(store, place, folder, request)
    with uncollected(), store.join() as view:
        draft = _draft(view, store.url, request, 1)
        return draft.manifest(_alone(view, draft.tasks, folder, request))


def _is_large(store: BulkStore, request: ExportRequest) -> bool:
    """Whether some table has enough rows to be worth child processes; looks at no more of them than it must."""
    with store.join() as view:
        tables = planning.chosen(view.catalog(), request.tables, request.exclude)
        keyed = (table.name for table in tables if table.key_positions)
        return any(next(view.keys(name, skip_rows=SMALL_ROWS), None) is not None for name in keyed)


def _together(store: BulkStore, place: Place, folder: Path, request: ExportRequest) -> Manifest:
    """With children, all on one state: the gate is open only while they join."""
    with crew(request.workers) as children, ExitStack() as stack:
        children.awake()
        with store.gate() as ticket:
            children.join(place, ticket, folder, request.compression)
            view = stack.enter_context(store.join(ticket))
        draft = _draft(view, store.url, request, request.workers)
        return draft.manifest(_counted(children.work(draft.tasks), draft, request.progress))


def _alone(view: View, tasks: Iterable[Task], folder: Path, request: ExportRequest) -> Iterator[Written]:
    rows = 0

    def told(more: int) -> None:
        nonlocal rows
        rows += more
        request.progress.update(rows)

    for task in tasks:
        yield Written(task, write(view, task, folder, request.compression, told))


def _counted(answers: Iterable[Written | Advanced], draft: _Draft, progress: Progress) -> Iterator[Written]:
    rows, total = 0, sum(task.weight for task in draft.tasks)
    for answer in answers:
        if isinstance(answer, Written):
            yield answer
        else:
            rows += answer.rows
            progress.update(rows, total)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A manifest before the files are there."""

    catalog: Catalog
    tables: tuple[DeclaredTable, ...]
    tasks: list[Task]
    source: str
    consistency: str
    compression: Compression

    def manifest(self, answers: Iterable[Written]) -> Manifest:
        """The manifest, once every task is done."""
        parts: dict[str, list[tuple[int, Part]]] = {table.name: [] for table in self.tables}
        for written in answers:
            parts[written.task.table.name].append((written.task.place, written.part))
        cuts = {task.table.name: task.cut for task in self.tasks}
        entries = [
            table_files(
                table, cuts[table.name], [part for _, part in sorted(parts[table.name], key=lambda one: one[0])]
            )
            for table in self.tables
        ]
        tool = f"recon {__version__}"
        kept = replace(self.catalog, tables=self.tables)
        return Manifest(kept, self.source, tool, self.consistency, self.compression, tuple(entries))


def _draft(view: View, source: str, request: ExportRequest, workers: int) -> _Draft:
    catalog = view.catalog()
    tables = planning.chosen(catalog, request.tables, request.exclude)
    tasks = planning.tasks(view, tables, request.shard_rows, workers)
    return _Draft(catalog, tables, tasks, source, view.consistency, request.compression)


def guard(previous: Manifest | None, manifest: Manifest, request: ExportRequest) -> None:
    """Refuse a snapshot that has lost too much against the one before.

    Raises:
        GuardError: it names the tables and their counts.
    """
    if previous is None or request.max_drop is None:
        return
    before = {table.declared.name: table.rows for table in previous.tables}
    now = {table.declared.name: table.rows for table in manifest.tables}
    fallen = [
        f"{name} {rows} → {now.get(name, 0)}"
        for name, rows in before.items()
        if _wanted(name, request) and _fell(rows, now.get(name, 0), request.max_drop)
    ]
    emptied = sum(before.values()) > 0 and not sum(now.values())
    if fallen or emptied:
        raise GuardError(
            "the source lost too many rows since the last snapshot, which stays the latest",
            cause="; ".join(fallen) or f"{words.count(sum(before.values()), 'row')} → none",
            hint="look at the source; if this is right, run it once with `--force`",
        )


def _wanted(name: str, request: ExportRequest) -> bool:
    """Whether a table of the last snapshot would be in this one too, were it still there."""
    return planning.named(name, request.tables, request.exclude)


def _fell(before: int, now: int, share: float) -> bool:
    """Whether a count fell too far; a table of few rows may empty itself under the alarm that is always on."""
    if share >= ALARM_DROP and before < _FEW_ROWS:
        return False
    return now < before and before - now >= round(before * share, 6)  # 90 % of 1000 are 900, not 900.0000000000001


def _report(
    published: Published, manifest: Manifest, previous: Manifest | None, swept: Sequence[str], took_s: float
) -> Report:
    before = {table.declared.name: table for table in previous.tables} if previous else {}
    rows = [_line(table, before.get(table.declared.name)) for table in manifest.tables]
    total = sum(table.rows for table in manifest.tables)
    verb = "saved as" if published.changed else "nothing changed since"
    counted = f"{words.count(len(rows), 'table')}, {words.count(total, 'row')}"
    summary = f"{counted} {verb} {published.name} in {words.seconds(took_s)}{_unlike_one(manifest.consistency)}"
    body: dict[str, Json] = {
        "source": manifest.source,
        "snapshot": published.name,
        "where": published.where,
        "changed": published.changed,
        "size_bytes": published.size_bytes,
        "rows": total,
        "consistency": manifest.consistency,
        "note": published.note or None,
        "swept": list(swept),
        "tables": [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
    }
    return Report("recon.backup-export/1", summary, body, (Table(_COLUMNS, rows),))


def _unlike_one(consistency: str) -> str:
    """`, read page by page: …`, where what was saved is not one state of the database."""
    whole = consistency.startswith("one transaction") and ", but" not in consistency
    return "" if whole else f", read {consistency.partition(';')[0]}"


_COLUMNS = ("table", "rows", "rows_before", "files", "bytes", "changed")


def _line(table: TableFiles, before: TableFiles | None) -> tuple[Json, ...]:
    size_bytes = sum(shard.size_bytes for shard in table.shards)
    changed = before is None or not before.same_rows(table)
    return table.declared.name, table.rows, before.rows if before else None, len(table.shards), size_bytes, changed
