"""restore: a snapshot, or a part of it, into a database: one transaction, compared afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, ExitCode, GuardError, NotFoundError, UsageError
from recon_cli.core.place import Place
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs import locks
from recon_cli.jobs.backup import choose, planning, same
from recon_cli.jobs.backup.crew import SMALL_ROWS, Crew, Fill, crew, uncollected
from recon_cli.ops.clock import Clock
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import TableFiles
from recon_cli.snapshot.reader import Snapshot
from recon_cli.stores.bulk.base import BulkStore, Halves, Incoming, Loaded, Loading, Mode, TableOutcome

_LIMITS = {Mode.REPLACE: 0.0, Mode.UPSERT: 0.5}
_COUNTS = ("inserted", "updated", "deleted", "unchanged", "conflicts")


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to import and how.

    `where` are conditions on the key of the one table that is asked for. `max_drop` is the share (0..1) of a table's
    rows that may be deleted or overwritten; None: none under `replace`, half of them under `upsert`. `plan` True writes
    nothing. `ends` names snapshot and store in the summary. `warn` hears, before anything is written, what the store
    cannot promise. `place` is the store's: with it, and more than one worker, child processes read and compare large
    tables.
    """

    tables: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    mode: Mode = Mode.INSERT
    trusted: bool = False
    plan: bool = False
    max_drop: float | None = None
    progress: Progress = field(default_factory=Silent)
    ends: tuple[str, str] = ("", "")
    warn: Callable[[str], None] = lambda _text: None
    place: Place | None = None
    workers: int = 2


@runtime_checkable
class Piecewise(Protocol):
    """A store whose loads are not one transaction; `atomicity` says in words what they are."""

    atomicity: str


def restore(snapshot: Snapshot, store: BulkStore, state_dir: Path, request: RestoreRequest, clock: Clock) -> Report:
    """Import in one transaction, then read back and compare; with `plan` only count what would happen.

    A store that has no transactions (REST) says so first, and a failure in the middle leaves a part there.

    Raises:
        GuardError: it would delete or overwrite more than is allowed; nothing was written.
        DataError: the snapshot is damaged, does not fit, or what was read back is not what was written.
        LockedError: another import into this database is at work.
    """
    began = clock.monotonic()
    loading = _loading(snapshot, store, request)
    if _pieces(store) and not request.plan:
        request.warn(f"{store.url} takes rows {_pieces(store)}; a failure leaves a part there, the next run goes on")
    with ExitStack() as stack:
        stack.enter_context(locks.on(store.url, state_dir))
        children = stack.enter_context(crew(request.workers)) if _is_large(loading, request) else None
        if children is not None and isinstance(snapshot, FolderSnapshot) and not request.where:
            loading = _helped(snapshot, loading, children)
        stack.enter_context(uncollected())
        done = store.load(loading)
        proof = "" if request.plan else _proven(snapshot, store, loading, done, request, children)
    return _report(snapshot, store, request, done, proof, clock.monotonic() - began)


def _loading(snapshot: Snapshot, store: BulkStore, request: RestoreRequest) -> Loading:
    incoming = _incoming(snapshot, request)
    there = {} if request.plan or request.mode not in _LIMITS else _counts(store, incoming)
    return Loading(
        source=snapshot.manifest.catalog,
        tables=incoming,
        mode=request.mode,
        trusted=request.trusted,
        objects=not request.tables and not request.where,
        commit=not request.plan,
        prepared=partial(_guard, request=request, there=there),
        progress=_Counter(request.progress, sum(one.count for one in incoming)).add,
    )


def _is_large(loading: Loading, request: RestoreRequest) -> bool:
    """Whether child processes gain more than they cost."""
    return request.place is not None and request.workers > 1 and any(one.count > SMALL_ROWS for one in loading.tables)


def _helped(snapshot: FolderSnapshot, loading: Loading, children: Crew) -> Loading:
    """Half of each large table for a child, where the store can use that."""

    def helped(one: Incoming) -> Incoming:
        if one.count <= SMALL_ROWS:
            return one
        name = one.declared.name
        mine, other = snapshot.parted(name)
        first = partial(snapshot.blocks, name, mine)
        order = partial(Fill, snapshot.folder, name, other)
        return replace(one, halves=Halves(first, lambda aside: children.fill(order(aside), loading.progress)))

    return replace(loading, tables=tuple(map(helped, loading.tables)))


def _incoming(snapshot: Snapshot, request: RestoreRequest) -> tuple[Incoming, ...]:
    chosen = planning.chosen(snapshot.manifest.catalog, request.tables, ())
    parts = [part for part in (snapshot.manifest.table(one.name) for one in chosen) if part is not None]
    if not request.where:
        return tuple(_whole(snapshot, one) for one in parts)
    if request.mode is Mode.REPLACE:
        hint = "`--mode upsert` puts these rows back and leaves the others"
        raise UsageError("`--where` and `--mode replace` contradict each other", hint=hint)
    return (_some(snapshot, _one(parts), request),)


def _whole(snapshot: Snapshot, part: TableFiles) -> Incoming:
    name = part.declared.name
    blocks = partial(snapshot.blocks, name, part.shards) if isinstance(snapshot, FolderSnapshot) else None
    return Incoming(part.declared, partial(snapshot.rows, name), part.rows, blocks)


def _one(parts: list[TableFiles]) -> TableFiles:
    if len(parts) != 1:
        found = ", ".join(f"`{part.declared.name}`" for part in parts[:5])
        raise UsageError("`--where` needs one table", cause=f"there are {found} …", hint="name it with `--tables`")
    return parts[0]


