"""Delivery: items of the outbox become rows of a target, all or nothing, with every refusal in its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from recon_cli.core.catalog import Catalog
from recon_cli.core.delivery import DeliveryError, Failure, Refusal
from recon_cli.core.errors import AuthError, DataError, LockedError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.json_text import loads
from recon_cli.core.landing import Load, Parcel, Shape
from recon_cli.core.ports import Progress, Silent
from recon_cli.jobs.sync.aliases import Aliases
from recon_cli.jobs.sync.columns import Columns
from recon_cli.jobs.sync.intake import MAIN, OPTIONS
from recon_cli.jobs.sync.stash import Stash
from recon_cli.outbox.adopt import ADOPTED
from recon_cli.outbox.item import Item, Letter
from recon_cli.stores.sink.base import Sink
from recon_cli.systems import feed as feeds
from recon_cli.systems import registry
from recon_cli.systems.feed import Feed, Unfit

_KEPT_BACK = "the target refuses this record; its words are kept back, for they may quote it"
_INIT = "`recon sync init` makes it fit, or prints what would"


class Delivery:
    """What `Drain` delivers with.

    Args:
        sink: the target.
        feed: the feed of this sync; items of other feeds that wait for the same target go by their own.
        delivered: told which items the target has, as soon as it has them.
        stash: where values go whose column is gone; None where that pauses the table.
        progress: told how many items the target has got.
        options: by system, what overrides the options that an item was put with.
        columns: what the target had at the last delivery.
        aliases: under which other hashes older programs know a content.
    """

    def __init__(
        self,
        sink: Sink,
        columns: Columns,
        aliases: Aliases,
        feed: Feed | None = None,
        delivered: Callable[[Iterable[str]], None] = lambda _keys: None,
        stash: Stash | None = None,
        progress: Progress | None = None,
        options: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.sink, self.columns, self.delivered, self.stash = sink, columns, delivered, stash
        self.aliases = aliases
        self.options = options or {}
        self.progress = progress or Silent()
        self._sent = 0
        self._feeds: dict[str, Feed] = {}
        if feed is not None:
            self._feeds |= {landing.table: feed for landing in feed.landings()}
        self._shapes: dict[str, dict[str, Shape]] = {}

    def __call__(self, items: Sequence[Item]) -> list[Refusal | None] | None:
        """Deliver items of one table; see `outbox.isolate.Deliver`."""
        feed = self._feed_of(items[0].letter)
        answers: list[Refusal | None] = []
        parcels: list[Parcel] = []
        for item in items:
            found = feed.parcels(item.letter.table, item.letter.payload, self._meta(item.letter))
            if isinstance(found, Unfit):
                answers.append(Refusal(Failure.POISON, f"{found.reason}: {found.detail}".rstrip(": ")))
            else:
                answers.append(None)
                parcels += found
        self._write(feed, parcels)
        done = [one.letter.key for one, answer in zip(items, answers, strict=True) if answer is None]
        self.delivered(done)
        self._sent += len(done)
        self.progress.update(self._sent, note="delivered")
        return answers if any(answers) else None

    def _meta(self, letter: Letter) -> Mapping[str, str]:
        """An older service's record goes by the hash of its file, if that was put before."""
        if ADOPTED not in letter.meta:
            return letter.meta
        file_hash = self.aliases.of(letter.meta.get(feeds.HASH, ""))
        return {**letter.meta, feeds.HASH: file_hash} if file_hash else letter.meta

    def _write(self, feed: Feed, parcels: Sequence[Parcel]) -> None:
        if not parcels:
            return
        try:
            loads = self._loads(feed, parcels)
            if self.stash is not None:
                self.stash.keep(self.sink.url, loads)
            self.sink.write(loads)
        except DeliveryError as exc:
            raise self._explained(feed, exc) from exc

    def _loads(self, feed: Feed, parcels: Sequence[Parcel]) -> list[Load]:
        shapes = self._shapes_of(feed)
        by_table: dict[str, list[Parcel]] = {landing.table: [] for landing in feed.landings()}
        for parcel in parcels:
            by_table.setdefault(parcel.record.table, []).append(parcel)
        missing = [table for table, found in by_table.items() if found and table not in shapes]
        if missing:
            self._shapes.pop(feed.table, None)
            raise DeliveryError(Failure.DRIFT, f"the target has no table `{missing[0]}`; {_INIT}")
        return [Load.of(shapes[table], found) for table, found in by_table.items() if found]

    def _shapes_of(self, feed: Feed) -> Mapping[str, Shape]:
        """What the target takes, asked of it once, and again after it changed."""
        if feed.table not in self._shapes:
            catalog = _catalog(self.sink)
            blocking = [fault for fault in feed.faults(catalog) if fault.blocks]
            if blocking:
                told = blocking[0].problem()
                raise DeliveryError(Failure.DRIFT, f"{told.item}: {told.reason}: {blocking[0].why}; {_INIT}")
            shapes = {shape.table: shape for shape in feed.shapes(catalog)}
            for shape in shapes.values():
                self._compare(shape)
            self._shapes[feed.table] = shapes
        return self._shapes[feed.table]

    def _compare(self, shape: Shape) -> None:
        """A table that lost a column is paused, unless its values are put aside."""
        lost = self.columns.lost(shape)
        if lost and self.stash is None:
            hint = "`--on-drift stash` goes on without it"
            raise DeliveryError(Failure.DRIFT, f"`{shape.table}` lost its column `{lost[0]}`; {_INIT}, {hint}")

    def _explained(self, feed: Feed, error: DeliveryError) -> DeliveryError:
        """A refusal that is the table's fault and not the row's pauses the table; no row pays for it.

        What a server says of a row of a private table is kept back: it quotes it.
        """
        if error.failure in {Failure.POISON, Failure.TOO_BIG} and any(one.private for one in feed.landings()):
            detail = f"{error.code or error.failure.value}: {_KEPT_BACK}"
            error = DeliveryError(error.failure, detail, retry_after_s=error.retry_after_s, code=error.code)
        fault = feed.explained(error.code, error.detail) if error.code else None
        if fault is None and error.failure is not Failure.DRIFT:
            return error
        self._shapes.pop(feed.table, None)
        detail = fault.why if fault is not None else error.detail
        detail = detail if _INIT in detail else f"{detail}; {_INIT}"
        return DeliveryError(Failure.DRIFT, detail, retry_after_s=error.retry_after_s, code=error.code)

    def _feed_of(self, letter: Letter) -> Feed:
        if letter.table not in self._feeds:
            feed = _found(letter, self.options)
            self._feeds[letter.table] = feed
        return self._feeds[letter.table]


