"""Rows into MySQL or MariaDB: every row of every table in one transaction, DDL around it.

MySQL commits by itself at every DDL statement, so this is the order, and what a failure leaves:

1. Missing tables are created, with keys, indexes and links, empty and marked in their comment: recon takes such a
   table for absent. After a failure they are dropped; after a kill they stay, empty, and the next load drops them.
2. One transaction: rows go straight into new tables, for tables that are there into a TEMPORARY copy of the table,
   which only this connection sees, and from it in set operations. Foreign keys are checked by queries (checks are off,
   so that order does not matter and no row cascades). `prepared`, then COMMIT. Up to here it is all or nothing.
3. Marks are taken off, views and triggers created. A failure here leaves the rows in and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recon_cli.core.catalog import DeclaredColumn, DeclaredObject, DeclaredTable
from recon_cli.core.errors import DataError, GuardError, ReconError
from recon_cli.stores.bulk.base import Incoming, Loaded, Loading, Mode, TableOutcome
from recon_cli.stores.bulk.mysql_catalog import MAKING, as_made, is_mariadb, read_tables
from recon_cli.stores.bulk.mysql_insert import REFUSED, Inserter
from recon_cli.stores.bulk.mysql_link import Connection, Link, ask, quote, run
from recon_cli.stores.bulk.mysql_merge import merge
from recon_cli.stores.bulk.to_mysql import Flavour, create_table, foreign_keys
from recon_cli.stores.mysql_session import error_parts

import pymysql  # isort: skip  # mysql_link says how to get it

ATOMIC = "all rows in one transaction; tables were created before it and views and triggers after it, outside of it"
STAGE = "recon_incoming"
_NO_FULLTEXT = 1796


@dataclass(frozen=True, slots=True)
class _Task:
    """One table: `made` is its CREATE TABLE where it is missing, with `columns` as they are in the target."""

    incoming: Incoming
    target: DeclaredTable
    made: str | None

    @property
    def name(self) -> str:
        return self.target.name


def load(link: Link, loading: Loading) -> Loaded:
    """Take the tables in; see above.

    Raises:
        GuardError: the catalog has SQL that is not trusted, or a table's triggers would run.
        DataError: a column is missing, a value does not fit (named), or a foreign key has no parent.
    """
    with link.connection() as connection:
        flavour = Flavour(is_mariadb(connection), loading.trusted)
        _drop_half_made(connection, loading)
        tasks, notes = _tasks(connection, loading, flavour)
        objects = _objects(loading)
        created: list[str] = []
        try:
            _create(connection, tasks, loading, created)
            loaded = _fill(connection, tasks, loading, notes, objects)
        except BaseException:
            connection.rollback()
            _drop(connection, created)
            raise
        if loading.commit:
            _finish(connection, tasks, objects)
        return loaded


def _drop_half_made(connection: Connection, loading: Loading) -> None:
    sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = database() AND table_comment = %s"
    wanted = {incoming.declared.name for incoming in loading.tables}
    for (name,) in ask(connection, sql, [MAKING]) if loading.commit else ():
        if name in wanted and not ask(connection, f"SELECT 1 FROM {quote(name)} LIMIT 1"):
            _drop(connection, [name])


def _drop(connection: Connection, names: Sequence[str]) -> None:
    run(connection, "SET foreign_key_checks = 0")
    for name in names:
        run(connection, f"DROP TABLE IF EXISTS {quote(name)}")


def _tasks(connection: Connection, loading: Loading, flavour: Flavour) -> tuple[list[_Task], list[str]]:
    there = read_tables(connection)
    tasks, notes, refused = [], [ATOMIC], []
    for incoming in loading.tables:
        declared = (
            incoming.declared if loading.objects else replace(incoming.declared, indexes=_kept(incoming.declared))
        )
        if incoming.declared.name in there:
            target = there[incoming.declared.name]
            _match(incoming.declared, target)
            tasks.append(_Task(incoming, target, None))
            continue
        comment = MAKING if loading.commit else None
        done = create_table(declared, loading.source.engine, flavour, comment=comment, temporary=not loading.commit)
        tasks.append(_Task(incoming, declared, done.sql))
        notes += done.notes
        refused += done.refused
    refused += (
        [f"{one.kind} {one.name}" for one in loading.source.objects] if loading.objects and not loading.trusted else []
    )
    if refused:
        hint = "look at the snapshot's SQL and trust it explicitly, or import single tables"
        raise GuardError(f"the snapshot has SQL of its own: {', '.join(refused)}", hint=hint)
    _no_triggers(connection, tasks)
    return tasks, notes


def _kept(table: DeclaredTable) -> tuple[()]:
    """A partial import brings no indexes but those of its constraints."""
    return tuple(index for index in table.indexes if index.constraint is not None)  # type: ignore[return-value]  # any length


def _match(declared: DeclaredTable, target: DeclaredTable) -> None:
    have = {column.name for column in target.stored}
    given = {column.name for column in declared.stored}
    if lacking := [column.name for column in declared.stored if column.name not in have]:
        raise DataError(f"`{declared.name}` has no column `{lacking[0]}`", hint="add it, or exclude the table")
    for column in target.stored:
        if not (column.nullable or column.name in given or column.default is not None or column.numbered):
            raise DataError(f"`{declared.name}` needs a value for `{column.name}`, which the snapshot does not have")


def _no_triggers(connection: Connection, tasks: Sequence[_Task]) -> None:
    sql = "SELECT event_object_table, trigger_name FROM information_schema.triggers WHERE trigger_schema = database()"
    filled = {task.name for task in tasks if task.made is None}
    for table, name in ask(connection, sql):
        if table in filled:
            raise GuardError(
                f"`{table}` has the trigger `{name}`, which the import would set off",
                cause="MySQL cannot write past triggers",
                hint="drop it (its text is in SHOW CREATE TRIGGER), import, and create it again",
            )


def _objects(loading: Loading) -> list[DeclaredObject]:
    same = loading.source.engine in {"mysql", "mariadb"}
    return [one for one in loading.source.objects if loading.objects and loading.trusted and same]


def _create(connection: Connection, tasks: Sequence[_Task], loading: Loading, created: list[str]) -> None:
    """For a plan the missing tables are temporary ones, which nobody else sees, and which cannot be linked."""
    run(connection, "SET foreign_key_checks = 0")
    made = [task for task in tasks if task.made is not None]
    for task in made:
        _made(connection, task, str(task.made))
        created += [task.name] if loading.commit else []
    for task in made if loading.commit else ():
        if links := list(foreign_keys(_linked(task.target))):
            _made(connection, task, f"ALTER TABLE {quote(task.name)} {', '.join(links)}")


def _made(connection: Connection, task: _Task, sql: str) -> None:
    try:
        run(connection, sql)
    except pymysql.err.MySQLError as exc:
        hint = "create the table yourself, then import into it"
        raise DataError(f"`{task.name}` cannot be created here", cause=error_parts(exc)[1], hint=hint) from exc


def _fill(
    connection: Connection,
    tasks: Sequence[_Task],
    loading: Loading,
    notes: list[str],
    objects: Sequence[DeclaredObject],
) -> Loaded:
    run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    connection.begin()
    outcomes = tuple(_one(connection, task, loading, notes) for task in tasks)
    _check_links(connection, tasks)
    left = (
        []
        if objects or not loading.objects
        else [f"{one.kind} {one.name} is left out" for one in loading.source.objects]
    )
    names = tuple(f"{one.kind} {one.name}" for one in objects)
    loaded = Loaded(outcomes, names, (*notes, *left))
    if loading.commit:
        loading.prepared(loaded)
        connection.commit()
    else:
        connection.rollback()
    return loaded


def _one(connection: Connection, task: _Task, loading: Loading, notes: list[str]) -> TableOutcome:
    target = task.target if task.made is None else as_made(connection, task.target)
    stored = [column.name for column in task.incoming.declared.stored]
    columns = [column for name in stored if (column := target.column(name)) is not None]
    into = task.name if task.made is not None else _staged(connection, target)
    inserter = Inserter(connection, target, into, columns)
    rows = inserter.take(task.incoming, loading.progress)
    if inserter.negative_zeros:
        notes.append(f"{task.name}: MySQL has no negative zero, {inserter.negative_zeros} of them became 0")
    if task.made is not None:
        return TableOutcome(task.name, created_table=True, inserted=rows)
    return _merged(connection, target, into, columns, loading.mode)


def _merged(
    connection: Connection, target: DeclaredTable, stage: str, columns: Sequence[DeclaredColumn], mode: Mode
) -> TableOutcome:
    try:
        outcome = merge(connection, target, stage, columns, mode)
    except pymysql.err.MySQLError as exc:
        number, cause = error_parts(exc)
        if number not in REFUSED:
            raise
        raise DataError(f"rows of `{target.name}` cannot be written", cause=cause, hint="nothing was written") from exc
    run(connection, f"DROP TEMPORARY TABLE {quote(stage)}")
    return outcome


def _staged(connection: Connection, table: DeclaredTable) -> str:
    """An empty copy that only this connection sees; a full-text index cannot be copied, then only the key is."""
    stage = f"{STAGE}_{table.name}"[:64]
    try:
        run(connection, f"CREATE TEMPORARY TABLE {quote(stage)} LIKE {quote(table.name)}")
    except pymysql.err.MySQLError as exc:
        if error_parts(exc)[0] != _NO_FULLTEXT:
            raise
        key = f" (PRIMARY KEY ({', '.join(map(quote, table.key))}))" if table.key else ""
        names = ", ".join(quote(column.name) for column in table.stored)
        run(connection, f"CREATE TEMPORARY TABLE {quote(stage)}{key} SELECT {names} FROM {quote(table.name)} LIMIT 0")
    return stage


def _check_links(connection: Connection, tasks: Sequence[_Task]) -> None:
    """Every foreign key on either side of which rows were written."""
    written = {task.name: task for task in tasks}
    tables = {**read_tables(connection), **{name: task.target for name, task in written.items()}}
    for table in tables.values():
        for link in table.foreign_keys:
            if table.name in written or link.table in written:
                if link.table not in tables:
                    raise DataError(
                        f"`{table.name}` refers to `{link.table}`, which is not there", hint="import it too"
                    )
                targets = link.targets or tables[link.table].key
                _check_link(connection, table, link.columns, link.table, targets)


def _check_link(
    connection: Connection, table: DeclaredTable, columns: Sequence[str], parent: str, targets: Sequence[str]
) -> None:
    joined = " AND ".join(f"c.{quote(one)} = p.{quote(far)}" for one, far in zip(columns, targets, strict=True))
    filled = " AND ".join(f"c.{quote(one)} IS NOT NULL" for one in columns)
    named = ", ".join(f"c.{quote(name)}" for name in table.key or columns)
    sql = (
        f"SELECT {named} FROM {quote(table.name)} c LEFT JOIN {quote(parent)} p ON {joined}"
        f" WHERE p.{quote(targets[0])} IS NULL AND {filled} LIMIT 1"
    )
    if found := ask(connection, sql):
        key = "/".join(map(str, found[0]))
        raise DataError(
            f"row {key} of `{table.name}` refers to a row of `{parent}` that is not there",
            cause=f"foreign key on {', '.join(columns)}",
            hint="import both tables",
        )


def _finish(connection: Connection, tasks: Sequence[_Task], objects: Sequence[DeclaredObject]) -> None:
    """Marks off, then views and triggers."""
    for task in tasks:
        if task.made is not None:
            comment = (task.incoming.declared.comment or "").replace("\\", "\\\\").replace("'", "''")
            _beside(connection, f"ALTER TABLE {quote(task.name)} COMMENT='{comment}'", f"the comment of `{task.name}`")
    for one in objects:
        _beside(connection, one.sql, f"the {one.kind} `{one.name}`")


def _linked(table: DeclaredTable) -> DeclaredTable:
    """Links that name no columns of the parent mean its key; the parent is here, its key was checked."""
    return replace(table, foreign_keys=tuple(link for link in table.foreign_keys if link.targets))


def _beside(connection: Connection, sql: str, what: str) -> None:
    try:
        run(connection, sql)
    except pymysql.err.MySQLError as exc:
        cause = error_parts(exc)[1]
        raise ReconError(f"all rows are in, but not {what}", cause=cause, hint="create it by hand") from exc
