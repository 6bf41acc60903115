"""Errors as answers: one table from the tree of errors to HTTP, and words that hold no secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive

from recon_cli.core.canonical import Json
from recon_cli.core.errors import (
    AuthError,
    DataError,
    GuardError,
    LockedError,
    NotFoundError,
    ReconError,
    StageError,
    ToolMissingError,
    UnreachableError,
    UsageError,
)
from recon_cli.ops import redact

_STATUS: tuple[tuple[type[ReconError], int], ...] = (
    (UsageError, 400),
    (DataError, 400),
    (AuthError, 502),
    (NotFoundError, 404),
    (GuardError, 409),
    (LockedError, 409),
    (StageError, 409),
    (UnreachableError, 503),
    (ToolMissingError, 501),
)
_LINGER_S, _LINGER_BYTES = 2.0, 1 << 26


class RefusedError(ReconError):
    """A request that is refused with this status."""

    slug = "refused"

    def __init__(self, status: int, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, cause=cause, hint=hint)
        self.status = status


def status_of(error: ReconError) -> int:
    """The HTTP status that an error is answered with."""
    if isinstance(error, RefusedError):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def document(error: ReconError) -> dict[str, Json]:
    """The answer's body: `detail` as FastAPI's own errors have it, and the parts."""
    told = {name: redact.text(str(value)) for name, value in error.document().items() if isinstance(value, str)}
    detail = ": ".join(filter(None, (told.get("message"), told.get("cause"))))
    return {"detail": detail, "error": {"slug": error.slug, "retryable": error.retryable, **told}}


def of_error(error: ReconError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The whole answer."""
    return JSONResponse(document(error), status_of(error), headers)


async def on_error(_request: Request, exc: Exception) -> Response:
    """FastAPI's handler for the tree of errors."""
    assert isinstance(exc, ReconError)
    closing = {"connection": "close"} if status_of(exc) in {408, 413} else None
    return of_error(exc, closing)


def body_of(value: object) -> bytes:
    """JSON as answers have it: letters as they are, no blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


async def swallowed(receive: Receive) -> None:
    """Take in what is still on its way, for a moment: a caller that is cut off while it sends does not read why."""
    left = _LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