def _some(snapshot: Snapshot, part: TableFiles, request: RestoreRequest) -> Incoming:
    wanted = choose.wanted(part, request.where)
    count = sum(len(chunk) for chunk in wanted.rows(snapshot))
    if not count:
        asked = ", ".join(f"{column}={value}" for column, value in request.where)
        hint = f"`recon backup show … --table {part.declared.name}` shows rows"
        raise NotFoundError(f"no row of `{part.declared.name}` with {asked}", hint=hint)
    return Incoming(part.declared, partial(wanted.rows, snapshot), count)


def _counts(store: BulkStore, incoming: tuple[Incoming, ...]) -> dict[str, int]:
    """How many rows are there, of the tables that are; no database is an empty one."""
    try:
        with store.join() as view:
            there = {table.name for table in view.catalog().tables}
            return {one.declared.name: view.count(one.declared.name) for one in incoming if one.declared.name in there}
    except NotFoundError:
        return {}


def _guard(done: Loaded, *, request: RestoreRequest, there: Mapping[str, int]) -> None:
    """The last word before the commit: refuse to lose rows that nobody said may be lost."""
    limit = _LIMITS.get(request.mode) if request.max_drop is None else request.max_drop
    for one in done.tables:
        lost, rows = one.deleted + one.updated, there.get(one.table, 0)
        if limit is None or lost <= rows * limit:
            continue
        raise GuardError(
            f"refused to replace rows of `{one.table}`",
            cause=f"{one.deleted} would be deleted and {one.updated} overwritten, of {words.count(rows, 'row')}",
            hint="`--plan` shows all of it; `--max-drop 100%` allows it",
        )


def _proven(
    snapshot: Snapshot, store: BulkStore, loading: Loading, done: Loaded, request: RestoreRequest, children: Crew | None
) -> str:
    """How it was proven that the database now holds what the snapshot holds."""
    try:
        return same.proven(snapshot, store, loading, done, request.place, children)
    except DataError as exc:
        exc.hint = exc.hint or "what was there before is not touched by a second import; `recon backup diff` shows more"
        raise


@dataclass(slots=True)
class _Counter:
    """Rows so far, out of all."""

    progress: Progress
    total: int
    done: int = 0

    def add(self, rows: int) -> None:
        self.done += rows
        self.progress.update(self.done, self.total, "rows")


def _report(
    snapshot: Snapshot, store: BulkStore, request: RestoreRequest, done: Loaded, proof: str, took_s: float
) -> Report:
    ends = (request.ends[0] or snapshot.manifest.source, request.ends[1] or store.url)
    verb = "would be " if request.plan else ""
    equal = ", read back and equal" if proof and not any(one.conflicts for one in done.tables) else ""
    summary = f"{_tally(done.tables, verb)}{equal} ({ends[0]} → {ends[1]}) in {words.seconds(took_s)}"
    problems = tuple(problem for one in done.tables for problem in _conflicts(one))
    body: dict[str, Json] = {
        "snapshot": ends[0],
        "target": store.url,
        "mode": request.mode.value,
        "plan": request.plan,
        "atomicity": _pieces(store) or None,
        "tables": [_row(one) for one in done.tables],
        "created_objects": list(done.created_objects),
        "notes": list(done.notes),
        "proof": proof or None,
        **{name: sum(getattr(one, name) for one in done.tables) for name in _COUNTS},
    }
    columns = ("table", "new", *_COUNTS)
    rows = [tuple(_row(one)[name] for name in columns) for one in done.tables]
    tables = [Table(columns, rows)]
    if done.notes:
        tables.append(Table(("translated",), [(note,) for note in done.notes]))
    if _pieces(store):
        tables.append(Table(("atomicity",), [(_pieces(store),)]))
    code = ExitCode.PARTIAL if any(one.conflicts for one in done.tables) else ExitCode.DONE
    return Report("recon.backup-import/1", summary, body, tuple(tables), problems, code, hints=_hints(done, request))


def _pieces(store: BulkStore) -> str:
    """How a load into this store is not one transaction; empty where it is."""
    return store.atomicity if isinstance(store, Piecewise) else ""


def _hints(done: Loaded, request: RestoreRequest) -> tuple[str, ...]:
    if any(one.conflicts for one in done.tables):
        return ("`--mode upsert` takes the snapshot's rows where they differ",)
    return ("nothing was written; without `--plan` it is",) if request.plan else ()


def _tally(outcomes: tuple[TableOutcome, ...], verb: str) -> str:
    """`3 tables, 120 rows inserted, 4 updated`."""
    sums = {name: sum(getattr(one, name) for one in outcomes) for name in _COUNTS}
    told = [f"{words.grouped(number)} {name}" for name, number in sums.items() if number and name != "inserted"]
    head = f"{words.count(len(outcomes), 'table')}, {words.count(sums['inserted'], 'row')} {verb}inserted"
    return ", ".join([head, *told])


def _row(one: TableOutcome) -> dict[str, Json]:
    return {"table": one.table, "new": one.created_table, **{name: getattr(one, name) for name in _COUNTS}}


def _conflicts(one: TableOutcome) -> list[Problem]:
    told = [
        Problem(f"{one.table} {choose.shown_key(key)}", "is there with other content", ", ".join(columns))
        for key, columns in one.first_conflicts
    ]
    left = one.conflicts - len(told)
    return [*told, Problem(one.table, f"{words.count(left, 'more conflict')}")] if left > 0 else told
