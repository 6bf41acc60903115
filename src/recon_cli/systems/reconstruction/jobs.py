"""The rows of `jobs` and `error_logs`: merged by id from copies and folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from recon_cli.core.canonical import Value
from recon_cli.core.entry import Entry
from recon_cli.core.evidence import Evidence, Finding, choose
from recon_cli.core.ports import Reader, Tree
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.core.schema import ColumnType, Schema, is_empty
from recon_cli.systems import folders, invented, moments, sidecar
from recon_cli.systems.base import Copy, Item
from recon_cli.systems.reconstruction import folder, layout, shapes
from recon_cli.systems.reconstruction.confidence import CONFIDENCE

_ESTIMATES = frozenset(
    {"created_at", "started_at", "completed_at", "processing_time_seconds", "error_message", "error_stage", "step",
     "progress", "retry_count", "file_size_mb"}
)  # fmt: skip
"""Columns that files tell only roughly: they fill what a copy leaves empty, and dispute nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One copy, as rows by job and error logs; its naive times are in `zone`."""

    name: str
    method: str
    zone: tzinfo
    zone_note: str
    rows: Mapping[str, Mapping[str, Value]]
    logs: Sequence[Mapping[str, Value]] = ()

    def claims(self, name: str, schema: Schema) -> dict[str, Evidence]:
        """What this source says about one job; a column it does not have is left out."""
        row = self.rows.get(name, {})
        return {column: self.evidence(schema, column, row[column]) for column in schema.by_name if column in row}

    def evidence(self, schema: Schema, column: str, value: Value) -> Evidence:
        """One cell: times in UTC, a status that cannot last less sure than the rest."""
        place, confidence, note = f"{self.name}#{schema.table}", CONFIDENCE[self.method], ""
        if schema.column(column).type is ColumnType.TIMESTAMP and not is_empty(value):
            note = "" if moments.is_aware(value) else self.zone_note
            value = moments.to_utc(value, self.zone) or value
        if column == "status" and shapes.is_live(value):
            confidence, note = CONFIDENCE["live-status"], "true when the copy was made"
        return Evidence(value, place, self.method, confidence, note)


def sources(copies: Sequence[Copy]) -> tuple[tuple[Source, ...], tuple[Problem, ...]]:
    """The copies in order of trust."""
    usable = [one for one in copies if {"jobs", "error_logs"} & set(one.tables)]
    problems = [
        Problem(one.source, "not a database of the reconstruction server", f"tables: {', '.join(one.tables) or 'none'}")
        for one in copies
        if one not in usable
    ]
    found = tuple(sorted(map(_source, usable), key=lambda one: -CONFIDENCE[one.method]))
    return found, tuple(problems)


def rebuild(
    tree: Tree, reader: Reader, found: Sequence[Source], shape: str
) -> tuple[dict[str, tuple[Finding, ...]], tuple[Problem, ...]]:
    """One finding for every job that a copy or a folder knows, and the error logs of both."""
    schema, log_schema = shapes.schemas(shape)
    words = shapes.vocabulary([str(row.get("status")) for source in found for row in source.rows.values()])
    under = layout.base(tree)
    items = {str(one.key[0]): one for one in layout.items(tree)}
    known = {name for source in found for name in source.rows}
    problems = [
        Problem(one.path, "not a job's folder", "its name or its content is not a job's")
        for one in layout.directories(tree, under)
        if one.name not in items and one.name not in known
    ]
    rows: list[Finding] = []
    told: dict[str, folder.Told] = {}
    for name in sorted(known | set(items)):
        item = items.get(name) or folders.item_at(tree, f"{under}/{name}" if under else name)
        beside, noted = _beside(folders.sidecar_of(tree, item.folder), item, reader)
        problems += noted
        if item.files:
            told[name] = folder.tell(layout.job_of(item), reader, words)
            problems += told[name].problems
        evidence = _merged([one.claims(name, schema) for one in (*found, *beside)], told.get(name), schema)
        problems += _disputed(item.folder, evidence, told.get(name))
        if evidence:
            rows.append(_finding(schema, _complete(evidence, schema, item), folders.missing(tree, item.folder)))
    logs = (*_copied_logs(log_schema, found), *_read_logs(log_schema, found, told))
    return {"jobs": tuple(rows), "error_logs": logs}, tuple(problems)


def _source(copy: Copy) -> Source:
    jobs = [
        {**row, "job_id": str(row["job_id"])} for row in copy.tables.get("jobs", ()) if not is_empty(row.get("job_id"))
    ]
    zone: tzinfo = moments.zone_named(copy.zone) if copy.zone else UTC
    note = f"naive, in {copy.zone} as the operator said" if copy.zone else "naive, written in UTC by the server"
    rows = {str(row["job_id"]): row for row in reversed(jobs)}
    return Source(copy.source, _method(copy), zone, note, rows, copy.tables.get("error_logs", ()))


def _method(copy: Copy) -> str:
    name = copy.source.replace("\\", "/").rpartition("/")[2].lower()
    if name.endswith((".json", ".json.gz", ".jsonl")):
        return "json-backup"
    if copy.origin != "store":
        return "given-copy"
    return "database-backup" if "backup" in name else "database-copy"


def _beside(entry: Entry | None, item: Item, reader: Reader) -> tuple[tuple[Source, ...], tuple[Problem, ...]]:
    if entry is None:
        return (), ()
    read = sidecar.read(entry, item, reader, system="reconstruction", key="job_id")
    if isinstance(read, Problem):
        return (), (read,)
    rows = {str(item.key[0]): read.row}
    return (Source(entry.path, "sidecar", UTC, "naive in the sidecar, taken as UTC", rows),), ()


def _merged(
    claims: Iterable[Mapping[str, Evidence]], told: folder.Told | None, schema: Schema
) -> dict[str, tuple[Evidence, ...]]:
    """Candidates by column, the surest first; an empty cell says less than a file."""
    by_column: dict[str, list[Evidence]] = {}
    for claim in claims:
        for column, one in claim.items():
            by_column.setdefault(column, []).append(one)
    settled = _settled(by_column.get("status", ()), told)
    for column, one in told.evidence.items() if told else ():
        copied = by_column.get(column, [])
        says = any(not is_empty(each.value) for each in copied)
        if column in schema.by_name and not (column in _ESTIMATES and (says or (copied and settled))):
            by_column.setdefault(column, []).append(one)
    return {column: _distinct(found, column, schema) for column, found in by_column.items()}


def _settled(statuses: Sequence[Evidence], told: folder.Told | None) -> bool:
    """Whether the surest copy saw the job end, and the files do not say otherwise: then its empty cells are answers."""
    status = str(statuses[0].value).upper() if statuses else ""
    overruled = told is not None and told.failed and status in shapes.FINISHED
    return status in shapes.FINISHED | shapes.FAILED and not overruled


def _distinct(found: Sequence[Evidence], column: str, schema: Schema) -> tuple[Evidence, ...]:
    declared = schema.column(column)
    filled = [one for one in found if not is_empty(one.value)]
    kept: list[Evidence] = []
    for one in choose(*(filled or found)):
        if not any(declared.same(one.value, other.value) for other in kept):
            kept.append(one)
    return tuple(kept)


def _disputed(place: str, evidence: Mapping[str, tuple[Evidence, ...]], told: folder.Told | None) -> Iterator[Problem]:
    if not evidence:
        yield Problem(place, "not a job", "nothing in it tells of one")
    if told is None or not told.failed:
        return
    claimed = [one for one in evidence.get("status", ()) if str(one.value).upper() in shapes.FINISHED]
    for one in claimed:
        yield Problem(place, f"marked {one.value!s}, but its log ends in an error and it has no output", one.source)


def _complete(
    evidence: Mapping[str, tuple[Evidence, ...]], schema: Schema, item: Item
) -> dict[str, tuple[Evidence, ...]]:
    """Evidence for every column: a key that must be there is made, what ended well has no error."""
    silent = Evidence(None, item.folder, "not-in-files", CONFIDENCE["not-in-files"], "no source speaks of it")
    found = {column: evidence.get(column) or (silent,) for column in schema.by_name}
    if is_empty(found["pub_key"][0].value):
        note = "no source holds the key: links already sent out are lost"
        key = invented.digits("reconstruction", str(item.key[0]))
        found["pub_key"] = (Evidence(key, item.folder, "new-key", CONFIDENCE["new-key"], note),)
    return found


def _finding(schema: Schema, evidence: Mapping[str, tuple[Evidence, ...]], missing: str) -> Finding:
    values = {column: candidates[0].value for column, candidates in evidence.items()}
    return Finding(Record(schema.table, values), evidence, missing)


def _copied_logs(schema: Schema, found: Sequence[Source]) -> Iterator[Finding]:
    """The error logs of all copies, once; where two copies use one id for two errors, the surer keeps it."""
    taken: dict[Value, tuple[Value, ...]] = {}
    for source in found:
        for row in source.logs:
            content = tuple(row.get(name) for name in ("job_id", "stage", "error_type", "error_message", "timestamp"))
            name = row.get("id")
            if content in taken.values():
                continue
            if is_empty(name) or name in taken:
                name = invented.row_id("error_logs", repr(content))
            taken[name] = content
            evidence = {
                column: (source.evidence(schema, column, row[column]),) for column in schema.by_name if column in row
            }
            first = evidence["id"][0] if "id" in evidence else Evidence(name, source.name, "new-id", 0.0)
            yield _finding(schema, {**evidence, "id": (replace(first, value=name),)}, "")


def _read_logs(schema: Schema, found: Sequence[Source], told: Mapping[str, folder.Told]) -> Iterator[Finding]:
    """Errors in the logs of jobs for which no copy has an error log."""
    covered = {str(row.get("job_id")) for source in found for row in source.logs}
    for name, one in told.items():
        for number, failure in enumerate(one.run.failures if name not in covered else ()):
            place = one.evidence["error_message"].source if "error_message" in one.evidence else name
            ended = one.evidence.get("completed_at")
            cells: dict[str, Value] = {
                "job_id": name,
                "stage": failure.stage or None,
                "error_type": failure.type or None,
                "error_message": failure.message,
                "traceback": failure.traceback or None,
            }
            evidence = {column: (Evidence(value, place, "log", CONFIDENCE["log"]),) for column, value in cells.items()}
            made = invented.row_id("error_logs", f"{name}:{number}:{failure.message}")
            evidence["id"] = (Evidence(made, place, "new-id", 0.0, "logs have no ids"),)
            if ended is not None:
                evidence["timestamp"] = (ended,)
            ordered = {column: evidence[column] for column in schema.by_name if column in evidence}
            yield _finding(schema, ordered, "")
