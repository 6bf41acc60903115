"""Rows into a PostgREST server: plan by reading what is there, then write batch by batch, and read each batch back.

It is not one transaction, for HTTP has none over several requests: a batch is in or out as a whole. So everything is
decided and checked first (missing tables and columns, values that do not fit, conflicts), `prepared` is called with
that plan, and only then is the first batch sent. Every write may be sent twice without harm: new rows go in with
`ignore-duplicates`, changed ones with `merge-duplicates`. When a batch fails, the error says which rows are in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Protocol

import orjson

from recon_cli.core.catalog import Catalog, Cell, DeclaredColumn, DeclaredTable, Kind
from recon_cli.core.errors import DataError, GuardError, NotFoundError, ReconError
from recon_cli.stores.bulk.base import Incoming, Loaded, Loading, Mode, Row, TableOutcome
from recon_cli.stores.bulk.postgrest_cells import Misfit, among, in_reach, outward, quoted, same
from recon_cli.stores.bulk.postgrest_wire import Request, Wire

NOTE = "written in batches over REST, not in one transaction; each batch was read back"
_BATCH_ROWS = 500
_BATCH_BYTES = 1024 * 1024
_NAMED = 20


class Shown(Protocol):
    """What a load reads from the target."""

    def catalog(self) -> Catalog:
        """What is declared there."""

    def keys(self, table: str, *, start: Row | None = None, skip_rows: int = 0) -> Iterator[Row]:
        """The keys in order."""

    def found(self, table: DeclaredTable, where: Sequence[tuple[str, str]], most: int) -> list[Row]:
        """The rows of a filter."""


@dataclass(frozen=True, slots=True)
class Target:
    """A table to load, as it is there. `places`: where each of `columns` stands in an incoming row."""

    declared: DeclaredTable
    incoming: Incoming
    columns: tuple[DeclaredColumn, ...]
    places: tuple[int, ...]
    key_places: tuple[int, ...]

    @property
    def name(self) -> str:
        """The table's name."""
        return self.declared.name

    def key(self, row: Row) -> Row:
        """The key of a row of `columns`."""
        return tuple(row[place] for place in self.key_places)

    def batches(self) -> Iterator[list[Row]]:
        """The incoming rows, columns as in `columns`; few enough for one request."""
        held: list[Row] = []
        size = 0
        for chunk in self.incoming.rows():
            for row in chunk:
                held.append(tuple(row[place] for place in self.places))
                size += sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
                if len(held) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                    yield held
                    held, size = [], 0
        if held:
            yield held


@dataclass(slots=True)
class Decision:
    """What is to be done with one batch."""

    new: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    unchanged: int = 0
    conflicts: list[tuple[Row, tuple[str, ...]]] = field(default_factory=list)


def load(wire: Wire, view: Shown, loading: Loading, *, replace_allowed: bool) -> Loaded:
    """Plan, tell, write, read back.

    Raises:
        NotFoundError: a table is not there; REST cannot create it.
        GuardError: the mode deletes rows and that was not allowed, or tables to create carry SQL.
        DataError: a column is missing, a value does not fit, or a batch was refused half way (named).
    """
    if loading.mode is Mode.REPLACE and loading.commit and not replace_allowed:
        raise GuardError(
            "replacing over REST would delete rows without a transaction",
            cause="if it failed half way, deleted rows would be gone",
            hint="set `replace = true` for this store if you want that, or load over `postgresql://`",
        )
    have = view.catalog()
    targets = [_target(have, incoming, loading.source) for incoming in _parents_first(loading.tables)]
    outcomes = {one.name: _planned(view, one, loading.mode) for one in targets}
    planned = Loaded(tuple(outcomes[one.declared.name] for one in loading.tables), notes=(NOTE,))
    if not loading.commit:
        return planned
    loading.prepared(planned)
    done: dict[str, int] = {}
    for target in targets:
        _write(wire, view, target, loading, done)
    if loading.mode is Mode.REPLACE:
        for target in reversed(targets):
            _delete(wire, view, target, done)
    return planned


def _parents_first(tables: Sequence[Incoming]) -> list[Incoming]:
    """In foreign-key order; circles stay as they come."""
    rest, ready, names = list(tables), [], {one.declared.name for one in tables}
    while rest:
        waiting = {one.declared.name for one in rest}
        free = [one for one in rest if not ({*_links(one)} & names & waiting - {one.declared.name})] or rest[:1]
        ready += free
        rest = [one for one in rest if one not in free]
    return ready


def _links(incoming: Incoming) -> Iterator[str]:
    return (link.table for link in incoming.declared.foreign_keys)


