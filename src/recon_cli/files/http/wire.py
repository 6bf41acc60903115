"""HTTP/1.1 requests in a pipeline: many are sent before the first answer is read, and answers come in order."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from base64 import b64encode
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from recon_cli.core.errors import ConfigError, UnreachableError
from recon_cli.core.place import Place, redact
from recon_cli.files.cut import Cut

SAFE = "/!$&'()*,;=:@~"
"""What may stand in a path as it is. `+` is quoted: some servers read it as a space."""
BLOCK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask for: a path of raw bytes below the root of the server."""

    method: str
    path: bytes
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, words, headers and the whole body."""

    status: int
    reason: str
    headers: http.client.HTTPMessage
    body: bytes


class Origin:
    """A server: where it is and what every request to it carries."""

    def __init__(self, place: Place) -> None:
        parts = urlsplit(place.url)
        if not parts.hostname:
            raise ConfigError(f"no host in {redact(place.url)}", hint="write it as `https://host/path/`")
        self.host, self.tls = parts.hostname, parts.scheme.lower() == "https"
        self.port = parts.port or (443 if self.tls else 80)
        self.root = unquote_to_bytes(parts.path)
        self.url = redact(place.url)
        self.timeout_s = place.number("timeout_s", 30)
        self.label = place.label
        self._place, self._user = place, unquote(parts.username or "")
        self._shown = parts.netloc.rpartition("@")[2]

    def head(self, request: Request) -> bytes:
        """The request as bytes."""
        lines = [f"{request.method} {quote(request.path, safe=SAFE)} HTTP/1.1", f"Host: {self._shown}"]
        lines += ["User-Agent: recon", "Accept-Encoding: identity", *self._login()]
        lines += [f"{name}: {value}" for name, value in request.headers]
        lines += [f"Content-Length: {len(request.body)}"] if request.body else []
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body

    def _login(self) -> list[str]:
        if not self._user:
            return []
        pair = f"{self._user}:{self._place.secret() or ''}".encode()
        return ["Authorization: Basic " + b64encode(pair).decode("ascii")]

    def connect(self) -> socket.socket:
        """A fresh connection.

        Raises:
            UnreachableError: nobody answers, or its certificate is not trusted.
        """
        try:
            link = socket.create_connection((self.host, self.port), timeout=self.timeout_s)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._wrapped(link) if self.tls else link
        except ssl.SSLCertVerificationError as exc:
            hint = "give the right certificate with `ca_file`"
            raise UnreachableError(f"{self.host} is not trusted", cause=exc.verify_message, hint=hint) from exc
        except OSError as exc:
            cause = "it did not answer in time" if isinstance(exc, TimeoutError) else str(exc)
            hint = f"check host and port, or raise `timeout_s` (now {self.timeout_s:g})"
            raise UnreachableError(f"cannot reach {self.host}:{self.port}", cause=cause, hint=hint) from exc

    def _wrapped(self, link: socket.socket) -> socket.socket:
        try:
            context = ssl.create_default_context(cafile=self._place.text("ca_file") or None)
            if self._place.text("tls_verify", "true").lower() == "false":
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return context.wrap_socket(link, server_hostname=self.host)
        except BaseException:
            link.close()
            raise


class _Kept:
    """Stands in for the socket of an `HTTPResponse`: its reader is shared by all answers and stays open."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.read, self.readinto, self.read1, self.peek = file.read, file.readinto, file.read1, file.peek

    def readline(self, limit: int = -1) -> bytes:
        """A whole line: `http.client` takes headers that end with the connection for complete ones."""
        line = self._file.readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise http.client.RemoteDisconnected("the connection was closed within an answer")
        return line

    def makefile(self, _mode: str) -> _Kept:
        return self

    def flush(self) -> None:
        """Nothing is written here."""

    def close(self) -> None:
        """The next answer is read from the same file."""


