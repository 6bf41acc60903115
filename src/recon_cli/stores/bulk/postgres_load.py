"""Loading into Postgres: one transaction; new tables by COPY and keys afterwards, others through a staged copy.

Order: types and sequences, tables, rows (parents first), keys and indexes, foreign keys, views and triggers, counters.
What cannot be created yet is tried again after the rest, so that no order of objects is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from recon_cli.core.catalog import Catalog, DeclaredObject, DeclaredTable, Generated, Numbered
from recon_cli.core.errors import DataError, GuardError, ReconError
from recon_cli.stores.bulk import postgres_ddl as ddl
from recon_cli.stores.bulk.base import Incoming, Loaded, Loading, TableOutcome
from recon_cli.stores.bulk.postgres_catalog import read_catalog
from recon_cli.stores.bulk.postgres_copy import Target, copy_in
from recon_cli.stores.bulk.postgres_guard import suspects
from recon_cli.stores.bulk.postgres_link import Connection, Link, ask, literal, quote, run
from recon_cli.stores.bulk.postgres_merge import delete_gone, merge, stage
from recon_cli.stores.bulk.postgres_quiet import quiet
from recon_cli.stores.bulk.postgres_refusals import explained
from recon_cli.stores.bulk.to_postgres import for_postgres

import psycopg  # isort: skip  stores.bulk.postgres_link says how to get the driver

_EARLY = frozenset({"extension", "type", "sequence"})
_LATE = frozenset({"function", "view", "materialized view", "index", "trigger"})


@dataclass(frozen=True, slots=True)
class _Step:
    """Statements that create one thing."""

    name: str
    statements: tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """One load: what it was asked for, translated, and what it has done so far."""

    link: Link
    connection: Connection
    loading: Loading
    present: Catalog
    targets: list[Target]
    objects: list[DeclaredObject]
    notes: list[str]
    created: list[str] = field(default_factory=list)
    later: list[_Step] = field(default_factory=list)
    """What could not be created before the rest was there."""

    @property
    def new(self) -> list[DeclaredTable]:
        return [target.declared for target in self.targets if target.new]


def load(link: Link, loading: Loading) -> Loaded:
    """See `BulkStore.load`."""
    source, tables, notes = for_postgres(loading.source, loading.tables)
    with link.connection() as connection:
        run(connection, "BEGIN")
        _ensure_schema(connection, link.schema)
        present = read_catalog(connection, link.schema)
        targets = _ordered([_target(present, incoming, source.engine != loading.source.engine) for incoming in tables])
        objects = _missing_objects(connection, source, targets, objects=loading.objects)
        work = _Run(link, connection, loading, present, targets, objects, [*notes, *_left_out(source)])
        _guard(work)
        return _load(work)


def _ensure_schema(connection: Connection, schema: str) -> None:
    if not ask(connection, "SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]):
        run(connection, f"CREATE SCHEMA {quote(schema)}")


def _left_out(source: Catalog) -> list[str]:
    told = source.settings.get("not_carried")
    return [f"not in the snapshot, create by hand: {told}"] if told else []


def _load(work: _Run) -> Loaded:
    _create(work)
    outcomes = _rows(work)
    _finish(work)
    loaded = Loaded(tuple(outcomes), tuple(work.created), tuple(work.notes))
    if work.loading.commit:
        work.loading.prepared(loaded)
        run(work.connection, "COMMIT")
    else:
        run(work.connection, "ROLLBACK")
    return loaded


# what there is


def _target(present: Catalog, incoming: Incoming, foreign: bool) -> Target:  # noqa: FBT001  one caller
    declared = present.table(incoming.declared.name)
    target = Target(incoming, declared or incoming.declared, new=declared is None, foreign=foreign)
    if declared is not None:
        _match(incoming.declared, declared)
    return target


def _match(source: DeclaredTable, target: DeclaredTable) -> None:
    names = {column.name for column in source.stored}
    taken = {column.name for column in target.stored}
    if lacking := [name for name in names if name not in taken]:
        raise DataError(
            f"table {target.name} has no column {', '.join(sorted(lacking))}",
            cause="the snapshot has rows with it",
            hint="add the column, or import into an empty schema",
        )
    for column in target.stored:
        filled = column.nullable or column.default is not None or column.numbered is not Numbered.NO
        if column.name not in names and not filled:
            raise DataError(
                f"column {target.name}.{column.name} must be filled and the snapshot does not have it",
                hint="give it a default, or import into an empty schema",
            )


def _ordered(targets: Sequence[Target]) -> list[Target]:
    """Parents before children; circles in the order given, their keys are checked at the end."""
    by_name = {target.name: target for target in targets}
    done: dict[str, Target] = {}
    open_: set[str] = set()

    def visit(target: Target) -> None:
        if target.name in done or target.name in open_:
            return
        open_.add(target.name)
        for parent in (key.table for key in target.declared.foreign_keys):
            if parent in by_name:
                visit(by_name[parent])
        done[target.name] = target

    for target in targets:
        visit(target)
    return list(done.values())


def _missing_objects(
    connection: Connection, source: Catalog, targets: Sequence[Target], *, objects: bool
) -> list[DeclaredObject]:
    """Objects to create. A partial import creates only the types and sequences that its new tables name."""
    wanted = [one for one in source.objects if one.kind in _EARLY or objects]
    if not objects:
        words = " ".join(
            f"{c.declared} {c.default}" for target in targets if target.new for c in target.declared.columns
        )
        wanted = [one for one in wanted if one.name in words]
    return [one for one in wanted if not _exists(connection, one)]


_FINDERS = {
    "extension": "SELECT 1 FROM pg_extension WHERE extname = %(name)s",
    "type": "SELECT 1 WHERE to_regtype(quote_ident(%(name)s)) IS NOT NULL",
    "function": "SELECT 1 WHERE to_regprocedure(%(name)s) IS NOT NULL",
    "trigger": "SELECT 1 FROM pg_trigger WHERE tgname = %(name)s AND tgrelid = to_regclass(quote_ident(%(table)s))",
}
_BY_NAME = "SELECT 1 WHERE to_regclass(quote_ident(%(name)s)) IS NOT NULL"


def _exists(connection: Connection, one: DeclaredObject) -> bool:
    sql = _FINDERS.get(one.kind, _BY_NAME)
    try:
        with connection.transaction():  # a name that cannot be one is not there
            return bool(connection.execute(sql.encode(), {"name": one.name, "table": one.table or ""}).fetchall())
    except psycopg.Error as exc:
        if exc.sqlstate is None:
            raise
        return False


def _guard(work: _Run) -> None:
    """Nothing that others wrote is run unread."""
    if work.loading.trusted:
        return
    if found := suspects(work.new, work.objects):
        raise GuardError(
            f"the snapshot brings SQL that would be run: {', '.join(found[:20])}{' …' if found[20:] else ''}",
            cause="without trust only plain expressions, types and sequences are taken from a snapshot",
            hint="look at it with `recon backup show SNAP --sql`, then add `--trust-sql`",
        )


# creating


def _create(work: _Run) -> None:
    """Types, sequences and tables; functions as far as they can be, for one may need a view."""
    with _readable():
        tables = [_Step(f"table {table.name}", tuple(ddl.create_table(table))) for table in work.new]
    early = [_object_step(work, one) for one in work.objects if one.kind in _EARLY]
    functions = [_object_step(work, one) for one in work.objects if one.kind == "function"]
    failed = _rounds(work.connection, [*early, *tables, *functions])
    _insist(work, {step: error for step, error in failed.items() if step not in functions})
    work.later = list(failed)


@contextmanager
def _readable() -> Iterator[None]:
    """A table's options are text that others wrote."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as exc:
        raise DataError("the options of a table in the snapshot cannot be read", cause=repr(exc)) from exc


