"""Records over HTTP: added by the request, durable before the answer, and found again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from recon_cli.core import search as searching
from recon_cli.core.canonical import Json
from recon_cli.core.errors import UsageError
from recon_cli.core.json_text import loads
from recon_cli.jobs.record import live
from recon_cli.jobs.record.live import Kept
from recon_cli.jobs.record.search import document
from recon_cli.outbox.queue import Outbox
from recon_cli.systems.records import Adds, Hints
from recon_cli.web.answers import RefusedError
from recon_cli.web.tellers import Shelf, Teller

_MOST, _PAGE = 1000, 100
_TIMES = frozenset({"captured_at", "timestamp", "at", "일시", "촬영시각", "시간", "time", "elapsed", "경과"})
"""Names under which a reading may say when it was."""
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}, "maxItems": _MOST}]
                }
            }
        },
    }
}


class Accepted(BaseModel):
    """What became of what was sent: in the outbox and on the disk, or refused with a reason."""

    accepted: int
    known: int
    ids: list[str]
    refused: list[dict[str, str]]


class Asked(BaseModel, extra="allow"):
    """A question; what is not named here is a filter."""

    since: str | None = Field(None, max_length=40)
    until: str | None = Field(None, max_length=40)
    text: str = Field("", max_length=200)
    order: str = Field("", max_length=60)
    desc: bool = False
    limit: int = Field(_PAGE, ge=1, le=_MOST)
    after: str | None = Field(None, max_length=300)


class Found(BaseModel):
    """A page of records; `next` is the `after` of the next one."""

    table: str
    records: list[dict[str, object]]
    next: str | None


def routes(tellers: tuple[Teller, ...], queue: Callable[[], Outbox]) -> APIRouter:
    """`/records` and what is below it."""
    router = APIRouter(tags=["records"])

    @router.get("/records")
    def tables() -> Response:
        """What there is, and what can be asked of it."""
        return JSONResponse({"tables": [_described(one) for one in tellers]})

    @router.post("/records/{table}", status_code=201, response_model=Accepted, openapi_extra=_BODY)
    async def add(table: str, request: Request) -> Response:
        """Add one record, or a list of them. What is answered with 201 is on the disk, whatever its target does."""
        teller = _of(tellers, table)
        lines = _lines(await request.body(), datetime.now(UTC))
        kept = await run_in_threadpool(_keep, teller.shelf, queue, lines)
        teller.kept()
        return JSONResponse(kept.document(), 201 if kept.ids else 422)

    @router.get("/records/{table}", response_model=Found)
    def search(table: str, asked: Annotated[Asked, Query()]) -> Response:
        """Find records; every other parameter is a filter of the table, such as `owner` or `number`."""
        teller = _of(tellers, table)
        query = searching.Query(
            teller.shelf.system.asked({name: _plain(str(value)) for name, value in (asked.model_extra or {}).items()}),
            _moment(asked.since, teller.shelf.zone),
            _moment(asked.until, teller.shelf.zone),
            _plain(asked.text),
            asked.order,
            asked.desc,
            asked.limit,
            searching.place_of(_plain(asked.after)) if asked.after else None,
        )
        return JSONResponse(_page(teller, query))

    return router


def _of(tellers: tuple[Teller, ...], table: str) -> Teller:
    found = next((one for one in tellers if table in one.names), None)
    if found is None:
        raise RefusedError(404, "no such table of records", hint="`GET /records` names them")
    return found


def _described(teller: Teller) -> dict[str, Json]:
    book = teller.shelf.system.book
    return {
        "name": teller.shelf.name,
        "table": book.table,
        "system": teller.shelf.system.name,
        "columns": [*book.columns],
        "filters": [*book.equal],
        "orders": [book.moment, *book.orders],
        "listeners": teller.listeners,
        "trouble": teller.trouble or teller.undelivered,
    }


def _lines(raw: bytes, now: datetime) -> list[str]:
    """The records of a body, each as one line of JSON; one that says no time is of now."""
    try:
        body = loads(raw)
        found = [_dated(one, now) for one in (body if isinstance(body, list) else [body])]
        lines = [json.dumps(one, ensure_ascii=False) for one in found]
        "".join(lines).encode()
    except (ValueError, RecursionError) as exc:
        raise RefusedError(400, "the body is not JSON", cause=str(exc)) from exc
    if not found or len(found) > _MOST or not all(isinstance(one, dict) for one in found):
        raise RefusedError(400, f"send an object, or a list of 1 to {_MOST} of them")
    return lines


def _dated(one: object, now: datetime) -> object:
    if not isinstance(one, dict) or _TIMES & {str(name).lower() for name in one}:
        return one
    return {**one, "captured_at": now.isoformat()}


def _keep(shelf: Shelf, queue: Callable[[], Outbox], lines: list[str]) -> Kept:
    if not hasattr(shelf.system, "lines"):
        raise RefusedError(405, f"records of `{shelf.system.name}` are not added one by one")
    hints = Hints(zone=shelf.zone, at=datetime.now(UTC))
    return live.keep(shelf.route, queue(), cast("Adds", shelf.system).lines(lines, hints))


def _page(teller: Teller, query: searching.Query) -> dict[str, Json]:
    book = teller.shelf.system.book
    place = searching.order_of(book, query)
    with closing(teller.reader()) as reader:
        rows = list(reader.rows(book, query))
    more = len(rows) == query.limit
    body: list[Json] = [dict(document(book, row)) for row in rows]
    return {"table": book.table, "records": body, "next": searching.token(place(rows[-1])) if more else None}


def _moment(text: str | None, zone: ZoneInfo | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+") if text.count(" ") == 1 and "+" not in text else text)
        aware = found if found.tzinfo else found.replace(tzinfo=zone or UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError("this is not a time", hint="write it in ISO 8601") from None


def _plain(text: str) -> str:
    if "\0" in text:
        raise UsageError("a NUL is in no record")
    return text
