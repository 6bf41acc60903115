"""add: records into the outbox, on disk before anything else, and from there to their table."""

from __future__ import annotations

import hashlib
import random
import secrets
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.delivery import Failure
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.place import Place
from recon_cli.core.ports import Progress
from recon_cli.core.report import Problem, Report
from recon_cli.core.retry import RetryPolicy
from recon_cli.jobs.sync.aliases import Aliases
from recon_cli.jobs.sync.columns import Columns
from recon_cli.jobs.sync.deliver import Delivery, told
from recon_cli.jobs.sync.intake import MAIN
from recon_cli.jobs.sync.run import CODES
from recon_cli.outbox import moves
from recon_cli.outbox.drain import Drain, Drained, Pace
from recon_cli.outbox.item import DeadLetter, Item, Letter, Placed
from recon_cli.outbox.queue import Outbox
from recon_cli.outbox.status import status
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import feed as feeds
from recon_cli.systems.feed import Feed, Refused
from recon_cli.systems.records import Entry, Given

SCHEMA = "recon.record-add/1"
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Route:
    """Whose records go where, and how: `batch_items` at once, `retries` for one that is refused.

    `later` only puts them into the outbox. `resend` sends again what was acknowledged lately: the target lost it.
    """

    target: Place
    feed: Feed
    batch_items: int = 500
    retries: int = 5
    later: bool = False
    resend: bool = False


@dataclass(slots=True)
class Added:
    """What an add did."""

    put: int = 0
    known: int = 0
    refused: int = 0
    unusual: int = 0
    problems: list[Problem] = field(default_factory=list)
    drained: Drained = field(default_factory=Drained)


@dataclass(frozen=True, slots=True)
class Put:
    """A batch that is on disk: what came of each entry, and what was none, which is a dead letter now."""

    entries: list[Entry]
    placed: list[Placed]
    refused: list[Refused]

    def problems(self) -> list[Problem]:
        """What was refused, as a report shows it."""
        return [Problem(one.where, one.why.reason, one.why.detail) for one in self.refused]


def put(route: Route, queue: Outbox, batch: Iterable[Given], again: str = "") -> Put:
    """Put a batch into the outbox, on disk when this returns, and bury what is none. `again` makes known keys new.

    Raises:
        ReconError: the disk is full; nothing of the batch was taken in.
    """
    given = list(batch)
    entries = [one for one in given if isinstance(one, Entry)]
    refused = [one for one in given if isinstance(one, Refused)]
    letters = [_letter(route, one.table, f"{one.key}{again}", one.payload) for one in entries]
    placed = queue.put(letters) if letters else []
    if refused:
        now = queue.clock.now().timestamp()
        dead = [_dead(route, one, now) for one in refused]
        queue.change(lambda db: moves.add_dead(db, dead))
    return Put(entries, placed, refused)


def _letter(route: Route, table: str, key: str, payload: bytes) -> Letter:
    meta = {feeds.SYSTEM: route.feed.name, MAIN: route.feed.table}
    return Letter(route.target.label, table, key, payload, meta)


def _dead(route: Route, one: Refused, now: float) -> DeadLetter:
    key = hashlib.sha256(one.payload).hexdigest()
    return DeadLetter(Item(0, _letter(route, one.table, key, one.payload), now), one.why.reason, one.why.detail, now)


class Adding:
    """One add. Batch by batch: put, which is on disk when it returns, then deliver what can be.

    Args:
        route: what was asked for.
        queue: the outbox.
        progress: told how many items the target has got.
    """

    def __init__(self, route: Route, queue: Outbox, progress: Progress | None = None) -> None:
        self.route, self.queue = route, queue
        self.added = Added()
        self._sink = open_sink(route.target)
        delivery = Delivery(
            self._sink, Columns(queue, route.target.label), Aliases(queue), route.feed, progress=progress
        )
        pace = Pace(route.batch_items, items=RetryPolicy(route.retries))
        self._drain = Drain(queue, route.target.label, delivery, pace, random.random)
        self._round = f"#{secrets.token_hex(4)}" if route.resend else ""
        queue.change(lambda db: moves.probe(db, route.target.label))

    def take(self, batch: Iterable[Given]) -> None:
        """Put a batch, bury what is none, and deliver.

        Raises:
            ReconError: the disk is full; nothing of the batch was taken in.
        """
        kept = put(self.route, self.queue, batch, self._round)
        new = sum(1 for place in kept.placed if place is Placed.NEW)
        self.added.put += new
        self.added.known += len(kept.placed) - new
        self.added.unusual += sum(1 for one in kept.entries if one.notes)
        self.added.refused += len(kept.refused)
        self.added.problems += kept.problems()[: max(0, _SHOWN - len(self.added.problems))]
        if not self.route.later:
            self.added.drained = self.added.drained.and_then(self._drain.again())

    def close(self) -> None:
        """Give the connection back."""
        self._sink.close()


