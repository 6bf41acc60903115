"""Delivery: what became of records that were sent, and what each kind of failure asks for. Pure data and rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum


class Failure(StrEnum):
    """Why a delivery failed, named by what it asks for. Only poison spends an item's attempts."""

    TRANSIENT = "transient"
    """The target does not answer, or asks to be tried again: wait, send the same."""
    THROTTLED = "throttled"
    """Too fast: wait at least as long as the target says."""
    AUTH = "auth"
    """The key is refused: nothing can be sent to this target until somebody mends it."""
    DRIFT = "drift"
    """The table is not what it was: nothing can be sent to this table until somebody mends it."""
    TOO_BIG = "too-big"
    """Too much at once: send less."""
    POISON = "poison"
    """This very content is refused: find which item it is."""


class DeliveryError(Exception):
    """A batch, or one item of it, was not delivered. An adapter raises it; the drain loop catches every one.

    Args:
        failure: what it asks for.
        detail: the other side's words.
        retry_after_s: how long the other side asks to be left alone, where it says so.
        code: the SQLSTATE, or what stands for it, where there is one.
    """

    def __init__(
        self, failure: Failure, detail: str = "", *, retry_after_s: float | None = None, code: str = ""
    ) -> None:
        super().__init__(detail or failure.value)
        self.failure = failure
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.code = code


@dataclass(frozen=True, slots=True)
class Refusal:
    """One item that the target refused, while it took or did not judge the others."""

    failure: Failure
    detail: str = ""
    code: str = ""


TOO_SLOW = "57014"
"""A statement that ran out of time: too much for one, or for this server at this moment."""
_STATES = {
    "PGRST204": Failure.DRIFT,
    "PGRST205": Failure.DRIFT,
    "PGRST102": Failure.POISON,
    "42P01": Failure.DRIFT,
    "42P10": Failure.DRIFT,
    "42703": Failure.DRIFT,
    "42501": Failure.AUTH,
    TOO_SLOW: Failure.TOO_BIG,
    "57P01": Failure.TRANSIENT,
    "57P02": Failure.TRANSIENT,
    "57P03": Failure.TRANSIENT,
}
_CLASSES = {
    "08": Failure.TRANSIENT,
    "40": Failure.TRANSIENT,
    "53": Failure.TRANSIENT,
    "28": Failure.AUTH,
    "21": Failure.POISON,
    "22": Failure.POISON,
    "23": Failure.POISON,
    "P0": Failure.POISON,  # a trigger that refuses this row; over REST it is a 400
}
_STATUSES = {
    401: Failure.AUTH,
    403: Failure.AUTH,
    404: Failure.DRIFT,
    408: Failure.TRANSIENT,
    413: Failure.TOO_BIG,
    425: Failure.TRANSIENT,
    429: Failure.THROTTLED,
}
_FIRST_SERVER_ERROR = 500
_FIRST_CLIENT_ERROR = 400


def classify(sqlstate: str = "", status: int | None = None) -> Failure:
    """The failure behind a SQLSTATE (or a PostgREST code) and an HTTP status.

    The SQLSTATE decides where it is known: PostgREST answers 500 for a deadlock and for a statement that ran out of
    time. What nobody knows is taken for transient, since waiting loses nothing and burying might.
    """
    known = _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2])
    if known:
        return known
    if status in _STATUSES:
        return _STATUSES[status]
    if status is not None and _FIRST_CLIENT_ERROR <= status < _FIRST_SERVER_ERROR:
        return Failure.POISON
    return Failure.TRANSIENT


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Seconds from a `Retry-After` header, which holds seconds or a date; None where it holds neither."""
    text = (header or "").strip()
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
