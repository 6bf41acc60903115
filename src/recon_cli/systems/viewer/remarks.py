"""What customers wrote: annotations and feedbacks, tables of their own that hang on a model's token or id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from recon_cli.core.canonical import Value
from recon_cli.core.evidence import Evidence, Finding
from recon_cli.core.record import Record
from recon_cli.core.report import Problem
from recon_cli.core.schema import Schema, is_empty
from recon_cli.systems import invented
from recon_cli.systems.viewer.confidence import CONFIDENCE
from recon_cli.systems.viewer.sources import TIMES, Source

_STATE = frozenset({"id", "completed", "status", "feedback_type", "created_at", "updated_at"})
"""Columns that may differ between two copies of one remark."""
_TOKENS = ("model_token", "share_token")


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose a remark is: every token any source knew, the token each model has now, and the models there are."""

    by_token: Mapping[str, str]
    token_of: Mapping[str, Value]

    @classmethod
    def of(cls, sources: Sequence[Source], findings: Mapping[str, Finding]) -> Owners:
        """Collect the tokens of the sources; the surer source wins a token that two models claim."""
        known = {token: name for source in reversed(sources) for token, name in source.tokens()}
        now = {name: one.record.values["share_token"] for name, one in findings.items()}
        return cls({**known, **{str(token): name for name, token in now.items()}}, now)


def rebuild(
    schema: Schema, sources: Sequence[Source], owners: Owners
) -> tuple[tuple[Finding, ...], tuple[Problem, ...]]:
    """Every remark of every source, once; ids stay those of the surest source."""
    found: dict[Value, Finding] = {}
    seen: dict[tuple[Value, ...], Value] = {}
    problems: list[Problem] = []
    for source in sources:
        rows = [row for row in source.tables.get(schema.table, ()) if not is_empty(row.get("id"))]
        problems += _unplaced(source, schema)
        for content, row in _told_apart(rows, owners):
            if content in seen:
                found[seen[content]] = _joined(found[seen[content]], _finding(schema, source, row, owners, row["id"]))
                continue
            name = row["id"] if row["id"] not in found else invented.row_id(schema.table, repr(content))
            seen[content], found[name] = name, _finding(schema, source, row, owners, name)
    findings = tuple(found[name] for name in sorted(found, key=_order))
    return findings, (*problems, *_orphans(schema, findings, owners))


def _told_apart(
    rows: Sequence[Mapping[str, Value]], owners: Owners
) -> Iterator[tuple[tuple[Value, ...], Mapping[str, Value]]]:
    """Rows with what makes each one itself; equal remarks within one copy are counted, not merged."""
    times: dict[tuple[Value, ...], int] = {}
    for row in rows:
        content = _content(row, owners)
        times[content] = times.get(content, 0) + 1
        yield (*content, times[content]), row


def _content(row: Mapping[str, Value], owners: Owners) -> tuple[Value, ...]:
    """What the customer said and where, whichever token the model had then."""
    told = sorted((name, value) for name, value in row.items() if name not in _STATE and not is_empty(value))
    return tuple(
        part
        for name, value in told
        for part in (name, owners.by_token.get(str(value), str(value)) if name in _TOKENS else repr(value))
    )


def _finding(schema: Schema, source: Source, row: Mapping[str, Value], owners: Owners, name: Value) -> Finding:
    evidence: dict[str, tuple[Evidence, ...]] = {}
    place = f"{source.name}#{schema.table}"
    for column, value in row.items():
        one = source.moment(value) if column in TIMES else None
        told = Evidence(
            value if one is None else one.value, place, source.method, source.confidence, one.note if one else ""
        )
        if column == "id" and value != name:
            told = Evidence(name, place, "new-id", CONFIDENCE["not-in-files"], f"{value!s} is another remark's id")
        evidence[column] = (told,)
        if column in _TOKENS:
            evidence[column] = _current(told, owners)
    values = {column: candidates[0].value for column, candidates in evidence.items()}
    return Finding(Record(schema.table, values), evidence)


def _current(told: Evidence, owners: Owners) -> tuple[Evidence, ...]:
    """A remark follows its model: where the model now has another token, that one comes first."""
    now = owners.token_of.get(owners.by_token.get(str(told.value), ""))
    if now is None or now == told.value:
        return (told,)
    note = "the same model's token now"
    return (Evidence(now, told.source, "follows-model", told.confidence, note), told)


def _joined(kept: Finding, other: Finding) -> Finding:
    """The surer finding, with what the other copy says differently as further candidates."""
    evidence = {
        name: (
            *found,
            *(one for one in other.evidence.get(name, ()) if name != "id" and one.value not in _values(found)),
        )
        for name, found in kept.evidence.items()
    }
    fresh = {name: found for name, found in other.evidence.items() if name not in evidence}
    values = {**{name: found[0].value for name, found in fresh.items()}, **kept.record.values}
    return Finding(Record(kept.record.table, values), {**evidence, **fresh})


def _values(found: tuple[Evidence, ...]) -> list[Value]:
    return [one.value for one in found]


def _orphans(schema: Schema, findings: Sequence[Finding], owners: Owners) -> Iterator[Problem]:
    for finding in findings:
        values = finding.record.values
        token = next((values[name] for name in _TOKENS if not is_empty(values.get(name))), None)
        item = f"{schema.table} {values.get('id')!s}"
        if token is not None and str(token) not in owners.by_token:
            yield Problem(item, "no model has its token", str(token))
        elif token is None and not is_empty(values.get("model_id")) and str(values["model_id"]) not in owners.token_of:
            yield Problem(item, "no such model", str(values["model_id"]))


def _unplaced(source: Source, schema: Schema) -> Iterator[Problem]:
    """Columns no table of ours has, and rows that cannot be told apart for want of an id."""
    rows = source.tables.get(schema.table, ())
    place = f"{source.name}#{schema.table}"
    unknown = dict.fromkeys(
        name for row in rows for name in row if name not in schema.by_name and row[name] is not None
    )
    for name in unknown:
        yield Problem(place, "a column the viewer does not know stays in the copy", name)
    for row in rows:
        if is_empty(row.get("id")):
            yield Problem(place, "a row without an id", str(row.get("text") or row.get("comment") or ""))


def _order(name: Value) -> tuple[bool, int, str]:
    return (not isinstance(name, int), name if isinstance(name, int) else 0, str(name))
