"""What is served, to whom, and how much a caller may send: made once by the command, read by every route."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.core.place import Place
from recon_cli.core.states import State, Vocabulary
from recon_cli.jobs.overview import Watched
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.ops.clock import Clock, SystemClock
from recon_cli.outbox.queue import Outbox
from recon_cli.reconstruction.request import Request
from recon_cli.web.tellers import Shelf

COOKIE = "recon"
FEWEST_PHOTOS = 3
_MEBIBYTE = 1 << 20
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
SHORTEST_TOKEN = 16
"""Letters. Whoever may guess has all the time there is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may send and hold. Sizes in bytes, sides in pixels, times in seconds."""

    most_photos: int = 20
    photo_bytes: int = 30 * _MEBIBYTE
    upload_bytes: int = 500 * _MEBIBYTE
    side_px: int = 100
    body_bytes: int = _MEBIBYTE
    head_bytes: int = 1 << 15
    patience_s: float = 30.0
    sockets: int = 1000
    least_bytes_s: int = 1 << 10
    """An upload slower than this, once `patience_s` has passed, is one that is there to hold the connection."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call. `digest` is of the token, None where none is set; `hosts` are names, lower case, no ports."""

    digest: bytes | None = field(default=None, repr=False)
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    private: bool = False

    @classmethod
    def of(cls, token: str | None, hosts: tuple[str, ...], origins: tuple[str, ...], *, private: bool) -> Access:
        """From settings."""
        named = frozenset(name.lower() for name in hosts) | _LOCAL
        digest = hashlib.sha256(token.encode()).digest() if token else None
        return cls(digest, named, frozenset(one.rstrip("/").lower() for one in origins), private)

    @property
    def cookie(self) -> str:
        """What a browser keeps in place of the token: it follows from it, and does not give it away."""
        return hmac.new(self.digest or b"", b"recon cookie", hashlib.sha256).hexdigest()

    def is_token(self, word: str) -> bool:
        """Whether this is the token; takes as long for a good guess as for a bad one."""
        given = hashlib.sha256(word.encode("utf-8", "surrogateescape")).digest()
        return self.digest is not None and hmac.compare_digest(given, self.digest)

    def is_cookie(self, word: str) -> bool:
        """Whether this is the cookie; likewise."""
        return self.digest is not None and hmac.compare_digest(word.encode(), self.cookie.encode())

    def is_called(self, host: str) -> bool:
        """Whether a Host header means this server. A name of somebody else that leads here (DNS rebinding) does not.

        Addresses do: no page of somebody else can have one of them for its own name.
        """
        name = host_of(host)
        return name in self.hosts or _is_address(name)

    def is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of this origin may call: it is this server's own, or on the list."""
        return origin.lower() in self.origins or origin.lower().partition("://")[2] == host.lower()


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where workers on other machines take jobs from, and find their files."""

    store: Place
    files: Place


def _no_outbox() -> Outbox:
    raise ReconError("there is no outbox", hint="name records with `[records.NAME]`")


@dataclass(frozen=True, slots=True)
class Serving:
    """Everything that routes need.

    With a `fleet` uploads go to its workers. `template` has the wishes of a job that settings make, `crash` keeps what
    nobody expected and gives the words for it, `told` says something to the operator's terminal.
    """

    desk: Desk
    template: Request
    queue: Path
    checks: tuple[Watched, ...] = ()
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    vocabulary: Vocabulary | None = None
    worker: bool = True
    fleet: Fleet | None = None
    shelves: tuple[Shelf, ...] = ()
    outbox: Callable[[], Outbox] = field(default=_no_outbox)
    crash: Callable[[BaseException], str] = field(default=lambda _exc: "unexpected error")
    told: Callable[[str], None] = field(default=lambda _text: None)
    clock: Clock = field(default_factory=SystemClock)

    def word(self, status: object, state: State | None) -> str:
        """A state in the words that answers use: the table's own, unless settings want others."""
        return str(status) if self.vocabulary is None or state is None else self.vocabulary.word(state)


VOCABULARIES: Mapping[str, Vocabulary | None] = {
    "table": None,
    "running": Vocabulary(),
    "processing": Vocabulary("PROCESSING", "COMPLETED"),
}


def host_of(header: str) -> str:
    """The name or address in a Host header, in lower case, without port and brackets."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") <= 1 else text


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
