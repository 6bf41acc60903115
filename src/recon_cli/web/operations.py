"""Operations over HTTP: is it well, is anything lost or waiting, and the same for Prometheus."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel

from recon_cli import __version__
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ReconError
from recon_cli.jobs import overview as overviews
from recon_cli.jobs import queue as queues
from recon_cli.ops import metrics
from recon_cli.ops.metrics import Gauge
from recon_cli.web.answers import RefusedError
from recon_cli.web.foreman import Foreman
from recon_cli.web.guard import Counted
from recon_cli.web.live import Bulletin
from recon_cli.web.serving import COOKIE, Serving

_ROOM_BYTES = 1 << 28
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_BEGAN = time.time()
_WEEKS_S = 30 * 24 * 3600


class Health(BaseModel):
    """Whether the server lives, and can take work; the reasons why not."""

    live: bool
    ready: bool
    reasons: list[str]
    version: str


def routes(serving: Serving, foreman: Foreman | None, bulletin: Bulletin, counted: Counted) -> APIRouter:
    """`/health`, `/metrics`, `/queue`, `/overview`, `/events`, `/session`."""
    router = APIRouter(tags=["operations"])
    _health(router, serving, foreman)
    _numbers(router, serving, bulletin)
    _session(router, serving)

    @router.get("/metrics", response_class=PlainTextResponse)
    def numbers() -> Response:
        """Gauges for Prometheus."""
        return Response(metrics.render(_gauges(serving, foreman, bulletin, counted)), media_type=_TEXT)

    return router


def _health(router: APIRouter, serving: Serving, foreman: Foreman | None) -> None:
    @router.get("/health", response_model=Health, responses={503: {"model": Health}})
    @router.get("/health/ready", response_model=Health, responses={503: {"model": Health}})
    def health() -> Response:
        """Whether it can take work; 503 with the reasons if not."""
        reasons = list(unready(serving, foreman))
        body = {"live": True, "ready": not reasons, "reasons": reasons, "version": __version__}
        return JSONResponse(body, 503 if reasons else 200)

    @router.get("/health/live", response_model=Health)
    async def live() -> Response:
        """Whether it answers at all."""
        return JSONResponse({"live": True, "ready": True, "reasons": [], "version": __version__})


def _numbers(router: APIRouter, serving: Serving, bulletin: Bulletin) -> None:
    @router.get("/queue")
    def queue() -> Response:
        """The outbox: how much waits, since when, what is dead, who is paused."""
        if not serving.queue.exists():
            return JSONResponse({"schema": "recon.queue/1", "summary": "nothing was ever put", "depth": 0, "dead": 0})
        document = queues.status(serving.queue, serving.clock).document()
        return JSONResponse({name: value for name, value in document.items() if name != "path"})

    @router.get("/overview")
    def overview() -> Response:
        """Everything that the operator's page shows, as one document."""
        return JSONResponse(bulletin.look())

    @router.get("/events", response_class=StreamingResponse)
    async def events() -> Response:
        """The same as server-sent events, again whenever it changes."""
        if bulletin.watchers >= serving.limits.sockets:
            raise RefusedError(503, "too many watchers")
        return StreamingResponse(bulletin.events(), media_type="text/event-stream")


def _session(router: APIRouter, serving: Serving) -> None:
    @router.post("/session", status_code=204, responses={401: {}})
    def session(token: Annotated[str, Form(max_length=1000)], request: Request) -> Response:
        """Change the token for a cookie, so that a browser can write."""
        if not serving.access.is_token(token):
            raise RefusedError(401, "the token is wrong")
        answer = Response(status_code=204)
        secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        cookie = serving.access.cookie
        answer.set_cookie(COOKIE, cookie, max_age=_WEEKS_S, httponly=True, samesite="strict", secure=secure)
        return answer


def unready(serving: Serving, foreman: Foreman | None) -> Iterator[str]:
    """Why no work can be taken."""
    try:
        serving.desk.table.waiting()
    except ReconError as exc:
        yield exc.message
    root = serving.desk.root
    if not os.access(root, os.W_OK):
        yield f"the folder of jobs cannot be written: {root.name}"
    elif shutil.disk_usage(root).free < _ROOM_BYTES:
        yield "the disk is full"
    if foreman is not None and not foreman.alive:
        yield "the worker has ended"
    if foreman is not None and foreman.trouble:
        yield foreman.trouble
    told = overviews.queue(serving.queue, serving.clock).get("trouble")
    if told:
        yield str(told)


def _gauges(serving: Serving, foreman: Foreman | None, bulletin: Bulletin, counted: Counted) -> Iterator[Gauge]:
    told = bulletin.look()
    yield Gauge("recon_up_seconds", time.time() - _BEGAN, help="Since the server began.")
    yield Gauge("recon_ready", float(not list(unready(serving, foreman))), help="Whether it can take work.")
    for status, number in sorted(counted.answers.items()):
        yield Gauge("recon_http_answers", number, {"status": str(status)}, "Answers since the start, by status.")
    yield Gauge("recon_sockets", counted.sockets, help="Open WebSockets.")
    yield Gauge("recon_watchers", bulletin.watchers, help="Pages that watch.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield Gauge("recon_peak_memory_bytes", peak * 1024, help="The most memory that it ever had.")
    yield from _job_gauges(told)
    yield from _drift_gauges(told)
    yield from _queue_gauges(serving)


def _job_gauges(told: dict[str, Json]) -> Iterator[Gauge]:
    jobs, disk = told.get("jobs"), told.get("disk")
    if isinstance(jobs, dict) and isinstance(jobs["counts"], dict):
        for state, number in jobs["counts"].items():
            yield Gauge("recon_jobs", _number(number), {"state": state.lower()}, "Reconstruction jobs by state.")
    if isinstance(disk, dict):
        yield Gauge("recon_disk_free_bytes", _number(disk["free_bytes"]), help="Room where jobs lie.")


def _drift_gauges(told: dict[str, Json]) -> Iterator[Gauge]:
    found = told.get("drift")
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            where = {"table": str(one["name"])}
            yield Gauge("recon_drift", _number(one["amiss"]), where, "What was amiss at the last check.")


def _queue_gauges(serving: Serving) -> Iterator[Gauge]:
    if not serving.queue.exists():
        return
    try:
        yield from queues.numbers(serving.queue, serving.clock)
    except ReconError:
        return  # `recon_ready` says so


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
