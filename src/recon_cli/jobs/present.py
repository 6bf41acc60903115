"""present: a plan as a Report, so that people see every change with its evidence before anything is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from uuid import UUID

from recon_cli.core import words
from recon_cli.core.canonical import Json, Value, encode
from recon_cli.core.errors import ExitCode
from recon_cli.core.evidence import Evidence
from recon_cli.core.plan import Change, ChangeKind
from recon_cli.core.report import Report, Table
from recon_cli.jobs.planfile import PlanFile

_SHOWN_CHARS = 60
_TODO = {ChangeKind.CREATE: "to create", ChangeKind.UPDATE: "to update", ChangeKind.DELETE: "to delete"}


def plan_report(plan: PlanFile, *, took_s: float, every_field: bool) -> Report:
    """The plan as it would be applied; `every_field` shows one line a field with its evidence, else one a row."""
    table = Table(_FIELD_COLUMNS, _field_rows(plan)) if every_field else Table(_ROW_COLUMNS, _change_rows(plan))
    conflicts = Table(("table", "key", "column", "have", "evidence says", "source"), _conflict_rows(plan), "conflicts")
    summary = f"{_counts(plan)} ({plan.ends}) in {words.seconds(took_s)}; nothing was written"
    hints = ("`--apply` does it; `--plan-out FILE` keeps it for `recon apply FILE`",) if plan.changes else ()
    return Report(
        "recon.plan/1",
        summary,
        {name: value for name, value in plan.document().items() if name not in {"schema", "problems"}},
        (table, conflicts) if plan.conflicts else (table,),
        plan.problems,
        ExitCode.PARTIAL if plan.problems else ExitCode.DONE,
        hints=hints,
    )


def _counts(plan: PlanFile) -> str:
    agreed = f"{words.count(plan.unchanged, 'row')} already right"
    return "; ".join([*tally(plan.changes, _TODO), agreed, words.count(len(plan.conflicts), "conflict")])


def tally(changes: Iterable[Change], verbs: Mapping[ChangeKind, str]) -> list[str]:
    """One part a table, `models: 12 created, 3 updated`; `verbs` says what each kind is called."""
    by_table: dict[str, Counter[str]] = {}
    for change in changes:
        by_table.setdefault(change.table, Counter())[verbs[change.kind]] += 1
    parts = [f"{table}: {', '.join(f'{n} {word}' for word, n in counts.items())}" for table, counts in by_table.items()]
    return parts or ["nothing to do"]


_ROW_COLUMNS = ("change", "table", "key", "from", "weakest field")


def _change_rows(plan: PlanFile) -> Iterator[tuple[Json, ...]]:
    for change in plan.changes:
        found = [candidates[0] for candidates in change.evidence.values() if candidates]
        chosen = [one for one in found if one.value is not None]
        key = key_text(change.key)
        yield (
            change.kind.value,
            change.table,
            key,
            _sources(chosen, key) or change.reason,
            _weakest(change, chosen),
        )


def _sources(chosen: list[Evidence], key: str) -> str:
    """Where the fields come from, the source of most of them first; files in the item's own folder are `its files`."""
    short = Counter("its files" if key in one.source.split("/") else one.source.partition("#")[0] for one in chosen)
    return ", ".join(source for source, _number in short.most_common())


def _weakest(change: Change, chosen: list[Evidence]) -> str:
    weakest = min(chosen, key=lambda one: one.confidence, default=None)
    if weakest is None:
        return ""
    if weakest.confidence == 1:
        return "all copied"
    return f"{_field_of(change, weakest)} {weakest.confidence:.2f} {weakest.method}"


def _field_of(change: Change, evidence: Evidence) -> str:
    return next(name for name, candidates in change.evidence.items() if candidates and candidates[0] is evidence)


_FIELD_COLUMNS = ("change", "table", "key", "field", "value", "confidence", "method", "source", "note", "others")


def _field_rows(plan: PlanFile) -> Iterator[tuple[Json, ...]]:
    for change in plan.changes:
        for name, value in (change.after or {}).items():
            candidates = change.evidence.get(name, ())
            first = candidates[0] if candidates else None
            yield (
                change.kind.value,
                change.table,
                key_text(change.key),
                name,
                _shown(value),
                None if first is None else round(first.confidence, 2),
                "" if first is None else first.method,
                "" if first is None else first.source,
                change.reason if first is None else first.note,
                " | ".join(f"{_shown(other.value)} ({other.method})" for other in candidates[1:]),
            )


def _conflict_rows(plan: PlanFile) -> Iterator[tuple[Json, ...]]:
    for one in plan.conflicts:
        says = " | ".join(dict.fromkeys(_shown(candidate.value) for candidate in one.candidates))
        source = one.candidates[0].source if one.candidates else ""
        yield one.table, key_text(one.key), one.column, _shown(one.have), says, source


def key_text(key: tuple[Value, ...]) -> str:
    """A key in one cell."""
    return "/".join(_shown(part) for part in key)


def _as_text(value: Value) -> str:
    if isinstance(value, date | time | UUID | Decimal):
        return str(value)
    return json.dumps(encode(value), ensure_ascii=False)


def _shown(value: Value) -> str:
    text = value if isinstance(value, str) else _as_text(value)
    printable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return printable if len(printable) <= _SHOWN_CHARS else f"{printable[: _SHOWN_CHARS - 1]}…"
