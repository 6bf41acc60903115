"""The job table: `jobs` and `error_logs` as the reconstruction server has them, in any database SQLAlchemy reaches.

Both vocabularies are read, and a table that is there keeps its own words and columns: what it lacks is not written.
Times are naive UTC, as the server writes them.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    or_,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from recon_cli.core.errors import DataError, GuardError, NotFoundError, ReconError, ToolMissingError, UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.core.states import BEFORE, State, Vocabulary, read, vocabulary, words
from recon_cli.reconstruction.fleet import Fleet, Lease, dismiss, translated

_BUSY_S = 30
_SILENT_MS = 15_000
"""A Postgres that acknowledges nothing for so long is gone."""
_METADATA = MetaData()
# MySQL's own types of these names drop what is below a second, and what is beyond 64 KiB.
_Moment = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_Words = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
JOBS = Table(
    "jobs",
    _METADATA,
    Column("job_id", String(8), primary_key=True),
    Column("pub_key", String(10), unique=True, nullable=False),
    Column("status", String(20), server_default="PENDING"),
    Column("step", String(30)),
    Column("progress", Integer),
    Column("created_at", _Moment),
    Column("started_at", _Moment),
    Column("completed_at", _Moment),
    Column("original_resolution", Boolean),
    Column("image_count", Integer),
    Column("iterations", Integer, server_default="10000"),
    Column("gaussian_count", Integer),
    Column("filtered_count", Integer),
    Column("removed_count", Integer),
    Column("file_size_mb", Float),
    Column("error_message", _Words),
    Column("error_stage", String(50)),
    Column("retry_count", Integer, server_default="0"),
    Column("colmap_registered_images", Integer),
    Column("colmap_points", Integer),
    Column("processing_time_seconds", Float),
)
ERRORS = Table(
    "error_logs",
    _METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(8), index=True),
    Column("timestamp", _Moment),
    Column("stage", String(50)),
    Column("error_type", String(100)),
    Column("error_message", _Words),
    Column("traceback", _Words),
)
Index("jobs_created_at_idx", JOBS.c.created_at.desc(), JOBS.c.job_id)
Index("jobs_status_created_at_idx", JOBS.c.status, JOBS.c.created_at.desc(), JOBS.c.job_id)
_NAMES = tuple(JOBS.c.keys())
Cell = str | int | float | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `jobs`. `state` is None where its word is of no known vocabulary."""

    cells: Mapping[str, Cell]

    @property
    def id(self) -> str:
        """The job's id."""
        return str(self.cells["job_id"])

    @property
    def state(self) -> State | None:
        """What its status means."""
        return read(self.cells.get("status"))

    def number(self, name: str) -> float | None:
        """A numeric cell, None where it is empty or the table lacks it."""
        value = self.cells.get(name)
        return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True)
class Failure:
    """What goes into `error_logs`."""

    stage: str
    kind: str
    message: str
    traceback: str