def _object_step(work: _Run, one: DeclaredObject) -> _Step:
    work.created.append(f"{one.kind} {one.name}")
    return _Step(f"{one.kind} {one.name}", (one.sql,))


def _rounds(connection: Connection, steps: Sequence[_Step]) -> dict[_Step, psycopg.Error]:
    """Try every step, and those that failed again as long as that gets on; what is left, and why."""
    waiting, failed = list(steps), dict[_Step, psycopg.Error]()
    while waiting:
        tried = {step: _tried(connection, step.statements) for step in waiting}
        failed = {step: error for step, error in tried.items() if error is not None}
        if len(failed) == len(waiting):
            break
        waiting = list(failed)
    return failed


def _insist(work: _Run, failed: Mapping[_Step, psycopg.Error]) -> None:
    for step, error in failed.items():
        raise _cannot_create(work, step.name, error) from error


def _tried(connection: Connection, statements: Sequence[str]) -> psycopg.Error | None:
    try:
        with connection.transaction():
            for statement in statements:
                run(connection, statement)
    except psycopg.Error as exc:
        if exc.sqlstate is None or exc.sqlstate.startswith(("57", "08", "53", "40", "55P")):
            raise
        return exc
    return None


def _cannot_create(work: _Run, name: str, error: psycopg.Error) -> ReconError:
    if error.sqlstate == "42501":
        return work.link.translate(error)
    hint = "install the extension on the server first" if name.startswith("extension") else None
    return ReconError(f"cannot create {name} at {work.link.url}", cause=str(error).strip(), hint=hint)