def add(
    route: Route,
    queue: Outbox,
    batches: Iterable[Iterable[Given]],
    problems: Iterable[Problem] = (),
    progress: Progress | None = None,
) -> Report:
    """Add batch after batch, each on disk before the next is asked for.

    Args:
        route: whose records go where.
        queue: the outbox.
        batches: what is added, as it comes.
        problems: files that could not be read; looked at when the last batch is through.
        progress: told how many items the target has got.
    """
    began = queue.clock.monotonic()
    with closing(Adding(route, queue, progress)) as adding:
        for batch in batches:
            adding.take(batch)
        if not route.later:
            adding.take(())
    return _report(route, queue, adding.added, tuple(problems), queue.clock.monotonic() - began)


def would(route: Route, batches: Iterable[Iterable[Given]], problems: Iterable[Problem] = ()) -> Report:
    """What an add would take, found without touching queue or target."""
    added = Added()
    for one in (one for batch in batches for one in batch):
        if isinstance(one, Entry):
            added.put += 1
            added.unusual += bool(one.notes)
            continue
        added.refused += 1
        if added.refused <= _SHOWN:
            added.problems.append(Problem(one.where, one.why.reason, one.why.detail))
    unread = tuple(problems)
    body = _body(route, added, waiting=0, took_s=0.0, unread=len(unread))
    code = ExitCode.PARTIAL if added.refused or unread else ExitCode.DONE
    summary = f"{words.count(added.put, 'record')} to add, {added.refused} refused; nothing was put or sent"
    return Report(SCHEMA, summary, body, problems=(*unread, *added.problems), exit_code=code)


def _report(route: Route, queue: Outbox, added: Added, unread: tuple[Problem, ...], took_s: float) -> Report:
    label = route.target.label
    left = queue.read(lambda db: status(db, queue.path, queue.clock.monotonic()))
    waiting = sum(n for (one, _table), n in left.by_lane.items() if one == label) + left.accounts["spilled"]
    problems = [*unread, *added.problems]
    problems += [
        Problem(f"{one.target} {one.table}".rstrip(), one.failure.value, one.detail)
        for one in left.circuits
        if one.target == label
    ]
    buried = added.drained.buried
    if buried:
        problems.append(Problem(label, "dead letters", f"{buried} given up; `recon queue dead list` has them"))
    hints = ["`recon queue dead list` has what was refused"] if added.refused else []
    hints += ["`recon queue replay` delivers what waits"] if waiting else []
    body = _body(route, added, waiting=waiting, took_s=took_s, unread=len(unread))
    paused = next((one.failure for one in left.circuits if one.target == label), None)
    code = _code(route, added, waiting, paused, unread=bool(unread))
    return Report(SCHEMA, _told(body), body, (), tuple(problems), code, hints=tuple(hints))


def _body(route: Route, added: Added, *, waiting: int, took_s: float, unread: int) -> dict[str, Json]:
    return {
        "system": route.feed.name,
        "table": route.feed.table,
        "target": route.target.label,
        "put": added.put,
        "known": added.known,
        "refused": added.refused,
        "unusual": added.unusual,
        "unread": unread,
        "delivered": added.drained.delivered,
        "buried": added.drained.buried,
        "waiting": waiting,
        "took_s": round(took_s, 3),
    }


def _code(route: Route, added: Added, waiting: int, paused: Failure | None, *, unread: bool) -> ExitCode:
    """What keeps records waiting decides; else whether all were taken. With `later` nothing has to be delivered."""
    stopped = added.drained.stopped_by.failure if added.drained.stopped_by else paused
    if waiting and not route.later:
        return CODES.get(stopped, ExitCode.PARTIAL) if stopped else ExitCode.PARTIAL
    return ExitCode.PARTIAL if added.refused or added.drained.buried or unread else ExitCode.DONE


def _told(body: dict[str, Json]) -> str:
    parts = [f"{body['put']} put", f"{body['delivered']} delivered"]
    parts += [f"{body[name]} {shown}" for name, shown in _SAID.items() if body[name]]
    return f"{body['table']}: {', '.join(parts)} (→ {body['target']}) in {words.seconds(float(str(body['took_s'])))}"


_SAID = {
    "known": "known already",
    "waiting": "waiting",
    "refused": "refused",
    "buried": "given up",
    "unusual": "unusual",
    "unread": "files unread",
}


def unread(where: str, error: ReconError) -> Problem:
    """A file that could not be read, as a report shows it."""
    return Problem(where, error.slug, told(error))