def _target(have: Catalog, incoming: Incoming, source: Catalog) -> Target:
    there = have.table(incoming.declared.name)
    name = incoming.declared.name
    if there is None:
        raise NotFoundError(
            f"no table `{name}` on the server",
            cause=f"REST can fill tables, not create them (the snapshot is of {source.engine})",
            hint="create it first, for instance with `recon backup import` over `postgresql://`",
        )
    if not there.key_positions:
        raise DataError(f"`{name}` has no primary key on the server", hint="load it over `postgresql://`")
    given = {column.name: place for place, column in enumerate(incoming.declared.stored)}
    lacking = [column for column in given if there.column(column) is None]
    if lacking:
        raise DataError(f"`{name}` has no column `{lacking[0]}` on the server", hint="add it, or exclude the table")
    unfilled = [one.name for one in there.stored if not one.nullable and one.default is None and one.name not in given]
    if unfilled:
        raise DataError(f"the snapshot has no `{unfilled[0]}` for `{name}`, which must not be empty there")
    columns = tuple(one for one in there.stored if one.name in given)
    names = [one.name for one in columns]
    if lost := [part for part in there.key if part not in names]:
        raise DataError(f"the snapshot has no `{lost[0]}` for `{name}`, which is part of its key there")
    places = tuple(given[part] for part in names)
    return Target(there, incoming, columns, places, tuple(names.index(part) for part in there.key))


def _planned(view: Shown, target: Target, mode: Mode) -> TableOutcome:
    outcome, kept = TableOutcome(target.name), set()
    for batch in target.batches():
        _bodies(target, batch)
        decision = decide(view, target, batch, mode)
        outcome = _added(outcome, decision)
        kept |= {_mark(target, target.key(row)) for row in batch} if mode is Mode.REPLACE else set()
    if mode is not Mode.REPLACE:
        return outcome
    return replace(outcome, deleted=sum(_mark(target, key) not in kept for key in view.keys(target.name)))


def _added(outcome: TableOutcome, decision: Decision) -> TableOutcome:
    room = _NAMED - len(outcome.first_conflicts)
    return replace(
        outcome,
        inserted=outcome.inserted + len(decision.new),
        updated=outcome.updated + len(decision.changed),
        unchanged=outcome.unchanged + decision.unchanged,
        conflicts=outcome.conflicts + len(decision.conflicts),
        first_conflicts=outcome.first_conflicts + tuple(decision.conflicts[:room]),
    )


def decide(view: Shown, target: Target, batch: Sequence[Row], mode: Mode) -> Decision:
    """Compare a batch with what is there under its keys.

    Raises:
        DataError: two rows of the batch have the same key, which one statement cannot write.
    """
    there = _there(view, target, batch)
    decision = Decision()
    for row in batch:
        stored = there.get(_mark(target, target.key(row)))
        if stored is None:
            decision.new.append(row)
            continue
        differing = _differing(target, row, stored)
        if not differing:
            decision.unchanged += 1
        elif mode in {Mode.UPSERT, Mode.REPLACE}:
            decision.changed.append(row)
        else:
            _merge(decision, target, row, stored, differing, mode)
    return decision


def _merge(decision: Decision, target: Target, row: Row, stored: Row, differing: Sequence[int], mode: Mode) -> None:
    """Fill what is empty; a value against another one is a conflict, and the store's stands."""
    clashing = [place for place in differing if mode is Mode.INSERT or None not in {row[place], stored[place]}]
    if clashing:
        names = tuple(target.columns[place].name for place in clashing)
        decision.conflicts.append((target.key(row), names))
    filled = tuple(ours if theirs is None else theirs for ours, theirs in zip(row, stored, strict=True))
    if mode is Mode.MERGE and any(filled[place] is not stored[place] for place in differing):
        decision.changed.append(filled)
    elif not clashing:
        decision.unchanged += 1


def _there(view: Shown, target: Target, batch: Sequence[Row]) -> Mapping[bytes, Row]:
    """The rows of these keys, columns as in `target.columns`."""
    keys = [target.key(row) for row in batch]
    if len({_mark(target, key) for key in keys}) < len(keys):
        raise DataError(f"two rows for `{target.name}` have the same key", hint="`recon backup verify` names them")
    stored = [target.declared.stored.index(one) for one in target.columns]
    found: dict[bytes, Row] = {}
    for part in in_reach(keys):
        for row in view.found(target.declared, among(target.declared.key, part), len(part)):
            ours = tuple(row[place] for place in stored)
            found[_mark(target, target.key(ours))] = ours
    return found