# rows


def _rows(work: _Run) -> list[TableOutcome]:
    held = [target for target in work.targets if not target.new]
    outcomes: dict[str, TableOutcome] = {}
    with quiet(work.link, work.connection, [target.declared for target in held]):
        for target in held:
            with explained(work.link, target):
                stage(work.connection, target, work.loading.progress)
        gone = _deleted(work, held)
        for target in work.targets:
            with explained(work.link, target):
                outcomes[target.name] = _one(work, target, gone)
        with explained(work.link, None):
            run(work.connection, "SET CONSTRAINTS ALL IMMEDIATE")
    given = [incoming.declared.name for incoming in work.loading.tables]
    return [outcomes[name] for name in given]


def _deleted(work: _Run, held: Sequence[Target]) -> Mapping[str, int]:
    """Children before parents, and before anything is inserted."""
    gone: dict[str, int] = {}
    for target in reversed(held):
        with explained(work.link, target):
            gone[target.name] = delete_gone(work.connection, target, work.loading.mode)
    return gone


def _one(work: _Run, target: Target, gone: Mapping[str, int]) -> TableOutcome:
    if target.new:
        rows = copy_in(work.connection, target, quote(target.name), work.loading.progress)
        return TableOutcome(target.name, created_table=True, inserted=rows)
    return merge(work.connection, target, work.loading.mode, gone[target.name])


# afterwards


def _finish(work: _Run) -> None:
    new = work.new
    for table in new:
        with explained(work.link, table.name):
            _each(work, [*ddl.add_key(table), *(_indexes(table) if work.loading.objects else _uniques(table))])
    names = {table.name for table in [*work.present.tables, *new]}
    for table in new:
        with explained(work.link, table.name):
            _each(work, _relations(table, names, work.notes))
    late = [one for one in work.objects if one.kind in _LATE - {"function"}]
    _insist(work, _rounds(work.connection, [*work.later, *(_object_step(work, one) for one in late)]))
    with _readable():
        for target in work.targets:
            _count_on(work.connection, target)


def _indexes(table: DeclaredTable) -> Iterator[str]:
    yield from (ddl.add_index(table, index) for index in table.indexes)


def _uniques(table: DeclaredTable) -> Iterator[str]:
    yield from (ddl.add_index(table, index) for index in table.indexes if index.constraint is not None)


def _relations(table: DeclaredTable, names: set[str], notes: list[str]) -> Iterator[str]:
    yield from ddl.add_late_checks(table)
    for key in table.foreign_keys:
        if key.table in names or f"schema:{key.name}" in table.options:
            yield ddl.add_foreign_key(table, key)
        else:
            notes.append(f"{table.name}: foreign key to {key.table} left out, for that table is not there")


def _each(work: _Run, statements: Sequence[str] | Iterator[str]) -> None:
    for statement in statements:
        run(work.connection, statement)


def _count_on(connection: Connection, target: Target) -> None:
    """Sequences as the snapshot has them; of a table that was there never backwards."""
    declared = target.incoming.declared
    numbered = [one for one in declared.stored if one.numbered is not Numbered.NO and one.generated is Generated.NO]
    for place, column in enumerate(numbered):
        told = declared.options.get(f"counter:{column.name}")
        last = declared.counter if place == 0 else int(told) if told else None
        if target.foreign:  # engines count in different ways; the next number has to be free in any case
            top = ask(connection, f"SELECT max({quote(column.name)}) FROM {quote(target.name)}")[0][0]
            last = max(last or 0, top or 0) or None
        if last is not None:
            _set(connection, target, column.name, last)


def _set(connection: Connection, target: Target, column: str, last: int) -> None:
    """ALTER SEQUENCE gives the sequence a new file within this transaction, so that setval is rolled back with it."""
    found = ask(connection, "SELECT pg_get_serial_sequence(%s, %s)", [quote(target.name), column])
    sequence = found[0][0] if found else None
    if sequence is None:
        return
    position, called = ask(connection, f"SELECT last_value, is_called FROM {sequence}")[0]
    if not target.new and called and position >= last:
        return
    run(connection, f"ALTER SEQUENCE {sequence} RESTART")
    run(connection, f"SELECT setval({literal(sequence)}, {int(last)}, true)")