class JobTable:
    """The two tables of one database. Every call is one transaction; several processes may use it at once."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.url = url
        self._engine = engine
        self._lease: Lease | None = None
        self.fleet = Fleet(engine, url)
        with self._reading() as connection:
            self._columns = _columns(connection)
            self.words: Vocabulary = vocabulary(_statuses(connection, self._columns))

    def fenced(self, lease: Lease) -> Self:
        """The same table for one worker and one job: every change is refused (LostError) once the lease is over."""
        other = copy.copy(self)
        other._lease = lease  # noqa: SLF001  our own
        return other

    def add(self, cells: Mapping[str, Cell], also: Callable[[Connection], None] | None = None) -> None:
        """A new job, waiting; `also` is done in the same transaction.

        Raises:
            DataError: its id or its key is taken.
        """
        row = {"status": State.PENDING.value, "retry_count": 0, **cells}
        try:
            with self._writing() as connection:
                connection.execute(JOBS.insert().values(self._known(row)))
                if also is not None:
                    also(connection)
        except IntegrityError as exc:
            raise DataError(f"a job {cells['job_id']} is there already", cause=str(exc.orig)) from exc

    def get(self, job_id: str) -> Row:
        """One job.

        Raises:
            NotFoundError: it is not in the table.
        """
        with self._reading() as connection:
            found = connection.execute(self._select().where(JOBS.c.job_id == job_id)).mappings().first()
        if found is None:
            hint = "`recon job list` shows what there is; `recon job rebuild` finds jobs by their folders"
            raise NotFoundError(f"no job {job_id}", hint=hint)
        return Row(dict(found))

    def of_key(self, pub_key: str) -> Row:
        """The job that a public key belongs to.

        Raises:
            NotFoundError: none.
        """
        with self._reading() as connection:
            found = connection.execute(self._select().where(JOBS.c.pub_key == pub_key)).mappings().first()
        if found is None:
            raise NotFoundError("no job has this key")
        return Row(dict(found))

    def all(self) -> list[Row]:
        """Every job, the newest first."""
        return self.page()

    def page(
        self, state: State | None = None, *, limit: int | None = None, offset: int = 0, oldest_first: bool = False
    ) -> list[Row]:
        """Some jobs, of one state where one is named; the newest first, those of one moment by their ids."""
        chosen = self._select().limit(limit).offset(offset or None)
        if state is not None:
            chosen = chosen.where(JOBS.c.status.in_(words(state)))
        if "created_at" in self._columns:
            chosen = chosen.order_by(JOBS.c.created_at if oldest_first else JOBS.c.created_at.desc())
        with self._reading() as connection:
            return [Row(dict(row)) for row in connection.execute(chosen.order_by(JOBS.c.job_id)).mappings()]

    def counts(self) -> Counter[State | None]:
        """How many jobs are in which state; None for words of no known vocabulary."""
        chosen = JOBS.select().with_only_columns(JOBS.c.status, func.count()).group_by(JOBS.c.status)
        found: Counter[State | None] = Counter()
        with self._reading() as connection:
            for word, number in connection.execute(chosen):
                found[read(word)] += number
        return found

    def since(self, moment: datetime) -> list[Row]:
        """Jobs that were made or ended at a moment (naive, UTC) or after it."""
        times = [JOBS.c[name] for name in ("created_at", "completed_at") if name in self._columns]
        if not times:
            return []
        with self._reading() as connection:
            chosen = self._select().where(or_(*(one >= moment for one in times)))
            return [Row(dict(row)) for row in connection.execute(chosen).mappings()]

    def waiting(self) -> list[Row]:
        """Jobs that wait, in the order of their turn: the oldest first."""
        chosen = self._select().where(JOBS.c.status.in_(words(State.PENDING)))
        with self._reading() as connection:
            found = [Row(dict(row)) for row in connection.execute(chosen).mappings()]
        return sorted(found, key=lambda row: (str(row.cells.get("created_at")), row.id))

    def errors(self, job_id: str) -> list[Mapping[str, Cell]]:
        """The error log of a job, oldest first."""
        with self._reading() as connection:
            chosen = ERRORS.select().where(ERRORS.c.job_id == job_id).order_by(ERRORS.c.id)
            return [dict(row) for row in connection.execute(chosen).mappings()]

    def move(
        self,
        job_id: str,
        to: State,
        cells: Mapping[str, Cell] | None = None,
        failure: Failure | None = None,
        also: Callable[[Connection], None] | None = None,
        only: Collection[State] = tuple(State),
    ) -> None:
        """Change a job's state, with other cells and its error, and what `also` does, all or nothing.

        `only` may narrow down the states that it may come from.

        Raises:
            NotFoundError: no such job.
            GuardError: its state does not allow it; nothing is changed.
        """
        before = [word for state in BEFORE[to].intersection(only) for word in words(state)]
        values = self._known({**(cells or {}), "status": self.words.word(to)})
        with self._writing() as connection:
            allowed = (JOBS.c.job_id == job_id) & JOBS.c.status.in_(before)
            done = connection.execute(JOBS.update().where(allowed).values(values))
            if done.rowcount and failure is not None:
                connection.execute(ERRORS.insert().values(_error(job_id, failure)))
            if done.rowcount and also is not None:
                also(connection)
        if not done.rowcount:
            state = self.get(job_id).cells.get("status")
            raise GuardError(f"job {job_id} is {state} and cannot become {to.value}")

    def note(self, job_id: str, cells: Mapping[str, Cell]) -> None:
        """Change cells of a job, whatever its state."""
        known = self._known(cells)
        if known:
            with self._writing() as connection:
                connection.execute(JOBS.update().where(JOBS.c.job_id == job_id).values(known))

    def delete(self, job_id: str) -> None:
        """Take a job and its errors out of the tables."""
        ours = self.fleet.ready()
        with self._writing() as connection:
            connection.execute(ERRORS.delete().where(ERRORS.c.job_id == job_id))
            connection.execute(JOBS.delete().where(JOBS.c.job_id == job_id))
            if ours:
                dismiss(connection, job_id)

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def _select(self) -> Any:  # noqa: ANN401  a select of SQLAlchemy, whose type depends on its columns
        return JOBS.select().with_only_columns(*(JOBS.c[name] for name in _NAMES if name in self._columns))

    def _known(self, cells: Mapping[str, Cell]) -> dict[str, Cell]:
        return {name: value for name, value in cells.items() if name in self._columns}

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._engine, self.url), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._engine, self.url), self._engine.begin() as connection:
            if self._lease is not None:
                self._lease.check(connection)
            yield connection


def open_table(place: Place) -> JobTable:
    """The job table at `place`; the two tables are made where they are missing.

    Raises:
        ToolMissingError: the driver is not installed.
        UnreachableError, ReconError: the database cannot be reached or used.
        DataError: there is a table `jobs`, and it is another application's.
    """
    engine = _engine(place)
    try:
        with engine.begin() as connection:
            _METADATA.create_all(connection)
    except DBAPIError as exc:
        kind = ReconError if engine.dialect.name == "sqlite" else UnreachableError
        raise kind(f"the job table {redact(place.url)} cannot be opened", cause=str(exc.orig).strip()) from exc
    return JobTable(engine, place.url)


def now() -> datetime:
    """The moment, as the table has times: naive, UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _engine(place: Place) -> Engine:
    url = place.url.replace("postgresql://", "postgresql+psycopg://").replace("postgres://", "postgresql+psycopg://")
    url = url.replace("mysql://", "mysql+pymysql://").replace("mariadb://", "mysql+pymysql://")
    secret = place.secret()
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=_arguments(url, secret))
    except (NoSuchModuleError, ModuleNotFoundError) as exc:
        extra = "mysql" if url.startswith("mysql") else "postgres"
        hint = f"run `pip install 'recon-cli[{extra}]'`"
        raise ToolMissingError(f"no driver for {redact(place.url)}", cause=str(exc), hint=hint) from exc
    except SQLAlchemyError as exc:
        raise DataError(f"{redact(place.url)} is not a database URL", cause=str(exc)) from exc
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _arguments(url: str, secret: str | None) -> dict[str, object]:
    if url.startswith("sqlite"):
        return {"timeout": _BUSY_S}
    given: dict[str, object] = {} if secret is None else {"password": secret}
    return {"connect_timeout": 10, "tcp_user_timeout": _SILENT_MS, **given} if "+psycopg" in url else given


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401  a sqlite3 connection behind SQLAlchemy's
    """Transactions are begun by us (`BEGIN IMMEDIATE`): a reader that becomes a writer would meet a locked file."""
    connection.isolation_level = None


def _columns(connection: Connection) -> frozenset[str]:
    found = frozenset(str(one["name"]) for one in inspect(connection).get_columns("jobs"))
    if not {"job_id", "pub_key", "status"} <= found:
        raise DataError(
            "the table `jobs` is not a reconstruction server's",
            cause=f"it has {', '.join(sorted(found))}",
            hint="name another database with `[reconstruct] store`",
        )
    return found


def _statuses(connection: Connection, columns: frozenset[str]) -> Sequence[str]:
    chosen = JOBS.select().with_only_columns(JOBS.c.status).distinct()
    return [str(word) for (word,) in connection.execute(chosen)] if "status" in columns else []


def _error(job_id: str, failure: Failure) -> dict[str, Cell]:
    return {
        "job_id": job_id,
        "timestamp": now(),
        "stage": failure.stage[:50],
        "error_type": failure.kind[:100],
        "error_message": failure.message,
        "traceback": failure.traceback or None,
    }
