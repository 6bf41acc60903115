"""Reconstruction over HTTP: requests and answers as the reconstruction server has them, and what it lacked."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from recon_cli.core.canonical import Json
from recon_cli.core.errors import NotFoundError, ReconError, UsageError
from recon_cli.core.report import Report
from recon_cli.core.states import State, read
from recon_cli.jobs.reconstruct import changes, start
from recon_cli.ops import atomic
from recon_cli.reconstruction import process, work
from recon_cli.reconstruction.jobtable import Row
from recon_cli.reconstruction.request import PRESETS
from recon_cli.reconstruction.request import Request as Wishes
from recon_cli.web import published, upload
from recon_cli.web.answers import RefusedError
from recon_cli.web.foreman import Foreman
from recon_cli.web.serving import FEWEST_PHOTOS, Fleet, Serving

_LOG_LINES = 10
_PHOTOS = "photos"
_BEGUN = "job"
"""Beside the photos: the id of the job that is made of them for workers."""
_MOST_ITERATIONS, _MOST_GAUSSIANS = 1_000_000, 20_000_000
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


class Made(BaseModel):
    """A job that was taken in."""

    job_id: str
    pub_key: str
    original_resolution: bool
    status: str
    image_count: int
    status_url: str
    queue_position: int | None


class Status(BaseModel):
    """How far a job is."""

    job_id: str
    status: str
    step: str | None
    progress: int | None
    log_tail: list[str]
    created_at: str | None
    started_at: str | None
    completed_at: str | None
    processing_time_seconds: float | None
    image_count: int | None
    gaussian_count: int | None
    file_size_mb: float | None
    queue_position: int | None
    viewer_url: str | None = None
    error: str | None = None
    error_stage: str | None = None


class Jobs(BaseModel):
    """A page of jobs, the newest first."""

    jobs: list[Status]
    total: int


class Turns(BaseModel):
    """Who runs and who waits."""

    running: list[str]
    waiting: list[str]
    running_count: int
    waiting_count: int
    max_concurrent: int


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "original_resolution": {"type": "boolean"},
                        "preset": {"type": "string", "enum": list(PRESETS)},
                        "iterations": {"type": "integer", "minimum": 1, "maximum": _MOST_ITERATIONS},
                        "max_gaussians": {"type": "integer", "minimum": 1, "maximum": _MOST_GAUSSIANS},
                    },
                }
            }
        },
    }
}


def routes(serving: Serving, foreman: Foreman | None) -> APIRouter:
    """`/recon/…` and `/v/…`."""
    router = APIRouter(tags=["reconstruction"])
    _changing(router, serving, foreman)
    _asking(router, serving)
    _published(router, serving)
    return router


def _changing(router: APIRouter, serving: Serving, foreman: Foreman | None) -> None:
    @router.post("/recon/jobs", response_model=Made, openapi_extra=_FORM)
    async def create(request: Request) -> Response:
        """Take photos in, and let them wait for their turn. Options are fields of the form, or stand in the query."""
        made = await _taken_in(serving, request)
        if foreman is not None:
            foreman.took(str(made["job_id"]))
        return JSONResponse(made)

    @router.post("/recon/jobs/{job_id}/cancel")
    def cancel(job_id: str) -> Response:
        """End a job; what it finished is kept."""
        return JSONResponse(changes.cancel(serving.desk, row_of(serving, job_id).id).document())

    @router.post("/recon/jobs/{job_id}/retry")
    def retry(job_id: str) -> Response:
        """Let a job that failed or was cancelled go on."""
        report = again(serving, row_of(serving, job_id).id)
        if foreman is not None:
            foreman.took(job_id)
        return JSONResponse(report.document())

    @router.delete("/recon/jobs/{job_id}")
    def delete(job_id: str) -> Response:
        """Delete a job: its row, its errors, its folder. One that is being run is refused."""
        return JSONResponse(changes.delete(serving.desk, [row_of(serving, job_id).id], dry_run=False).document())


def _asking(router: APIRouter, serving: Serving) -> None:
    @router.get("/recon/jobs", response_model=Jobs)
    def listed(
        status: Annotated[str | None, Query(max_length=20)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
        *,
        oldest_first: Annotated[bool, Query()] = False,
    ) -> Response:
        """Jobs, the newest first unless `oldest_first`; of one state if `status` says so."""
        wanted, table = _state(status), serving.desk.table
        rows = table.page(wanted, limit=limit, offset=offset, oldest_first=oldest_first)
        counts = table.counts()
        order = _order(serving) if any(row.state is State.PENDING for row in rows) else ()
        body = [status_of(serving, row, tail=False, order=order) for row in rows]
        return JSONResponse({"jobs": body, "total": counts.total() if wanted is None else counts[wanted]})

    @router.get("/recon/jobs/{job_id}/status", response_model=Status, response_model_exclude_unset=True)
    def status(job_id: str) -> Response:
        """How far a job is."""
        return JSONResponse(status_of(serving, row_of(serving, job_id)))

    @router.get("/recon/queue", response_model=Turns)
    def queue() -> Response:
        """Who runs, and who waits in which order."""
        return JSONResponse(turns(serving))


def _published(router: APIRouter, serving: Serving) -> None:
    @router.get("/v/{pub_key}", response_class=HTMLResponse)
    def viewer(pub_key: str, request: Request) -> Response:
        """The page that shows a finished job."""
        return published.viewer(serving, pub_key, request.headers)

    @router.get("/recon/pub/{pub_key}/{name}", response_class=Response)
    def file(pub_key: str, name: str, request: Request) -> Response:
        """A published file: `scene.splat`, `cloud.ply` and the others; whole, in part, or not at all if unchanged."""
        return published.file(serving, pub_key, name, request.headers)


def row_of(serving: Serving, job_id: str) -> Row:
    """A job's row.

    Raises:
        RefusedError: there is none, or the word is no id.
    """
    if work.is_id(job_id):
        try:
            return serving.desk.table.get(job_id)
        except NotFoundError:
            pass
    raise RefusedError(404, "Job not found")


def status_of(serving: Serving, row: Row, *, tail: bool = True, order: Sequence[str] | None = None) -> dict[str, Json]:
    """A job as its answer. `order`: who waits, where that was asked already."""
    cells, state = row.cells, row.state
    body: dict[str, Json] = {
        "job_id": row.id,
        "status": serving.word(cells.get("status"), state),
        "step": _text(cells.get("step")),
        "progress": _whole(row, "progress"),
        "log_tail": _log_tail(serving, row) if tail else [],
        **{name: _moment(cells.get(name)) for name in ("created_at", "started_at", "completed_at")},
        "processing_time_seconds": row.number("processing_time_seconds"),
        "image_count": _whole(row, "image_count"),
        "gaussian_count": _whole(row, "gaussian_count"),
        "file_size_mb": row.number("file_size_mb"),
        "queue_position": position(serving, row, order),
    }
    if state is State.DONE:
        body["viewer_url"] = f"/v/{cells['pub_key']}"
    if state in {State.FAILED, State.CANCELLED}:
        body["error"] = _text(cells.get("error_message"))
        body["error_stage"] = _text(cells.get("error_stage"))
    return body


def position(serving: Serving, row: Row, order: Sequence[str] | None = None) -> int | None:
    """The place of a waiting job, from 1."""
    if row.state is not State.PENDING:
        return None
    waiting = _order(serving) if order is None else order
    return waiting.index(row.id) + 1 if row.id in waiting else None


def _order(serving: Serving) -> list[str]:
    return [one.id for one in serving.desk.table.waiting()]


def turns(serving: Serving) -> dict[str, Json]:
    """Who runs, who waits."""
    running = [row.id for row in serving.desk.table.page(State.RUNNING)]
    waiting = _order(serving)
    return {
        "running": [*running],
        "waiting": [*waiting],
        "running_count": len(running),
        "waiting_count": len(waiting),
        "max_concurrent": serving.desk.most,
    }


async def _taken_in(serving: Serving, request: Request) -> dict[str, Json]:
    """Photos onto the disk, then the job with its row; what is refused leaves nothing behind."""
    incoming = serving.desk.root / f"{upload.PART}{secrets.token_hex(8)}"
    folder = incoming / _PHOTOS
    await run_in_threadpool(folder.mkdir, parents=True)
    try:
        declared = request.headers.get("content-length", "")
        size = int(declared) if declared.isdecimal() else 0
        content_type = request.headers.get("content-type", "")
        form = await upload.receive_form(content_type, size, request.receive, folder, serving.limits)
        wanted = _wishes({**request.query_params, **form.fields})
        if len(form.photos) < FEWEST_PHOTOS:
            raise RefusedError(400, f"{len(form.photos)} photos are too few", hint=f"send at least {FEWEST_PHOTOS}")
        return await run_in_threadpool(_made, serving, form, wanted, incoming)
    except ClientDisconnect:
        raise RefusedError(400, "the caller went away") from None
    finally:
        await run_in_threadpool(clear, serving, incoming)


def clear(serving: Serving, incoming: Path) -> None:
    """Take an upload away, and what was made of it for workers, unless that came to a row.

    While table or depot cannot be reached it stays, and the next start decides.
    """
    begun = incoming / _BEGUN
    if serving.fleet is not None and begun.is_file():
        from recon_cli.jobs.worker import submit  # noqa: PLC0415  brings the engine in, an extra

        try:
            submit.abandon(serving.desk, serving.fleet.files, begun.read_text())
        except ReconError as exc:
            serving.told(f"{incoming.name} stays for the next start: {exc.message}")
            return
    shutil.rmtree(incoming, ignore_errors=True)


def _made(serving: Serving, form: upload.Form, wanted: Mapping[str, object], incoming: Path) -> dict[str, Json]:
    request = replace(serving.template, photos=form.folder, **wanted)  # type: ignore[arg-type]  # fields of Request
    start.check(request)
    count = {"image_count": len(form.photos)}
    if serving.fleet is not None:
        job_id = _submitted(serving, serving.fleet, request, incoming / _BEGUN)
        serving.desk.table.note(job_id, count)
    else:
        job_id = start.new(serving.desk, request, form.folder, count).id
    row = serving.desk.table.get(job_id)
    return {
        "job_id": job_id,
        "pub_key": str(row.cells["pub_key"]),
        "original_resolution": request.original_resolution,
        "status": serving.word(row.cells.get("status"), row.state),
        "image_count": len(form.photos),
        "status_url": f"/recon/jobs/{job_id}/status",
        "queue_position": position(serving, row),
    }


def _submitted(serving: Serving, fleet: Fleet, request: Wishes, begun: Path) -> str:
    from recon_cli.jobs.worker import submit  # noqa: PLC0415  as above

    def begins(job: str) -> None:
        atomic.write_file(begun, job.encode())

    return str(submit.submit(serving.desk, fleet.store, fleet.files, request, begins).body["job"])


def again(serving: Serving, job_id: str) -> Report:
    """Let a job wait once more for whoever it waited for before."""
    if serving.fleet is None or serving.desk.table.fleet.run(job_id) is None:
        return changes.again(serving.desk, job_id)
    from recon_cli.jobs.worker import submit  # noqa: PLC0415  as above

    return submit.again(serving.desk, serving.fleet.store, [job_id], dry_run=False)


def _wishes(said: Mapping[str, str]) -> dict[str, object]:
    """Options of a form or a query, checked; what the server does not know is ignored, as it always was."""
    wanted: dict[str, object] = {}
    if said.get("original_resolution"):
        wanted["original_resolution"] = _flag("original_resolution", said["original_resolution"])
    if said.get("preset"):
        if said["preset"] not in PRESETS:
            raise RefusedError(400, "no such preset", hint=f"use one of {', '.join(PRESETS)}")
        wanted["preset"] = said["preset"]
    for name, most in (("iterations", _MOST_ITERATIONS), ("max_gaussians", _MOST_GAUSSIANS)):
        if said.get(name):
            wanted[name] = _number(name, said[name], most)
    return wanted


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise RefusedError(400, f"`{name}` is neither true nor false")
    return text.lower() in _TRUE


def _number(name: str, text: str, most: int) -> int:
    plain = text if text.isascii() and text.isdecimal() and len(text) < len(str(most)) + 1 else "0"
    if not 1 <= int(plain) <= most:
        raise RefusedError(400, f"`{name}` is not a number from 1 to {most}")
    return int(plain)


def _state(word: str | None) -> State | None:
    if not word:
        return None
    state = read(word)
    if state is None:
        raise UsageError("no such state", hint=f"use one of {', '.join(State)}")
    return state


def _log_tail(serving: Serving, row: Row) -> list[Json]:
    if not work.is_id(row.id):
        return []
    here = serving.desk.work(row.id)
    logs: tuple[Path, ...] = (here.log, here.folder / "run.log")
    found = next((path for path in logs if path.is_file()), None)
    return [*process.tail(found, _LOG_LINES).splitlines()] if found else []


def _moment(value: object) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _whole(row: Row, name: str) -> int | None:
    value = row.number(name)
    return None if value is None else int(value)
