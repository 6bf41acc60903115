"""live: records kept for a server that adds them by the request, carried on in a thread, and those that were missed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ReconError, UsageError
from recon_cli.core.report import Problem
from recon_cli.core.retry import RetryPolicy
from recon_cli.core.search import Book, Query, place_of, token, told
from recon_cli.jobs.record.add import Route, put
from recon_cli.jobs.sync.aliases import Aliases
from recon_cli.jobs.sync.columns import Columns
from recon_cli.jobs.sync.deliver import Delivery
from recon_cli.outbox import moves
from recon_cli.outbox.drain import Drain, Pace
from recon_cli.outbox.item import Placed
from recon_cli.outbox.queue import Outbox
from recon_cli.stores.records.base import Reader, Row
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems.records import Given

LOOK_BACK = timedelta(seconds=10)
"""A transaction that began earlier may be committed later: its rows stand before rows that were seen."""
_FIRST_KEY = "00000000-0000-0000-0000-000000000000"
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of what was given: ids of those in the outbox now, how many were known, and those refused."""

    ids: tuple[str, ...] = ()
    known: int = 0
    refused: tuple[Problem, ...] = ()

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {
            "accepted": len(self.ids),
            "known": self.known,
            "ids": [*self.ids],
            "refused": [one.document() for one in self.refused],
        }


def keep(route: Route, queue: Outbox, given: Iterable[Given]) -> Kept:
    """Put records into the outbox: on the disk when this returns. What is none becomes a dead letter.

    Several threads may keep at the same time; they share one commit.

    Raises:
        ReconError: the disk is full; nothing was taken in.
    """
    done = put(route, queue, given)
    known = sum(place is not Placed.NEW for place in done.placed)
    return Kept(tuple(one.key for one in done.entries), known, tuple(done.problems()))


def carry(
    route: Route, queue: Outbox, stopped: Callable[[], bool], wait: Callable[[], None], heard: Callable[[str], None]
) -> None:
    """Deliver whatever is ready until `stopped`; `wait` is called in between, `heard` with what is amiss, or nothing.

    A target that is away is tried again after longer and longer pauses; nothing is lost by it.
    """
    label = route.target.label
    with closing(open_sink(route.target)) as sink:
        delivery = Delivery(sink, Columns(queue, label), Aliases(queue), route.feed)
        pace = Pace(route.batch_items, items=RetryPolicy(route.retries))
        drain = Drain(queue, label, delivery, pace, random.random, stopped)
        queue.change(lambda db: moves.probe(db, label))
        while not stopped():
            try:
                if queue.has_waiting(label):
                    done = drain.again()
                    heard(done.stopped_by.detail if done.stopped_by is not None else "")
            except ReconError as exc:
                heard(exc.message)
            wait()


def missed(reader: Reader, book: Book, after: str) -> Iterator[list[Row]]:
    """Pages of records that came in after the cursor `after`, and some before it: late ones stand there.

    Raises:
        UsageError: `after` is no cursor.
    """
    since, _key = place_of(after)
    try:
        begin = datetime.fromisoformat(since) - LOOK_BACK
    except (ValueError, OverflowError):
        raise UsageError("this is not a cursor", hint="give `cursor` of the last message") from None
    query = Query(order=book.arrived, limit=_PAGE, after=(told(begin), _FIRST_KEY))
    while True:
        page = list(reader.rows(book, query))
        yield page
        if len(page) < _PAGE:
            return
        query = replace(query, after=(told(page[-1][book.arrived]), str(page[-1][book.key])))


def cursor(book: Book, row: Row) -> str:
    """Where a client goes on that has seen this row."""
    return token((told(row[book.arrived]), str(row[book.key])))
