"""The fleet: which worker has which job, beside the job table of one Postgres, in the schema `recon_worker`.

A worker holds a job by a row of `runs` that it keeps fresh. Every taking counts the `epoch` up, and whatever a worker
writes about a job is written in a transaction that first locks that row and finds its own epoch in it: who was taken
for dead and comes back writes nothing. Only the server's clock is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from recon_cli.core.errors import LockedError, ReconError, UnreachableError
from recon_cli.core.place import redact

SCHEMA = "recon_worker"
ANY, GPU = "any", "gpu"
TABLES = f"""
CREATE TABLE IF NOT EXISTS {SCHEMA}.runs (
    job_id varchar(8) PRIMARY KEY,
    pool text NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    worker text,
    since timestamptz,
    seen timestamptz,
    ticket bigint,
    lost integer NOT NULL DEFAULT 0,
    rest_until timestamptz,
    queued timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {SCHEMA}.kept (
    job_id varchar(8) NOT NULL REFERENCES {SCHEMA}.runs ON DELETE CASCADE,
    place integer NOT NULL,
    stage text NOT NULL,
    path text NOT NULL,
    PRIMARY KEY (job_id, place)
);
"""
"""`lost` counts the workers that died with the job since its last finished stage; `kept` says where the files of
finished stages are, in the order of the stages."""


class LostError(LockedError):
    """This worker has the job no more: it was taken for dead, or it gave the job back."""

    slug = "lost"


@dataclass(frozen=True, slots=True)
class Run:
    """A job of the workers: who has it, since when (naive UTC), and how often its worker died of it."""

    job_id: str
    pool: str
    epoch: int
    worker: str | None
    since: datetime | None
    lost: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write about a job: held by a worker, or (`held` false) by whoever saw that nobody has it."""

    job_id: str
    epoch: int
    held: bool = True

    def check(self, connection: Connection) -> None:
        """Lock the job's run for this transaction, and see that it is still ours.

        Raises:
            LostError: it is not.
        """
        words = f"SELECT epoch, worker IS NOT NULL FROM {SCHEMA}.runs WHERE job_id = :job FOR UPDATE"
        found = connection.execute(text(words), {"job": self.job_id}).first()
        if found is None or tuple(found) != (self.epoch, self.held):
            raise LostError(f"job {self.job_id} was taken by another worker", cause=f"its epoch is not {self.epoch}")


class Fleet:
    """What the job table's database knows of workers; in SQLite, or before `recon worker init`: nothing."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self._ready = False

    def ready(self) -> bool:
        """Whether workers may take jobs from this database."""
        if not self._ready and self._engine.dialect.name == "postgresql":
            with translated(self._engine, self._url), self._engine.connect() as connection:
                self._ready = connection.execute(text(f"SELECT to_regclass('{SCHEMA}.runs')")).scalar() is not None
        return self._ready

    def runs(self) -> dict[str, Run]:
        """Every job that is the workers' to run, by id."""
        if not self.ready():
            return {}
        words = f"SELECT job_id, pool, epoch, worker, since AT TIME ZONE 'UTC', lost FROM {SCHEMA}.runs"
        with translated(self._engine, self._url), self._engine.connect() as connection:
            return {row[0]: Run(*row) for row in connection.execute(text(words))}

    def run(self, job_id: str) -> Run | None:
        """One of them; None for a job that is run where it was made."""
        return self.runs().get(job_id) if self.ready() else None

    def kept(self, job_id: str) -> list[tuple[str, str]]:
        """Stages whose files are kept, and where, in their order."""
        words = f"SELECT stage, path FROM {SCHEMA}.kept WHERE job_id = :job ORDER BY place"
        with translated(self._engine, self._url), self._engine.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(text(words), {"job": job_id})]

    def keep(self, lease: Lease, place: int, stage: str, path: str) -> None:
        """Say that a stage's files are kept; what later stages had is forgotten, and so are lost workers.

        Raises:
            LostError: the job is another worker's.
        """
        with translated(self._engine, self._url), self._engine.begin() as connection:
            lease.check(connection)
            named = {"job": lease.job_id, "place": place, "stage": stage, "path": path}
            later = f"DELETE FROM {SCHEMA}.kept WHERE job_id = :job AND place >= :place"
            connection.execute(text(later), named)
            connection.execute(text(f"INSERT INTO {SCHEMA}.kept VALUES (:job, :place, :stage, :path)"), named)
            if place < LAST:
                connection.execute(text(f"UPDATE {SCHEMA}.runs SET lost = 0 WHERE job_id = :job"), named)

    def forget_kept(self, lease: Lease) -> None:
        """The files are home: nothing is kept apart any more. Raises LostError as `keep`."""
        with translated(self._engine, self._url), self._engine.begin() as connection:
            lease.check(connection)
            words = f"DELETE FROM {SCHEMA}.kept WHERE job_id = :job"
            connection.execute(text(words), {"job": lease.job_id})

    def still(self, lease: Lease) -> None:
        """See that a lease holds. Raises LostError where it does not."""
        with translated(self._engine, self._url), self._engine.begin() as connection:
            lease.check(connection)


LAST = 1000
"""The place of what is kept when a run ends: after every stage."""


@contextmanager
def translated(engine: Engine, url: str) -> Iterator[None]:
    """Errors of the database behind the job table, in our words; IntegrityError is the caller's to judge."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as exc:
        kind = ReconError if engine.dialect.name == "sqlite" else UnreachableError
        raise kind(f"the job table {redact(url)} cannot be used", cause=str(exc.orig).strip()) from exc
    except SQLAlchemyError as exc:
        raise ReconError(f"the job table {redact(url)} cannot be used", cause=str(exc)) from exc


def enlist(connection: Connection, job_id: str, pool: str) -> None:
    """Make a job the workers', or give one that was theirs a fresh start; part of a transaction of the job table."""
    words = f"""INSERT INTO {SCHEMA}.runs (job_id, pool) VALUES (:job, :pool)
        ON CONFLICT (job_id) DO UPDATE SET lost = 0, queued = now(), rest_until = NULL, pool = excluded.pool"""
    connection.execute(text(words), {"job": job_id, "pool": pool})


def dismiss(connection: Connection, job_id: str) -> None:
    """Forget a job that is deleted."""
    connection.execute(text(f"DELETE FROM {SCHEMA}.runs WHERE job_id = :job"), {"job": job_id})


def pool_for(trainer: str) -> str:
    """Who may take a job: one that asks for gsplat goes to GPU workers; every other goes to any worker."""
    return GPU if trainer == "gsplat" else ANY
