"""What a migration did, and its Report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode
from recon_cli.core.report import Problem, Report, Table
from recon_cli.migration import planfile
from recon_cli.migration.plan import LeftOut, MigrationPlan
from recon_cli.migration.verifying import Verdict

_BYTES_PER_S = 40_000_000
"""About what goes over on two cores; only for the estimate in a plan."""


@dataclass(slots=True)
class TableOutcome:
    """One table: rows that came over, rows that were refused."""

    rows: int = 0
    rejected: int = 0


@dataclass
class Outcome:
    """A migration as it stands."""

    plan: MigrationPlan
    url: str
    schema: str
    tables: dict[str, TableOutcome] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: Mapping[str, Iterable[int]] = field(default_factory=dict)
    """Row numbers that were refused, by table."""
    orphans: list[tuple[str, str, int, str]] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    there: frozenset[str] = frozenset()
    rejects: str = ""
    resumed: int = 0
    took_s: float = 0.0
    repeated: bool = False
    """Everything was there already; it was compared."""

    def __post_init__(self) -> None:
        self.tables = {table.name: TableOutcome() for table in self.plan.included}

    def count(self, table: str, rows: int, rejected: int, damage: tuple[str, ...]) -> None:
        """A unit more."""
        self.tables[table].rows += rows
        self.tables[table].rejected += rejected
        self.damage += damage

    @property
    def rows(self) -> int:
        """How many came over."""
        return sum(one.rows for one in self.tables.values())

    @property
    def rejected(self) -> int:
        """How many were refused."""
        return sum(one.rejected for one in self.tables.values())

    @property
    def same(self) -> bool:
        """Whether verification found no difference."""
        return all(verdict.same for verdict in self.verdicts.values())

    @property
    def lost(self) -> list[LeftOut]:
        """All that has no equal, from the plan and from the server."""
        return [*self.plan.left_out, *self.left_out]


def migrated(outcome: Outcome) -> Report:
    """The report of a run."""
    problems = tuple(_problems(outcome))
    code = ExitCode.DONE if not problems else ExitCode.PARTIAL
    if not outcome.same:
        code = ExitCode.DRIFT
    return Report(
        "recon.migrate/1",
        _summary(outcome),
        _body(outcome),
        (Table(("table", "to", "rows", "rejected", "verified"), list(_rows(outcome))),),
        problems,
        code,
        hints=tuple(_hints(outcome)),
    )


def _summary(outcome: Outcome) -> str:
    if not outcome.same:
        odd = ", ".join(name for name, verdict in outcome.verdicts.items() if not verdict.same)
        return f"not equal: {odd}; {outcome.schema} of {outcome.url} is as it was"
    parts = [words.count(outcome.rows, "row"), f"in {words.count(len(outcome.tables), 'table')}"]
    told = f"{' '.join(parts)} → {outcome.schema} of {outcome.url} in {words.seconds(outcome.took_s)}"
    if outcome.repeated:
        told = f"already there, and equal: {told}"
    more = [f"{words.count(outcome.rejected, 'row')} rejected"] if outcome.rejected else []
    more += [f"{words.count(len(outcome.lost), 'thing')} left out"] if outcome.lost else []
    more += ["every value verified"] if _by_values(outcome) else []
    return "; ".join([told, *more])


def _by_values(outcome: Outcome) -> bool:
    return bool(outcome.verdicts) and outcome.same


def _rows(outcome: Outcome) -> Iterator[tuple[Json, ...]]:
    for table in outcome.plan.included:
        one, verdict = outcome.tables[table.name], outcome.verdicts.get(table.name)
        told = "" if verdict is None else "equal" if verdict.same else "not equal"
        yield table.name, table.target, one.rows, one.rejected, told


def _problems(outcome: Outcome) -> Iterator[Problem]:
    for name, verdict in outcome.verdicts.items():
        if not verdict.same:
            yield difference(name, verdict)
    for name, one in outcome.tables.items():
        if one.rejected:
            yield Problem(name, f"{words.count(one.rejected, 'row')} rejected", outcome.rejects)
    yield from (Problem(told, "cannot be read, the page is damaged") for told in dict.fromkeys(outcome.damage))
    yield from (Problem(one.item, one.reason, one.hint) for one in outcome.lost)


def difference(name: str, verdict: Verdict) -> Problem:
    """What differs in a table."""
    counts = f"{verdict.source_rows} rows in the source, {verdict.target_rows} in the target"
    columns = f"; columns {', '.join(sorted(verdict.columns))}" if verdict.columns else ""
    return Problem(name, f"not equal: {counts}{columns}", "; ".join(verdict.keys))


def _hints(outcome: Outcome) -> Iterator[str]:
    if outcome.rejects:
        yield f"mend {outcome.rejects}, then `recon migrate … --rejects {outcome.rejects}` loads it"


def _body(outcome: Outcome) -> Mapping[str, Json]:
    return {
        "source": outcome.plan.source,
        "target": outcome.url,
        "to_schema": outcome.schema,
        "rows": outcome.rows,
        "rejected": outcome.rejected,
        "rejects": outcome.rejects or None,
        "resumed_units": outcome.resumed,
        "took_s": round(outcome.took_s, 3),
        "tables": [_table_body(outcome, name) for name in outcome.tables],
        "left_out": [{"item": one.item, "reason": one.reason, "hint": one.hint} for one in outcome.lost],
        "orphans": [
            {"table": table, "foreign_key": key, "rows": rows, "values": named}
            for table, key, rows, named in outcome.orphans
        ],
        "damage": list(dict.fromkeys(outcome.damage)),
        "notes": [*outcome.plan.notes, *outcome.notes],
        "renamed": dict(outcome.plan.renamed),
    }


def _table_body(outcome: Outcome, name: str) -> dict[str, Json]:
    counts, verdict = outcome.tables[name], outcome.verdicts.get(name)
    table = next(table for table in outcome.plan.included if table.name == name)
    body: dict[str, Json] = {"table": name, "to": table.target, "rows": counts.rows, "rejected": counts.rejected}
    body["columns"] = [
        {
            "column": column.name,
            "to": column.target,
            "declared": column.declared,
            "type": column.type,
            "why": column.why,
        }
        for column in table.columns
    ]
    return body | ({"verified": verdict.same, **verdict_body(verdict)} if verdict else {"verified": None})


def verdict_body(verdict: Verdict) -> dict[str, Json]:
    """A verdict as JSON data."""
    return {
        "source_rows": verdict.source_rows,
        "target_rows": verdict.target_rows,
        "differing_columns": sorted(verdict.columns),
        "differing_keys": list(verdict.keys),
    }


def planned(plan: MigrationPlan, took_s: float, kept: Path | None) -> Report:
    """A plan as a report."""
    size = sum(table.size_bytes for table in plan.included)
    estimate = size / _BYTES_PER_S + 0.05 * sum(1 + len(table.indexes) for table in plan.included)
    problems = [Problem(told, "cannot be read, the page is damaged") for told in plan.unreadable]
    problems += [Problem(one.item, one.reason, one.hint) for one in plan.left_out]
    kept_told = f"; kept in {kept}" if kept else ""
    body = {**planfile.document(plan), "estimated_s": round(estimate, 1)}
    body.pop("schema")
    return Report(
        "recon.migrate-plan/1",
        f"{words.count(plan.rows, 'row')} in {words.count(len(plan.included), 'table')}, {words.size(size)},"
        f" about {words.seconds(estimate)}; looked at in {words.seconds(took_s)}; nothing was written{kept_told}",
        body,
        (
            Table(("table", "column", "declared", "type", "why"), list(_column_rows(plan)), "columns"),
            Table(("table", "rows", "key", "indexes", "constraints"), list(_table_rows(plan)), "tables"),
            Table(("note",), [(note,) for note in _notes(plan)], "notes"),
        ),
        tuple(problems),
        ExitCode.PARTIAL if problems else ExitCode.DONE,
        hints=("`--plan-out FILE` keeps the plan, `--plan-in FILE` applies exactly that",),
    )


def _column_rows(plan: MigrationPlan) -> Iterator[tuple[Json, ...]]:
    for table in plan.included:
        for column in table.columns:
            extra = (
                " identity" if column.identity else f" generated as {column.expression}" if column.expression else ""
            )
            yield table.name, column.name, column.declared, f"{column.type}{extra}", column.why


def _table_rows(plan: MigrationPlan) -> Iterator[tuple[Json, ...]]:
    for table in plan.included:
        constraints = len(table.foreign_keys) + len(table.checks)
        yield table.name, table.rows, ", ".join(table.key), len(table.indexes), constraints


def _notes(plan: MigrationPlan) -> Iterator[str]:
    yield from plan.notes
    yield from (f"{old} → {new}" for old, new in plan.renamed.items())
    yield from (f"{one.kind} {one.name} translated" for one in plan.objects)
