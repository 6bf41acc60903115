"""HTTP to a PostgREST server: one kept connection, the key, patience with a server that asks for it, and its errors."""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit

import orjson

from recon_cli.core.errors import AuthError, ConfigError, DataError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.core.retry import RetryPolicy

RETRY = RetryPolicy(retries=4, base_s=0.25, ceiling_s=10)
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_PATIENCE_S = 120.0
_SAFE = "*,.()\"':;@!$/-_~"
_CUT = (OSError, http.client.HTTPException)
_CONNECTING = frozenset({"PGRST000", "PGRST001", "PGRST002", "PGRST003"})
_NOT_LET_IN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_HINTS = {
    "PGRST102": "the rows of one request must have the same columns",
    "PGRST106": "the schema is not exposed; name an exposed one with `schema`",
    "PGRST204": "the column is not there; if it is new, `NOTIFY pgrst, 'reload schema'` lets the server see it",
    "PGRST205": "the table is not there; if it is new, `NOTIFY pgrst, 'reload schema'` lets the server see it",
    "42P01": "the table is not there, or not in an exposed schema",
    "42P10": "the table has no unique constraint on these columns",
    "57014": "the server's statement timeout is too short for this; raise it for the role, or use `postgresql://`",
    "PGRST301": "the key is not one of this server",
    "PGRST303": "the key has expired",
    "42501": "the key's role lacks a grant, or row level security refuses it; the secret (service) key may do it",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for: a table (empty for the root) and the parameters of its query; or a function, to `call`."""

    method: str
    table: str = ""
    query: Sequence[tuple[str, str]] = ()
    prefer: tuple[str, ...] = ()
    body: bytes | None = None
    accept: str = "application/json"
    call: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def total(self) -> int | None:
        """The exact count of a request that preferred one."""
        said = self.headers.get("content-range", "").rpartition("/")[2]
        return int(said) if said.isdigit() else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the server refused, in its own fields; each may be empty."""

    status: int
    code: str = ""
    message: str = ""
    details: str = ""
    hint: str = ""
    retry_after_s: float | None = field(default=None, compare=False)

    @property
    def cause(self) -> str:
        """All of it in one line."""
        said = [part for part in (self.message, self.details, self.hint) if part]
        return " · ".join([f"{self.status} {self.code}".strip(), *said])


class RefusedError(ReconError):
    """The database refused the content of a request (409, a constraint, a value); `refusal` says how."""

    def __init__(self, message: str, refusal: Refusal, hint: str | None) -> None:
        super().__init__(message, cause=refusal.cause, hint=hint)
        self.refusal = refusal


class Wire:
    """One kept connection to one server. Not for several threads at once."""

    def __init__(self, place: Place) -> None:
        scheme, _, rest = place.url.partition("+")
        parts = urlsplit(rest)
        if not parts.hostname or parts.scheme not in {"http", "https"}:
            raise ConfigError(
                f"no host in {redact(place.url)}", hint="write it as `supabase+https://PROJECT.supabase.co`"
            )
        self._tls, self._host = parts.scheme == "https", parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        self._root = parts.path.rstrip("/") or ("/rest/v1" if scheme == "supabase" else "")
        self.url = redact(place.url).partition("?")[0]
        self.timeout_s = place.number("timeout_s", 60)
        self._patience_s = place.number("patience_s", _PATIENCE_S)
        self._place, self._link = place, None
        self._key: str | None = None

    _link: http.client.HTTPConnection | None

    def ask(self, request: Request) -> Answer:
        """A successful answer; what may pass is tried again, so ask for nothing that must not happen twice.

        Raises:
            AuthError: the key is missing, wrong, or its role may not do this.
            NotFoundError: no such table.
            UnreachableError: it does not answer, or is overloaded for longer than the patience lasts.
            RefusedError: the database refuses the content.
        """
        failures, ends = 0, time.monotonic() + self._patience_s
        while True:
            failures += 1
            told = self._try(request)
            if isinstance(told, Answer) and told.status < HTTPStatus.BAD_REQUEST:
                return told
            trouble = self.error(refusal_of(told), request) if isinstance(told, Answer) else told
            if not self._passing(told):
                raise trouble
            asked = retry_after_s(told.headers) if isinstance(told, Answer) else None
            wait_s = max(RETRY.delay_s(failures, jitter=random.random()), asked or 0.0)  # noqa: S311  spreads retries
            if failures > RETRY.retries or time.monotonic() + wait_s > ends:
                raise trouble
            time.sleep(wait_s)

    def _try(self, request: Request) -> Answer | UnreachableError:
        try:
            return self.once(request)
        except UnreachableError as exc:
            return exc

    @staticmethod
    def _passing(told: Answer | UnreachableError) -> bool:
        if isinstance(told, UnreachableError):
            return True
        refusal = refusal_of(told)
        return told.status in _AGAIN and refusal.code not in {"57014", *_final(refusal)}

    def once(self, request: Request) -> Answer:
        """The answer to one try, whatever its status.

        On a kept connection that turns out to be closed the request is sent a second time, so it too must bear that.

        Raises:
            UnreachableError: there is none; whether the request was carried out is not known.
        """
        used = self._link is not None
        try:
            return self._exchange(request)
        except _CUT as exc:
            self.close()
            if used and _idle(exc):  # the server closed a connection that was idle, as servers do
                return self._afresh(request)
            raise self._lost(exc) from exc

    def _afresh(self, request: Request) -> Answer:
        try:
            return self._exchange(request)
        except _CUT as exc:
            self.close()
            raise self._lost(exc) from exc

    def _exchange(self, request: Request) -> Answer:
        if self._link is None:
            self._link = self._connect()
        path = f"{self._root}/{'rpc/' if request.call else ''}{quote(request.table, safe='')}"
        query = urlencode(list(request.query), quote_via=quote, safe=_SAFE)
        self._link.request(request.method, f"{path}?{query}" if query else path, request.body, self._headers(request))
        answer = self._link.getresponse()
        body = answer.read()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, body)

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            link = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout_s)
        else:
            context = ssl.create_default_context(cafile=self._place.text("ca_file") or None)
            link = http.client.HTTPSConnection(self._host, self._port, timeout=self.timeout_s, context=context)
        link.connect()
        link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def _headers(self, request: Request) -> dict[str, str]:
        if self._key is None:
            self._key = (self._place.secret() or "").strip()
        headers = {"Accept": request.accept, "User-Agent": "recon"}
        headers |= {"apikey": self._key, "Authorization": f"Bearer {self._key}"} if self._key else {}
        headers |= {"Prefer": ", ".join(request.prefer)} if request.prefer else {}
        if schema := self._place.text("schema"):
            headers["Accept-Profile" if request.method in {"GET", "HEAD"} else "Content-Profile"] = schema
        return headers | ({"Content-Type": "application/json"} if request.body is not None else {})

    def _lost(self, exc: Exception) -> UnreachableError:
        if isinstance(exc, ssl.SSLCertVerificationError):
            hint = "give the right certificate with `ca_file`"
            return UnreachableError(f"{self._host} is not trusted", cause=exc.verify_message, hint=hint)
        cause = (
            f"no answer in {self.timeout_s:g} s" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__
        )
        return UnreachableError(f"{self.url} does not answer", cause=cause, hint="check the address, and that it runs")

    def error(self, refusal: Refusal, request: Request) -> ReconError:
        """What a refusal means."""
        status, what = refusal.status, f"`{request.table}` at {self.url}" if request.table else self.url
        hint = _HINTS.get(refusal.code)
        if status in _NOT_LET_IN or refusal.code in {"PGRST301", "PGRST302", "PGRST303"}:
            named = "check the key (`password_file`, for Supabase the secret or service key)"
            return AuthError(f"{what} refuses the login", cause=refusal.cause, hint=hint or named)
        if status == HTTPStatus.NOT_FOUND or refusal.code in {"42P01", "PGRST205", "PGRST106"}:
            named = f"no table {what}" if request.table else f"no database at {what}"
            return NotFoundError(named, cause=refusal.cause, hint=hint or "check the address and the name")
        if (status in _AGAIN and not _final(refusal)) or refusal.code in _CONNECTING:
            waits = f"it asks for {refusal.retry_after_s:g} s of patience; " if refusal.retry_after_s else ""
            return UnreachableError(
                f"{what} cannot answer now", cause=refusal.cause, hint=hint or f"{waits}run again later"
            )
        return RefusedError(f"{what} refuses", refusal, hint)

    def close(self) -> None:
        """End the connection; safe to call twice."""
        if self._link is not None:
            self._link.close()
            self._link = None