def _found(letter: Letter, options: Mapping[str, Mapping[str, str]]) -> Feed:
    """The feed that an item's `meta` names; else the one whose usual table it is."""
    try:
        if feeds.SYSTEM in letter.meta:
            system = letter.meta[feeds.SYSTEM]
            given = {**loads(letter.meta.get(OPTIONS, "{}")), **options.get(system, {})}
            return registry.feed(system, letter.meta.get(MAIN, letter.table), options=given)
        for name in registry.feed_names():
            feed = registry.feed(name)
            if letter.table in {landing.table for landing in feed.landings()}:
                return feed
    except ReconError as exc:
        raise DeliveryError(Failure.DRIFT, f"{exc.message}: {exc.cause or exc.hint or ''}") from exc
    raise DeliveryError(Failure.DRIFT, f"no system is known for the table `{letter.table}`")


def _catalog(sink: Sink) -> Catalog:
    """What the target declares; what keeps us from asking, in its class."""
    try:
        return sink.catalog()
    except AuthError as exc:
        raise DeliveryError(Failure.AUTH, f"{told(exc)}; {exc.hint}" if exc.hint else told(exc)) from exc
    except (UnreachableError, LockedError) as exc:
        raise DeliveryError(Failure.TRANSIENT, told(exc)) from exc
    except (NotFoundError, DataError) as exc:
        raise DeliveryError(Failure.DRIFT, f"{told(exc)}; {_INIT}") from exc
    except ReconError as exc:
        raise DeliveryError(Failure.TRANSIENT, told(exc)) from exc


def told(error: ReconError) -> str:
    """An error in one line."""
    return f"{error.message}: {error.cause}" if error.cause else error.message
