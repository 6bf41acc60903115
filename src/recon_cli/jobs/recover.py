"""recover: rebuild lost rows from what survived. Scan, derive, diff, plan; writing is `apply`'s."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from recon_cli.core.errors import UsageError
from recon_cli.core.evidence import Finding
from recon_cli.core.plan import Change, Diff, diff, renumbered
from recon_cli.core.record import Record
from recon_cli.core.schema import Schema
from recon_cli.files.base import FileStore
from recon_cli.files.state import ScanState
from recon_cli.jobs import guard, marks
from recon_cli.jobs.planfile import PlanFile
from recon_cli.jobs.scan import ScanRequest
from recon_cli.jobs.survey import Evidence, Survey, survey
from recon_cli.ops.clock import Clock
from recon_cli.stores.base import RecordStore
from recon_cli.systems.base import System


@dataclass(frozen=True, slots=True)
class RecoverRequest:
    """How to recover.

    `take` names columns for which the evidence wins; `shape` overrides the target's; `mark_missing` False leaves marks
    alone; `max_missing` is the share of the known rows (0..1) that may be marked missing before the guard refuses.
    """

    scan: ScanRequest = field(default_factory=ScanRequest)
    evidence: Evidence = field(default_factory=Evidence)
    take: frozenset[str] = frozenset()
    shape: str = ""
    mark_missing: bool = True
    max_missing: float = 0.5


def recover(
    system: System, files: FileStore, store: RecordStore, state: ScanState, request: RecoverRequest, clock: Clock
) -> tuple[PlanFile, Survey]:
    """Make the plan that turns `store` into what the evidence says; nothing is written.

    Raises:
        GuardError: rows would be marked missing on the word of a scan that proves nothing.
    """
    columns = store.columns()
    shape = _shape(system, request.shape, columns)
    schemas = {schema.table: _fitting(schema, columns) for schema in system.schemas(shape)}
    found = survey(system, files, state, request.scan, request.evidence, shape=shape)
    base = {table: store.fingerprint(table) for table in (*schemas, marks.MARKS.table)}
    diffs = [
        _diff(schema, store, found.derived.findings.get(table, ()), request.take) for table, schema in schemas.items()
    ]
    main = next(iter(schemas.values()))
    marking = _marks(main, store, diffs[0], found, request, clock.now())
    changes = tuple(change for one in diffs for change in one.changes) + tuple(marking)
    plan = PlanFile(
        system.name,
        shape,
        files.url,
        store.url,
        clock.now().isoformat(timespec="seconds"),
        {table: base[table] for table in dict.fromkeys(change.table for change in changes)},
        changes,
        tuple(conflict for one in diffs for conflict in one.conflicts),
        sum(one.unchanged for one in diffs),
        found.problems,
    )
    return plan, found


def _shape(system: System, wanted: str, columns: Mapping[str, tuple[str, ...]]) -> str:
    if wanted and wanted not in system.shapes:
        hint = f"known are {', '.join(system.shapes)}"
        raise UsageError(f"the system {system.name} has no table layout `{wanted}`", hint=hint)
    return wanted or system.shape_for(columns) or system.shapes[0]


def _diff(schema: Schema, store: RecordStore, findings: Iterable[Finding], take: frozenset[str]) -> Diff:
    writable = _writable(findings, schema)
    if not schema.natural:
        return diff(schema, store.read(schema.table), writable, take=take)
    have = tuple(store.read(schema.table))
    return diff(schema, have, renumbered(schema, have, writable), take=take)


def _fitting(schema: Schema, columns: Mapping[str, tuple[str, ...]]) -> Schema:
    """The schema as far as the target's table has its columns; whole where the table has yet to be created."""
    return schema.limited_to(columns[schema.table]) if schema.table in columns else schema


def _writable(findings: Iterable[Finding], schema: Schema) -> Iterable[Finding]:
    for finding in findings:
        values = {
            name: value
            for name, value in finding.record.values.items()
            if name in schema.by_name and (value is not None or _is_known(finding, name))
        }
        yield replace(finding, record=Record(schema.table, values))


def _is_known(finding: Finding, name: str) -> bool:
    """Whether an empty value was seen empty, rather than not found: only then is NULL written over a default."""
    candidates = finding.evidence.get(name, ())
    return bool(candidates) and candidates[0].confidence > 0


def _marks(
    main: Schema, store: RecordStore, first: Diff, found: Survey, request: RecoverRequest, now: datetime
) -> list[Change]:
    if not request.mark_missing:
        return []
    seen = {marks.row_key(item.key) for item in found.items}
    missing = _missing(main, first, found, seen)
    known = marks.marked(store.read(marks.MARKS.table), main.table)
    guard.missing_marks(
        missing=sum(1 for key in missing if key not in known),
        known=len(found.derived.findings.get(main.table, ())) + len(first.extra),
        seen=len(found.items),
        incomplete=len(found.incomplete),
        max_missing=request.max_missing,
    )
    return marks.changes(main.table, missing, seen, known, now)


def _missing(main: Schema, first: Diff, found: Survey, seen: set[str]) -> dict[str, str]:
    """Row key → reason, for rows of copies and of the target whose files are gone."""
    of_copies = {
        marks.row_key(main.key_of(finding.record)): finding.missing
        for finding in found.derived.findings.get(main.table, ())
        if finding.missing
    }
    of_target = {key: "no such folder on the store" for key in map(marks.row_key, first.extra) if key not in seen}
    return {**of_target, **of_copies}