def _idle(exc: Exception) -> bool:
    return isinstance(exc, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError)


def _final(refusal: Refusal) -> frozenset[str]:
    """Codes of the database that come with a 500, yet will be the same every time."""
    transient = refusal.code[:2] in {"08", "40", "53", "55", "57", "58"} or not refusal.code
    return frozenset() if transient or refusal.code.startswith("PGRST") else frozenset({refusal.code})


def refusal_of(answer: Answer) -> Refusal:
    """The server's words, wherever the answer comes from (PostgREST, a gateway's JSON, a proxy's page)."""
    after = retry_after_s(answer.headers)
    try:
        body = orjson.loads(answer.body)
    except ValueError:
        text = answer.body[:200].decode("utf-8", "replace").strip()
        return Refusal(answer.status, message=" ".join(text.split()), retry_after_s=after)
    if not isinstance(body, dict):
        return Refusal(answer.status, retry_after_s=after)
    code, message, details, hint = (str(body.get(name) or "") for name in ("code", "message", "details", "hint"))
    return Refusal(answer.status, code, message, details, hint, after)


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """`Retry-After` in seconds, given as seconds or as a date (RFC 9110, section 10.2.3)."""
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        then = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())


def rows_of(answer: Answer, what: str) -> list[dict[str, object]]:
    """The rows of an answer, whole numbers exact.

    Raises:
        DataError: it is something else.
    """
    try:
        rows = orjson.loads(answer.body)
    except ValueError as exc:
        raise DataError(f"the answer for {what} is not JSON", cause=str(exc)) from exc
    if not isinstance(rows, list) or not all(type(row) is dict for row in rows):
        raise DataError(f"the answer for {what} is not a list of rows", hint="check that the address is PostgREST's")
    return rows
