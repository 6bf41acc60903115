"""A workbench: one reader of the source, one connection to the target, and the tasks done one after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import apsw

from recon_cli.core.errors import ReconError, UnreachableError
from recon_cli.jobs.migrate import tasks
from recon_cli.migration import ddl
from recon_cli.migration.copying import Unit
from recon_cli.migration.plan import LeftOut, MigrationPlan, TablePlan
from recon_cli.migration.profiling import profile_table
from recon_cli.migration.target import Done, Target, build_index
from recon_cli.migration.verifying import Comparison
from recon_cli.stores.bulk.postgres_link import Connection, ask, quote, run

T = TypeVar("T")
_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""A server that restarts is back within half a minute, or it is away."""


class Workbench:
    """Does tasks. A connection that dies is made anew, and its unit done again unless it was finished."""

    def __init__(self, db: apsw.Connection, target: Target | None, told: Callable[[tasks.Advanced], None]) -> None:
        self._db, self._target, self._told = db, target, told
        self._plan: MigrationPlan | None = None
        self._connection: Connection | None = None

    def take(self, plan: MigrationPlan) -> None:
        """The plan that the tasks to come are about."""
        self._plan = plan

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None

    def do(self, task: tasks.Task) -> tasks.Ended:
        """One task.

        Raises:
            ReconError: it cannot be done.
        """
        if isinstance(task, tasks.Profile):
            return tasks.Profiled(task, profile_table(self._db, task.table, task.rowid, task.span, quick=task.quick))
        if isinstance(task, tasks.Copy):
            return self._copy(task)
        if isinstance(task, tasks.Build):
            return self._build(task)
        if isinstance(task, tasks.Measure):
            return self._measure(task)
        return self._compare(task)

    def _table(self, name: str) -> TablePlan:
        assert self._plan is not None  # tasks about tables come after the plan
        return next(table for table in self._plan.tables if table.name == name)

    def _copy(self, task: tasks.Copy) -> tasks.CopyDone:
        assert self._plan is not None
        assert self._target is not None
        plan, target = self._plan, self._target

        def copy(connection: Connection) -> tuple[int, str]:
            unit = Unit(self._db, target, self._table(task.table), plan.policies, task.span, task.frozen, plan.quick)
            unit.progress = lambda rows: self._told(tasks.Advanced(rows, task.table))
            done = unit.copy(connection)
            return done.rows, json.dumps([len(done.rejects), done.damage])

        return copy_done(task, self._unit(task.unit, copy))

    def _build(self, task: tasks.Build) -> tasks.BuildDone:
        assert self._target is not None
        target = self._target

        def build(connection: Connection) -> tuple[int, str]:
            found = build_index(connection, target, self._table(task.table), task.what)
            return 0, json.dumps([[one.item, one.reason, one.hint] for one in found])

        return build_done(task, self._unit(task.unit, build))

    def _measure(self, task: tasks.Measure) -> tasks.Measured:
        assert self._target is not None
        analyze = f"ANALYZE {ddl.relation(self._target.aside, self._table(task.table).target)}"
        self._again(lambda _retried: self._on(lambda connection: run(connection, analyze)))
        return tasks.Measured(task)

    def _compare(self, task: tasks.Compare) -> tasks.Compared:
        assert self._plan is not None
        policies, quick = self._plan.policies, self._plan.quick

        def compare(connection: Connection) -> tasks.Compared:
            table = self._table(task.table)
            comparison = Comparison(self._db, connection, task.schema, table, policies, task.skipped, quick)
            return tasks.Compared(task, comparison.compare(task.span))

        return self._again(lambda _retried: self._on(compare))

    def _unit(self, unit: str, act: Callable[[Connection], tuple[int, str]]) -> Done:
        assert self._target is not None
        target = self._target

        def once(*, retried: bool) -> Done:
            def within(connection: Connection) -> Done:
                if retried and (found := _finished(connection, target, unit)):
                    return found
                with connection.transaction():
                    rows, told = act(connection)
                    target.finish(connection, unit, rows, told)
                return Done(unit, rows, told)

            return self._on(within)

        return self._again(lambda retried: once(retried=retried))

    def _again(self, act: Callable[[bool], T]) -> T:
        for tried, wait_s in enumerate((*_WAITS_S, None)):
            try:
                return act(tried > 0)
            except UnreachableError:
                self.close()
                if wait_s is None:
                    raise
                time.sleep(wait_s)
        raise AssertionError("unreachable")

    def _on(self, act: Callable[[Connection], T]) -> T:
        with self._connected() as connection:
            return act(connection)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        assert self._target is not None
        with self._target.link.translated():
            if self._connection is None:
                self._connection = self._target.open()
            try:
                yield self._connection
            except ReconError:
                raise
            except Exception:
                if self._connection.broken:
                    self.close()
                raise


def _finished(connection: Connection, target: Target, unit: str) -> Done | None:
    rows = ask(connection, f"SELECT unit, rows, told FROM {quote(target.aside)}.recon_units WHERE unit = %s", [unit])  # noqa: S608
    return Done(*rows[0]) if rows else None


def copy_done(task: tasks.Copy, done: Done) -> tasks.CopyDone:
    """A finished unit as its answer."""
    rejected, damage = json.loads(done.told)
    return tasks.CopyDone(task, done.rows, rejected, tuple(damage))


def build_done(task: tasks.Build, done: Done) -> tasks.BuildDone:
    """Likewise."""
    return tasks.BuildDone(task, tuple(LeftOut(*one) for one in json.loads(done.told)))
