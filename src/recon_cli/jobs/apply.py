"""apply: write exactly what a plan says, or refuse because the target moved on; undo: take it back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import GuardError
from recon_cli.core.plan import ChangeKind
from recon_cli.core.report import Report, Table
from recon_cli.core.schema import Schema
from recon_cli.jobs import locks, marks, runs
from recon_cli.jobs.planfile import PlanFile
from recon_cli.jobs.present import tally
from recon_cli.jobs.runs import Run
from recon_cli.ops.clock import Clock
from recon_cli.stores.base import RecordStore, Undo
from recon_cli.systems.base import System

_DONE = {ChangeKind.CREATE: "created", ChangeKind.UPDATE: "updated", ChangeKind.DELETE: "deleted"}


def apply(
    plan: PlanFile, system: System, store: RecordStore, state_dir: Path, clock: Clock, *, token: str
) -> tuple[Report, Run | None]:
    """Apply a plan in one transaction and verify it; the undo journal is on disk before the commit.

    A plan that a killed run had already applied is recognised and left alone.

    Raises:
        GuardError: the target is neither as the plan saw it nor as the plan leaves it.
    """
    began = clock.monotonic()
    with locks.on(store.url, state_dir):
        if not plan.changes:
            return _report(plan, None, clock.monotonic() - began), None
        earlier = _already_applied(plan, store, state_dir)
        run = earlier or runs.start(state_dir, plan, clock.now(), token)
        if earlier is None:
            _write(plan, system, store, run)
        run.write("status.json", {"state": "applied", "at": clock.now().isoformat(timespec="seconds")})
    return _report(plan, run, clock.monotonic() - began, again=earlier is not None), run


def _write(plan: PlanFile, system: System, store: RecordStore, run: Run) -> None:
    def prepared(undo: Undo) -> None:
        run.write("undo.json", runs.dump_undo(undo))

    try:
        store.apply(plan.changes, _schemas(system, plan.shape), base=plan.base, prepared=prepared)
    except GuardError as exc:
        exc.hint = exc.hint or "make the plan again with `recon recover`"
        raise


def _schemas(system: System, shape: str) -> dict[str, Schema]:
    return {schema.table: schema for schema in (*system.schemas(shape), marks.MARKS)}


def _already_applied(plan: PlanFile, store: RecordStore, state_dir: Path) -> Run | None:
    """The run that applied this very plan, if the target is still as that run left it."""
    digest = plan.digest()
    for run in runs.every(state_dir):
        document = run.read("plan.json")
        if document is None or document.get("digest") != digest or run.read("undo.json") is None:
            continue
        result = run.undo().result
        if result and all(store.fingerprint(table) == after for table, after in result.items()):
            return run
    return None


def _report(plan: PlanFile, run: Run | None, took_s: float, *, again: bool = False) -> Report:
    summary = f"{_counts(plan)} ({plan.ends}) in {words.seconds(took_s)}"
    if again:
        summary = f"already applied as {run.id if run else ''}: {summary}"
    body: dict[str, Json] = {
        "run": run.id if run else None,
        "target": plan.target,
        "already_applied": again,
        "changes": {kind.value: plan.count(kind) for kind in ChangeKind},
        "conflicts": len(plan.conflicts),
    }
    hints = (f"`recon undo {run.id}` takes it back",) if run else ()
    return Report("recon.apply/1", summary, body, hints=hints)


def _counts(plan: PlanFile) -> str:
    """`models: 12 created, 3 updated; recon_marks: 1 created; 0 conflicts`."""
    return "; ".join([*tally(plan.changes, _DONE), words.count(len(plan.conflicts), "conflict")])


def undo(run: Run, store: RecordStore, state_dir: Path, clock: Clock) -> Report:
    """Take a run back: the target is as it was before it, dump for dump.

    Raises:
        GuardError: rows were changed since.
    """
    with locks.on(store.url, state_dir):
        journal = run.undo()
        store.revert(journal)
        run.write("status.json", {"state": "undone", "at": clock.now().isoformat(timespec="seconds")})
    summary = f"{run.id}: {words.count(len(journal.changes), 'change')} taken back ({store.url})"
    return Report("recon.undo/1", summary, {"run": run.id, "target": store.url, "changes": len(journal.changes)})


def history(state_dir: Path, *, only: Run | None = None) -> Report:
    """The runs that can be taken back, the newest first; `only` shows just that one."""
    found = [_run_row(run) for run in runs.every(state_dir) if only is None or run == only]
    columns = ("run", "state", "system", "target", "changes")
    rows: Iterable[tuple[Json, ...]] = [tuple(row[name] for name in columns) for row in found]
    summary = words.count(len(found), "run")
    return Report("recon.runs/1", summary, {"runs": [dict(row) for row in found]}, (Table(columns, rows),))


def _run_row(run: Run) -> dict[str, Json]:
    plan = run.read("plan.json") or {}
    return {
        "run": run.id,
        "state": run.state,
        "system": str(plan.get("system", "")),
        "target": str(plan.get("target", "")),
        "changes": len(plan.get("changes", ())),
    }