class Connection:
    """One connection, made when first used and again after it ended."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._link: socket.socket | None = None
        self._file: io.BufferedReader | None = None

    def send(self, requests: Sequence[Request]) -> None:
        """Send all, without waiting.

        Raises:
            Cut: the connection ended.
            UnreachableError: there is none to be had.
        """
        if self._link is None:
            self._link = self._origin.connect()
            self._file = self._link.makefile("rb")
        try:
            self._link.sendall(b"".join(map(self._origin.head, requests)))
        except OSError as exc:
            self.close()
            raise Cut(exc) from exc

    def response(self, method: str) -> http.client.HTTPResponse:
        """The next answer, up to its headers."""
        if self._file is None:
            raise Cut(EOFError("the server closed the connection"))
        answer = http.client.HTTPResponse(cast("socket.socket", _Kept(self._file)), method=method)
        try:
            answer.begin()
        except (OSError, http.client.HTTPException) as exc:
            self.close()
            raise Cut(exc) from exc
        return answer

    def answer(self, request: Request) -> Answer:
        """The next answer whole."""
        answer = self.response(request.method)
        body = b"".join(self.blocks(answer))
        return Answer(answer.status, answer.reason, answer.headers, body)

    def blocks(self, answer: http.client.HTTPResponse) -> Generator[bytes, None, None]:
        """The body of an answer; closed early, it takes the connection with it."""
        ended = False
        try:
            while block := answer.read(BLOCK_BYTES):
                yield block
            if answer.length:  # `read` with a size does not tell a short body
                raise http.client.IncompleteRead(b"", answer.length)
            ended = not answer.will_close
        except (OSError, http.client.HTTPException) as exc:
            raise Cut(exc) from exc
        finally:
            if not ended:
                self.close()

    def close(self) -> None:
        """End the connection; safe to call twice."""
        if self._file is not None:
            self._file.close()
        if self._link is not None:
            self._link.close()
        self._file = self._link = None


class Pipeline:
    """Many requests over a few connections; each answer comes once, in any order, as far as they can be had."""

    def __init__(self, origin: Origin, connections: int, depth: int = 32) -> None:
        self._connections = [Connection(origin) for _ in range(max(1, connections))]
        self._depth = depth

    @property
    def room(self) -> int:
        """How many requests are worth giving at once."""
        return self._depth * len(self._connections)

    def round(self, requests: Sequence[Request]) -> Iterator[tuple[int, Answer]]:
        """Send what fits into the pipelines and read the answers, each with its request's index.

        Raises:
            Cut: a connection broke before it gave any answer; those that were given stand.
            UnreachableError: no connection can be made.
        """
        share = -(-len(requests) // len(self._connections))
        share = max(1, min(share, self._depth))
        parts = [list(range(start, min(start + share, len(requests)))) for start in range(0, len(requests), share)]
        pairs = list(zip(self._connections, parts, strict=False))
        try:
            for connection, part in pairs:
                connection.send([requests[index] for index in part])
        except (Cut, UnreachableError):
            self.close()  # what was sent on the others would be answered at the wrong time
            raise
        troubles: list[Cut] = []
        for connection, part in pairs:
            trouble = yield from self._read(connection, part, requests)
            troubles += [trouble] if trouble else []
            if trouble is not None and trouble.timed_out:
                self.close()  # a silent server is not waited for once per connection
                break
        if troubles:
            raise troubles[0]

    def _read(
        self, connection: Connection, part: list[int], requests: Sequence[Request]
    ) -> Generator[tuple[int, Answer], None, Cut | None]:
        for place, index in enumerate(part):
            try:
                answer = connection.answer(requests[index])
            except Cut as exc:
                if place == 0:
                    return exc
                self._depth = max(1, self._depth // 2)
                return None  # a server may end a connection after some answers; the rest is asked again
            yield index, answer
        return None

    def close(self) -> None:
        """End all connections."""
        for connection in self._connections:
            connection.close()
