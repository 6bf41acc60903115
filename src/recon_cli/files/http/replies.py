"""What a server's answers mean: statuses as errors, headers as facts."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPMessage

from recon_cli.core.entry import Incomplete
from recon_cli.core.errors import AuthError, DataError, NotFoundError, ReconError, UnreachableError
from recon_cli.files.walk import LOOK_ABOVE

GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
LATER = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""Statuses after which asking again may help."""


def refusal(status: int, reason: str, label: str) -> ReconError:
    """A status that is no success, as an error."""
    cause = f"{status} {reason}".strip()
    if status in GONE:
        return NotFoundError(f"no {label}", cause=cause, hint=LOOK_ABOVE)
    if status == HTTPStatus.UNAUTHORIZED:
        hint = "put the user into the URL and the password into `password_file`"
        return AuthError(f"{label} asks for a login", cause=cause, hint=hint)
    if status == HTTPStatus.FORBIDDEN:
        return AuthError(
            f"not allowed to read {label}", cause=cause, hint="reach it over `ftp://` or `sftp://` instead"
        )
    if status in LATER:
        return UnreachableError(f"{label} cannot be read now", cause=cause, hint="run again later")
    return DataError(f"unexpected answer for {label}", cause=cause, hint="open the URL in a browser to see what it is")


def reason_for(status: int, reason: str) -> Incomplete:
    """Why a directory could not be listed."""
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} or "permission" in reason.lower():
        return Incomplete.DENIED
    if status in GONE:
        return Incomplete.MISSING
    return Incomplete.CUT if status in LATER else Incomplete.UNPARSED


def modified(headers: HTTPMessage) -> datetime | None:
    """`Last-Modified`, in UTC; None where it is missing or no date."""
    try:
        moment = parsedate_to_datetime(headers.get("Last-Modified", ""))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def length(headers: HTTPMessage) -> int | None:
    """`Content-Length`; None where it is missing, no number, or that of a compressed body."""
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and "Content-Encoding" not in headers else None