def _differing(target: Target, row: Row, stored: Row) -> list[int]:
    return [place for place, one in enumerate(target.columns) if not same(one.kind, row[place], stored[place])]


def _mark(target: Target, key: Row) -> bytes:
    """A key in 16 bytes, the same for a number and its text."""
    kinds = [target.declared.column(name) for name in target.declared.key]
    parts = [_plain(one.kind if one else Kind.TEXT, cell) for one, cell in zip(kinds, key, strict=True)]
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _plain(kind: Kind, cell: Cell) -> str:
    if isinstance(cell, bytes):
        return cell.hex()
    return str(cell).lower() if kind is Kind.UUID else str(cell)


def _bodies(target: Target, rows: Sequence[Row]) -> bytes:
    """Rows as one JSON document, all with the same columns."""
    names = [one.name for one in target.columns]
    return orjson.dumps([dict(zip(names, _sent(target, row), strict=True)) for row in rows])


def _sent(target: Target, row: Row) -> Iterator[object]:
    for column, cell in zip(target.columns, row, strict=True):
        try:
            yield outward(column, cell)
        except Misfit as exc:
            named = f"row {_named(target, row)} of `{target.name}`: column `{column.name}` cannot hold its value"
            raise DataError(named, cause=exc.cause, hint="nothing was written") from exc


def _named(target: Target, row: Row) -> str:
    return "/".join("NULL" if cell is None else str(cell) for cell in target.key(row))


def _write(wire: Wire, view: Shown, target: Target, loading: Loading, done: dict[str, int]) -> None:
    done[target.name] = 0
    for batch in target.batches():
        decision = decide(view, target, batch, loading.mode)
        try:
            _send(wire, target, decision.new, "ignore-duplicates")
            _send(wire, target, decision.changed, "merge-duplicates")
            _read_back(view, target, [*decision.new, *decision.changed])
        except ReconError as exc:
            raise _half_way(exc, target, batch, done) from exc
        done[target.name] += len(batch)
        loading.progress(len(batch))


def _send(wire: Wire, target: Target, rows: Sequence[Row], resolution: str) -> None:
    if not rows:
        return
    key = ",".join(map(quoted, target.declared.key))
    columns = ",".join(quoted(one.name) for one in target.columns)
    query = (("on_conflict", key), ("columns", columns))
    prefer = (f"resolution={resolution}", "return=minimal")
    wire.ask(Request("POST", target.name, query, prefer, _bodies(target, rows)))


def _read_back(view: Shown, target: Target, rows: Sequence[Row]) -> None:
    there = _there(view, target, rows)
    for row in rows:
        stored = there.get(_mark(target, target.key(row)))
        wrong = None if stored is None else _differing(target, row, stored)
        if wrong == []:
            continue
        column = "" if not wrong else f", column `{target.columns[wrong[0]].name}`"
        what = "is not there" if wrong is None else f"came back other than it was sent{column}"
        hint = "a trigger, a policy or another writer changes it"
        raise DataError(f"row {_named(target, row)} of `{target.name}` {what}", hint=hint)


def _half_way(error: ReconError, target: Target, batch: Sequence[Row], done: Mapping[str, int]) -> ReconError:
    """The same error, with what is in and what is not."""
    full = ", ".join(f"{count} rows of `{table}`" for table, count in done.items() if count)
    span = f"{_named(target, batch[0])} to {_named(target, batch[-1])}"
    state = f"in are {full or 'no rows'}; the batch of `{target.name}` from {span} is not known to be in"
    hint = f"{state}; run the same import again with `--mode upsert`, it goes on from there"
    told = DataError if type(error).__init__ is not ReconError.__init__ else type(error)
    return told(error.message, cause=error.cause, hint=f"{error.hint}; {hint}" if error.hint else hint)


def _delete(wire: Wire, view: Shown, target: Target, done: dict[str, int]) -> None:
    """Rows that the snapshot does not have, by key, after everything else is in."""
    kept = {_mark(target, target.key(row)) for batch in target.batches() for row in batch}
    gone = [key for key in view.keys(target.name) if _mark(target, key) not in kept]
    for part in in_reach(gone):
        try:
            wire.ask(Request("DELETE", target.name, among(target.declared.key, part), ("return=minimal",)))
        except ReconError as exc:
            told = DataError if type(exc).__init__ is not ReconError.__init__ else type(exc)
            state = f"all rows of the snapshot are in; not all others of `{target.name}` are deleted"
            raise told(exc.message, cause=exc.cause, hint=f"{state}; run the same import again") from exc
    done[target.name] += len(gone)
