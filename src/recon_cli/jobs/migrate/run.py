"""migrate: plan, copy in parallel, indexes and keys, verify both sides, swap in; or the target is as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.core.errors import GuardError
from recon_cli.core.place import Place
from recon_cli.core.report import Report
from recon_cli.jobs.migrate import finishing, rejects, remembered, tasks
from recon_cli.jobs.migrate.bench import build_done, copy_done
from recon_cli.jobs.migrate.outcome import Outcome, migrated, planned
from recon_cli.jobs.migrate.planning import make_plan, plan_of
from recon_cli.jobs.migrate.request import MigrateRequest, OnExists, Verify
from recon_cli.jobs.migrate.session import Session, opened
from recon_cli.migration import ddl, planfile
from recon_cli.migration.copying import MisjudgedError
from recon_cli.migration.plan import MigrationPlan, TablePlan
from recon_cli.migration.reading import WHOLE, Span, spans
from recon_cli.migration.target import Done, Target
from recon_cli.migration.verifying import Verdict
from recon_cli.ops import atomic
from recon_cli.ops.clock import Clock
from recon_cli.stores.bulk.postgres_link import Connection, run

_SPLIT_ROWS = 60_000
_HANDS = 2
_COMPARE_ROWS = 150_000


def plan_only(source: Place, request: MigrateRequest, plan_out: Path | None, clock: Clock) -> Report:
    """Profile the source and say what a migration would do."""
    began = clock.monotonic()
    with opened(source, None, request.workers) as session:
        plan = make_plan(session, request)
    if plan_out is not None:
        atomic.write_file(plan_out, [planfile.text(plan).encode()])
    return planned(plan, clock.monotonic() - began, plan_out)


def target_of(place: Place, schema: str, source: Place) -> Target:
    """The target, with a schema aside that belongs to this source alone."""
    from recon_cli.jobs.migrate.session import sqlite_of  # noqa: PLC0415  the driver of SQLite comes with it

    return Target(place, schema, str(sqlite_of(source).path.absolute()))


def migrate(source: Place, place: Place, request: MigrateRequest, state_dir: Path, clock: Clock) -> Report:
    """Everything, from looking at the source to the swap.

    Raises:
        GuardError: the target has tables of these names, or cannot hold the text.
        ReconError: and nothing has changed in the target's schema.
    """
    target = target_of(place, request.schema, source)
    try:
        return _once(source, target, request, state_dir, clock, quick=request.plan is None)
    except MisjudgedError as exc:
        request.note(f"{exc.message} ({exc.cause}): looking at every value, and beginning again")
    return _once(source, target, request, state_dir, clock, quick=False)


def _once(
    source: Place, target: Target, request: MigrateRequest, state_dir: Path, clock: Clock, *, quick: bool
) -> Report:
    """One go. A quick plan is made of a large source only; MisjudgedError where it did not hold."""
    with opened(source, target, request.workers) as session, target.connection() as connection:
        target.verify_encoding(connection)
        target.lock(connection)
        plan = plan_of(session, request, quick=quick and session.large)
        return Migration(session, target, plan, request, state_dir, clock).run(connection)


@dataclass
class Migration:
    """One run."""

    session: Session
    target: Target
    plan: MigrationPlan
    request: MigrateRequest
    state_dir: Path
    clock: Clock
    outcome: Outcome = field(init=False)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.monotonic()
        self.outcome = Outcome(self.plan, self.target.link.url, self.request.schema)

    def run(self, connection: Connection) -> Report:
        """Copy, finish, verify, swap; what the same run has brought before is only compared."""
        self._look(connection)
        if self.outcome.there and self.request.on_exists is OnExists.REFUSE and self._brought():
            return self._still_there()
        self._room()
        done = {one.unit: one for one in self._prepared(connection)}
        self.plan = finishing.accepted(connection, self.target, self.plan, self.outcome)
        self.outcome.plan = self.plan
        self.session.hands.take(self.plan)
        self._copy(connection, done)
        connection = self._alive(connection)
        made = finishing.finish(self.session.db, connection, self.target, self.plan, self.outcome)
        self._verify(connection)
        self.outcome.took_s = self.clock.monotonic() - self.began
        if not self.outcome.same:
            self.target.clear(connection)
            return migrated(self.outcome)
        keep_rejects(connection, self.target, self.plan, self.request, self.outcome)
        finishing.swap_in(connection, self.target, self.plan, made, self.request.on_exists, self.outcome)
        self.session.view.end()
        remembered.keep(self.state_dir, self.plan, self.target, self.outcome, self.session)
        self.outcome.took_s = self.clock.monotonic() - self.began
        return migrated(self.outcome)

    def _look(self, connection: Connection) -> None:
        names = [table.target for table in self.plan.included] + [one.target for one in self.plan.objects]
        self.outcome.there = frozenset(self.target.there(connection, names))

    def _brought(self) -> bool:
        """Whether a finished run has brought this very state of the source, and its tables are there."""
        kept = remembered.found(self.state_dir, self.session.path, self.target)
        if kept is None or kept.plan.state != self.plan.state or self.request.restart:
            return False
        if self.plan.quick and not kept.plan.quick:
            raise MisjudgedError("it was brought by a plan of all its values", cause="a sample would say otherwise")
        self.outcome.skipped = kept.skipped
        return {table.target for table in self.plan.included} <= self.outcome.there

    def _still_there(self) -> Report:
        """Running again ends in the same state: everything is compared, nothing is written."""
        self.session.hands.take(self.plan)
        self.outcome.verdicts = compare(self.session, self.plan, self.target.schema, self.request, self.outcome.skipped)
        for name, verdict in self.outcome.verdicts.items():
            self.outcome.count(name, verdict.target_rows, 0, ())
        self.outcome.took_s = self.clock.monotonic() - self.began
        self.outcome.repeated = True
        return migrated(self.outcome)

    def _room(self) -> None:
        """Refuse where the target has something of these names."""
        there = self.outcome.there
        if there and self.request.on_exists is OnExists.REFUSE:
            raise GuardError(
                f"{self.request.schema} of {self.target.link.url} has {', '.join(sorted(there)[:5])} already",
                cause="nothing was changed",
                hint="`--on-exists replace|append|upsert`, or another `--schema`; `recon migrate verify` compares",
            )

    def _prepared(self, connection: Connection) -> Iterable[Done]:
        if self.request.restart:
            self.target.clear(connection)
        done = self.target.prepare(connection, planfile.digest(self.plan))
        self.outcome.resumed = len(done)
        return done

    def _alive(self, connection: Connection) -> Connection:
        """The connection, or a new one where the server was away meanwhile."""
        if not finishing.answers(connection):
            connection = self.target.open()
            self.target.lock(connection)
        return connection

    def _copy(self, connection: Connection, done: dict[str, Done]) -> None:
        left, first = self._todo(connection, done)
        rows = self.outcome.rows

        def more(answer: tasks.Ended) -> Iterator[tasks.Task]:
            """A table's keys and indexes when its last row is in, and its statistics after them."""
            if isinstance(answer, tasks.CopyDone | tasks.BuildDone):
                table = answer.task.table
                left[table] -= 1
                if not left[table] and isinstance(answer, tasks.CopyDone):
                    yield from self._builds(self._table(table), done, left)
                elif not left[table]:
                    yield tasks.Measure(table)

        for answer in self.session.hands.work(first, more):
            if isinstance(answer, tasks.Advanced):
                rows += answer.rows
                self.request.progress.update(rows, self.plan.rows, answer.table)
            elif isinstance(answer, tasks.CopyDone):
                self._count(answer)
            elif isinstance(answer, tasks.BuildDone):
                self.outcome.left_out += answer.left_out

    def _todo(self, connection: Connection, done: dict[str, Done]) -> tuple[dict[str, int], list[tasks.Task]]:
        """How many tasks each table has before the next kind, and those to begin with, the largest table's first."""
        left: dict[str, int] = {}
        first: list[tasks.Task] = []
        for table in sorted(self.plan.included, key=lambda one: -one.size_bytes):
            units = self._units(connection, table, done)
            todo = [unit for unit in units if unit.unit not in done]
            for unit in units:
                if unit.unit in done:
                    self._count(copy_done(unit, done[unit.unit]))
            left[table.name] = len(todo)
            first += todo or self._builds(table, done, left)
        return left, first

    def _table(self, name: str) -> TablePlan:
        return next(one for one in self.plan.included if one.name == name)

    def _count(self, answer: tasks.CopyDone) -> None:
        self.outcome.count(answer.task.table, answer.rows, answer.rejected, answer.damage)

    def _units(self, connection: Connection, table: TablePlan, done: dict[str, Done]) -> list[tasks.Copy]:
        """One unit, or spans of a table that is more than one worker's share: those cannot be frozen."""
        share = sum(one.size_bytes for one in self.plan.included) / (self.request.workers or _HANDS)
        if table.rows < _SPLIT_ROWS or table.size_bytes <= share or not table.rowid:
            return [tasks.Copy(f"copy {table.name}", table.name)]
        create = f"create {table.name}"
        if create not in done:
            with connection.transaction():
                run(connection, ddl.create_table(self.target.aside, table))
                self.target.finish(connection, create, 0)
        parts = spans(self.session.db, table.name, table.rowid, max(_SPLIT_ROWS, table.rows // 8))
        return [tasks.Copy(f"copy {table.name} from {part.first}", table.name, part, frozen=False) for part in parts]

    def _builds(self, table: TablePlan, done: dict[str, Done], left: dict[str, int]) -> list[tasks.Task]:
        """The table's keys and indexes that are missing; its statistics where none is."""
        wanted = [tasks.Build(f"key {table.name}", table.name)] if table.key else []
        wanted += [tasks.Build(f"index {index.name}", table.name, index.name) for index in table.indexes]
        for one in wanted:
            if one.unit in done:
                self.outcome.left_out += build_done(one, done[one.unit]).left_out
        missing: list[tasks.Task] = [one for one in wanted if one.unit not in done]
        left[table.name] = len(missing)
        return missing or [tasks.Measure(table.name)]

    def _verify(self, connection: Connection) -> None:
        if self.request.verify is Verify.VALUES:
            self.outcome.skipped = self.target.rejected_rows(connection) if self.outcome.rejected else {}
            self.outcome.verdicts = compare(
                self.session, self.plan, self.target.aside, self.request, self.outcome.skipped
            )
        elif self.request.verify is Verify.COUNTS:
            self.outcome.verdicts = finishing.counted(connection, self.target.aside, self.plan, self.outcome)


def keep_rejects(
    connection: Connection, target: Target, plan: MigrationPlan, request: MigrateRequest, outcome: Outcome
) -> None:
    """Write the rejects file, if anything was rejected."""
    if not outcome.rejected:
        return
    path = request.rejects_to or Path(f"rejects-{Path(plan.source).stem}.jsonl")
    lines = (f"{line}\n".encode("utf-8", "surrogateescape") for line in target.rejects(connection))
    atomic.write_file(path, [rejects.head(plan, request.schema), *lines])
    outcome.rejects = str(path)


def compare(
    session: Session,
    plan: MigrationPlan,
    schema: str,
    request: MigrateRequest,
    skipped: Mapping[str, Iterable[int]],
) -> dict[str, Verdict]:
    """Every table on both sides, spans of large ones side by side; `skipped` rows were refused."""
    found = {table.name: Verdict(table.name) for table in plan.included}
    todo = [
        tasks.Compare(table.name, schema, part, frozenset(skipped.get(table.name, ())))
        for table in plan.included
        for part in _compared_parts(session, table)
    ]
    for number, answer in enumerate(session.hands.work(todo, lambda _answer: ()), 1):
        if isinstance(answer, tasks.Compared):
            found[answer.task.table].add(answer.verdict)
            request.progress.update(number, len(todo), f"comparing {answer.task.table}")
    return found


def _compared_parts(session: Session, table: TablePlan) -> list[Span]:
    if table.number is None or table.rows < _COMPARE_ROWS:
        return [WHOLE]
    return spans(session.db, table.name, table.rowid, _COMPARE_ROWS)
