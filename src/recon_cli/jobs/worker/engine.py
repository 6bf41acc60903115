"""The engine: procrastinate, told what to do. A ticket of its queue is one try at one job; who draws it runs the job.

The engine decides who takes what, wakes who waits, and tells which of its workers stopped breathing. What a job is, and
who may write about it, the job table and `recon_worker.runs` say; a ticket that is lost is written anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
import psycopg_pool
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status

from recon_cli.core.errors import UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.core.states import State, words
from recon_cli.reconstruction.fleet import GPU, SCHEMA

T = TypeVar("T")
TASK = "recon.reconstruct"
_PATH = f'SET search_path TO {SCHEMA}, "$user", public'
_ANSWER_S = 10.0
_GPU_FIRST = 10
_LIVE = [*words(State.PENDING), *words(State.RUNNING)]
_UNHELD = """FROM runs r JOIN jobs j USING (job_id) WHERE r.worker IS NULL AND coalesce(r.rest_until <= now(), true)
    AND (upper(j.status) = ANY(%(live)s) OR EXISTS (SELECT FROM kept k WHERE k.job_id = r.job_id))"""


class Engine:
    """One worker's line to the queue. Every call raises UnreachableError when the server does not answer in time."""

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._name = name
        self._id: int | None = None
        self._app = App(connector=PsycopgConnector(**_connecting(place), configure=_configure, min_size=1, max_size=4))

    async def open(self) -> None:
        """Connect."""
        await self._try(self._app.open_async())

    async def close(self) -> None:
        """Say goodbye, as far as anybody hears it."""
        with suppress(UnreachableError):
            if self._id is not None:
                await self._try(self._app.job_manager.unregister_worker(self._id))
        with suppress(Exception):
            await asyncio.wait_for(self._app.close_async(), _ANSWER_S)

    async def draw(self, queues: Sequence[str]) -> Job | None:
        """The next ticket, which is ours from now on; None where there is none."""
        manager = self._app.job_manager
        if self._id is None:
            self._id = await self._try(manager.register_worker())
        try:
            return await self._try(manager.fetch_job(list(queues), self._id))
        except UnreachableError:
            self._id = None  # what the server has of us is unknown
            raise

    async def put(self, job_id: str, pool: str) -> None:
        """A ticket for a job; one that waits already is enough."""
        with suppress(AlreadyEnqueued):
            await self._try(_ticket(self._app, job_id, pool).defer_async(job=job_id))

    async def tear(self, ticket: int | None) -> None:
        """A ticket has served, or whoever drew it is dead."""
        if ticket is None:
            return
        try:
            await self._try(self._app.job_manager.finish_job_by_id_async(ticket, Status.FAILED, delete_job=True))
        except UnreachableError as exc:
            if not _is_refusal(exc):  # who refuses has no such ticket any more
                raise

    async def stalled(self, seconds: float) -> list[int]:
        """Tickets whose worker is silent for so long; workers silent for four times as long are forgotten."""
        manager = self._app.job_manager
        found = await self._try(manager.get_stalled_jobs(seconds_since_heartbeat=seconds))
        await self._try(manager.prune_stalled_workers(4 * seconds))
        return [one.id for one in found if one.id is not None]

    async def listen(self, queues: Sequence[str], woken: Callable[[], None]) -> None:
        """Call `woken` at every new ticket, for as long as the connection lasts."""

        async def tell(*, channel: str, notification: Any) -> None:  # noqa: ANN401, ARG001  the engine's signature
            woken()

        await self._try(self._app.job_manager.listen_for_jobs(on_notification=tell, queues=queues), within_s=None)

    # What the engine has no notion of: leases with an epoch, by the server's clock.

    async def take(self, job_id: str, worker: str, ticket: int | None) -> int | None:
        """Take a job that nobody has; its new epoch, None where it may not be taken: had, deleted, or all done."""
        found = await self._rows(
            """UPDATE runs r SET epoch = epoch + 1, worker = %(me)s, since = now(), seen = now(), ticket = %(ticket)s
            FROM jobs j WHERE r.job_id = %(job)s AND j.job_id = r.job_id AND r.worker IS NULL
            AND (upper(j.status) = ANY(%(live)s) OR EXISTS (SELECT FROM kept k WHERE k.job_id = r.job_id))
            RETURNING r.epoch""",
            job=job_id,
            me=worker,
            ticket=ticket,
            live=_LIVE,
        )
        return int(found[0]["epoch"]) if found else None

    async def beat(self, worker: str, jobs: Sequence[str]) -> dict[str, int]:
        """Say that we live and run these jobs; those of them that are ours by the server's books, with their epochs."""
        if self._id is not None:
            await self._try(self._app.job_manager.update_heartbeat(self._id))
        rows = await self._rows(
            "UPDATE runs SET seen = now() WHERE worker = %(me)s AND job_id = ANY(%(jobs)s) RETURNING job_id, epoch",
            me=worker,
            jobs=list(jobs),
        )
        return {str(row["job_id"]): int(row["epoch"]) for row in rows}

    async def release(self, job_id: str, epoch: int, *, died: bool, rest_s: float = 0.0) -> bool:
        """Give a job back, to be taken after a rest; False where it is not ours any more.

        `died`: running it killed its process.
        """
        rows = await self._rows(
            """UPDATE runs SET worker = NULL, lost = lost + %(died)s,
                rest_until = now() + make_interval(secs => %(rest)s)
            WHERE job_id = %(job)s AND epoch = %(epoch)s AND worker IS NOT NULL RETURNING job_id""",
            job=job_id,
            epoch=epoch,
            died=int(died),
            rest=rest_s,
        )
        return bool(rows)

    async def expire(self, seconds: float) -> list[dict[str, Any]]:
        """Take jobs from workers that are silent for so long: job_id, epoch, ticket, by (the worker), lost."""
        return await self._rows(
            """WITH dead AS (
                SELECT job_id, worker FROM runs
                WHERE worker IS NOT NULL AND seen < now() - make_interval(secs => %(seconds)s)
                FOR UPDATE SKIP LOCKED)
            UPDATE runs r SET worker = NULL, lost = r.lost + 1 FROM dead d WHERE r.job_id = d.job_id
            RETURNING r.job_id, r.epoch, r.ticket, d.worker AS by, r.lost""",
            seconds=seconds,
        )

    async def astray(self, tries: int) -> list[dict[str, Any]]:
        """Jobs that nobody has, that do not rest, and that want something.

        Columns: job_id, pool, epoch, lost, live (not ended), running, and whether a ticket is out for it.
        """
        return await self._rows(
            f"""SELECT * FROM (SELECT r.job_id, r.pool, r.epoch, r.lost, upper(j.status) = ANY(%(live)s) AS live,
                upper(j.status) = ANY(%(running)s) AS running,
                EXISTS (SELECT FROM procrastinate_jobs t WHERE t.lock = r.job_id AND t.status IN ('todo', 'doing'))
                AS ticket {_UNHELD}) AS found
            WHERE running OR NOT ticket OR (live AND lost >= %(tries)s)""",
            live=_LIVE,
            running=list(words(State.RUNNING)),
            tries=tries,
        )

    async def left(self, queues: Sequence[str]) -> int:
        """How many jobs wait for workers of these queues."""
        query = f"SELECT count(*) AS jobs {_UNHELD} AND r.pool = ANY(%(queues)s)"
        return int((await self._rows(query, live=_LIVE, queues=list(queues)))[0]["jobs"])

    async def _rows(self, query: str, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401  values of any column
        rows: list[dict[str, Any]] = await self._try(self._app.connector.execute_query_all_async(query, **values))
        return rows

    async def _try(self, asked: Awaitable[T], *, within_s: float | None = _ANSWER_S) -> T:
        try:
            async with asyncio.timeout(within_s):
                return await asked
        except AlreadyEnqueued:
            raise
        except (ConnectorException, TimeoutError, psycopg.Error, psycopg_pool.PoolTimeout, OSError) as exc:
            cause = str(exc.__cause__ or exc).strip() or type(exc).__name__
            raise UnreachableError(f"the queue in {redact(self._place.url)} does not answer", cause=cause) from exc


def put(place: Place, job_id: str, pool: str) -> None:
    """A ticket for a job, from a process that is no worker.

    Raises:
        UnreachableError: the server does not answer. The job is not forgotten: any worker writes the ticket anew.
    """
    app = App(connector=SyncPsycopgConnector(**_connecting(place), configure=_configure_sync, min_size=1, max_size=1))
    try:
        with app.open(), suppress(AlreadyEnqueued):
            _ticket(app, job_id, pool).defer(job=job_id)
    except (ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout) as exc:
        cause = str(exc.__cause__ or exc).strip()
        raise UnreachableError(f"the queue in {redact(place.url)} does not answer", cause=cause) from exc


def _ticket(app: App, job_id: str, pool: str) -> Any:  # noqa: ANN401  a deferrer of the engine
    first = _GPU_FIRST if pool == GPU else 0
    return app.configure_task(TASK, queue=pool, lock=job_id, queueing_lock=job_id, priority=first, allow_unknown=True)


def _is_refusal(exc: BaseException | None) -> bool:
    while exc is not None and not isinstance(exc, psycopg.errors.RaiseException):
        exc = exc.__cause__
    return exc is not None


def _connecting(place: Place) -> dict[str, Any]:
    """Connections that notice when the other side is gone."""
    secret = place.secret()
    noticing = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5}
    given = {} if secret is None else {"password": secret}
    arguments = {"application_name": "recon worker", **noticing, **given}
    return {"conninfo": place.url, "kwargs": arguments, "timeout": _ANSWER_S, "reconnect_timeout": 30}


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(_PATH)
    await connection.commit()


def _configure_sync(connection: psycopg.Connection[Any]) -> None:
    connection.execute(_PATH)
    connection.commit()
