"""Plan: the difference between what a store holds and what the evidence says, as Changes. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import count

from recon_cli.core.canonical import Value
from recon_cli.core.evidence import Evidence, Finding
from recon_cli.core.record import Key, Record
from recon_cli.core.schema import Column, Merge, Schema, is_empty


class ChangeKind(StrEnum):
    """What a change does to one row."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """One row to write. `before` holds the old values of just the columns in `after` (None for a new row).

    For a DELETE, `after` is None and `before` the whole row.
    """

    kind: ChangeKind
    table: str
    key: Key
    after: Mapping[str, Value] | None
    before: Mapping[str, Value] | None = None
    evidence: Mapping[str, tuple[Evidence, ...]] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field where the store and the evidence differ, and the store's value stands unless told otherwise."""

    table: str
    key: Key
    column: str
    have: Value
    candidates: tuple[Evidence, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Diff:
    """What `diff` found: the changes to make, the conflicts to decide, and how many rows already agree."""

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    unchanged: int = 0
    extra: tuple[Key, ...] = ()
    """Keys the store holds and the evidence does not know."""

    def count(self, kind: ChangeKind) -> int:
        """How many changes are of this kind."""
        return sum(1 for change in self.changes if change.kind is kind)


def diff(
    schema: Schema, have: Iterable[Record], want: Iterable[Finding], *, take: Collection[str] = frozenset()
) -> Diff:
    """Compare the rows of one table with the findings, by key.

    Args:
        schema: the table, its key and the merge rule of each column.
        have: the store's rows.
        want: the findings, each key at most once; only columns the findings name are compared.
        take: columns for which the evidence wins a conflict (never those with `Merge.PROTECT`).

    Returns:
        A create for every unknown key, an update for every row with fields to fill or take, conflicts for fields that
        differ. Rows are never deleted here. Changes come in the order of `want`.
    """
    stored = {schema.key_of(record): record for record in have}
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    unchanged = 0
    for finding in want:
        key = schema.key_of(finding.record)
        row = stored.pop(key, None)
        if row is None:
            changes.append(
                Change(ChangeKind.CREATE, schema.table, key, finding.record.values, evidence=finding.evidence)
            )
            continue
        update, disputed = _compare(schema, key, row, finding, take)
        conflicts += disputed
        if update:
            changes.append(update)
        else:
            unchanged += 1
    return Diff(tuple(changes), tuple(conflicts), unchanged, tuple(stored))


def renumbered(schema: Schema, have: Sequence[Record], want: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings under ids that clash with no other thing of the store.

    After a loss an application numbers its rows from 1 again, so an old row 1 and a new row 1 may be two things. A
    finding whose id is taken by a row with other `natural` values goes under the id of the row that has its values, if
    there is one (an earlier recovery put it there), else under a fresh id. Without surrogate ids nothing changes.
    """
    findings = tuple(want)
    surrogate = schema.autoincrement
    if surrogate is None or not schema.natural or schema.key != (surrogate,):
        return findings
    stored = {schema.key_of(record): record for record in have}
    taken = [*stored, *(schema.key_of(finding.record) for finding in findings)]
    fresh = count(1 + max((key[0] for key in taken if isinstance(key[0], int)), default=0))

    def placed(finding: Finding) -> Finding:
        row = stored.get(schema.key_of(finding.record))
        if row is None or _same_thing(schema, row, finding.record):
            return finding
        twin = next((other for other in have if _same_thing(schema, other, finding.record)), None)
        number = next(fresh) if twin is None else twin.values[surrogate]
        return replace(finding, record=finding.record.with_values(**{surrogate: number}))

    return tuple(map(placed, findings))


def _same_thing(schema: Schema, row: Record, found: Record) -> bool:
    return all(schema.column(name).same(row.values.get(name), found.values.get(name)) for name in schema.natural)


def _compare(
    schema: Schema, key: Key, row: Record, finding: Finding, take: Collection[str]
) -> tuple[Change | None, list[Conflict]]:
    after: dict[str, Value] = {}
    disputed: list[Conflict] = []
    for name, value in finding.record.values.items():
        column, old = schema.column(name), row.values.get(name)
        if name in schema.key or is_empty(value) or column.same(old, value):
            continue
        if wins(column, old, take):
            after[name] = value
        elif column.merge is not Merge.LIVE:
            disputed.append(Conflict(schema.table, key, name, old, finding.evidence.get(name, ())))
    if not after:
        return None, disputed
    before = {name: row.values.get(name) for name in after}
    evidence = {name: finding.evidence[name] for name in after if name in finding.evidence}
    return Change(ChangeKind.UPDATE, schema.table, key, after, before, evidence), disputed


def wins(column: Column, old: Value, take: Collection[str]) -> bool:
    """Whether the evidence's value replaces the store's: always into an empty cell, else only when taken."""
    return is_empty(old) or (column.name in take and column.merge is not Merge.PROTECT)
