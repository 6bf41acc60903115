"""The ends of a sync: queue, memory and target of one route, open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.errors import ReconError
from recon_cli.core.ports import Progress
from recon_cli.jobs.sync.aliases import Aliases
from recon_cli.jobs.sync.columns import Columns
from recon_cli.jobs.sync.deliver import Delivery
from recon_cli.jobs.sync.intake import Intake
from recon_cli.jobs.sync.route import OnDrift, Route
from recon_cli.jobs.sync.seen import Seen
from recon_cli.jobs.sync.stash import Stash
from recon_cli.ops import paths
from recon_cli.outbox.queue import Outbox
from recon_cli.stores.sink.base import Sink
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems import registry
from recon_cli.systems.feed import Feed


@dataclass(frozen=True, slots=True)
class Ends:
    """A route's queue, memory and target, with what moves between them."""

    route: Route
    queue: Outbox
    seen: Seen
    sink: Sink
    intake: Intake
    delivery: Delivery


def feed_of(route: Route) -> Feed:
    """The rules of a route's files."""
    return registry.feed(
        route.system, route.table, route.pattern, observations=route.observations, options=route.options
    )


@contextmanager
def opened(
    route: Route,
    queue: Outbox,
    state_dir: Path,
    progress: Progress | None = None,
    step: Callable[[str], None] = lambda _name: None,
) -> Iterator[Ends]:
    """A route, ready to run; memory and target are closed at the end, the queue stays the caller's."""
    feed = feed_of(route)
    stash = Stash(queue.path.with_name(queue.path.name + ".stash.jsonl")) if route.on_drift is OnDrift.STASH else None
    with closing(open_sink(route.target)) as sink, closing(_seen(seen_path(state_dir, route), queue)) as seen:
        columns, aliases = Columns(queue, route.target.label), Aliases(queue)
        delivery = Delivery(sink, columns, aliases, feed, seen.delivered, stash, progress)
        yield Ends(route, queue, seen, sink, Intake(route, feed, queue, seen, progress, step), delivery)


def _seen(path: Path, queue: Outbox) -> Seen:
    """The memory; on a full disk in the ballast's place, for without it nothing could leave the queue."""
    try:
        return Seen(path)
    except ReconError:
        if not queue.ballast.drop():
            raise
        return Seen(path)


def seen_path(state_dir: Path, route: Route) -> Path:
    """Where the memory of a route lies."""
    of = f"{route.system}\n{route.root.absolute()}\n{route.target.label}\n{route.target.url}\n{route.table}"
    return state_dir / "sync" / f"{paths.name_of(of)}.db"
