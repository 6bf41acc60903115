"""Intake: from files to the outbox. The scan is the truth; what was put is on disk before it counts as seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from recon_cli.core.errors import ConfigError, ReconError
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.report import Problem
from recon_cli.files.watched import look as looks
from recon_cli.files.watched.look import Look, Moved
from recon_cli.jobs.sync.aliases import Aliases
from recon_cli.jobs.sync.route import Route
from recon_cli.jobs.sync.seen import Entry, Seen, State, iso
from recon_cli.outbox import moves
from recon_cli.outbox.item import DeadLetter, Item, Letter, Placed
from recon_cli.outbox.queue import BATCH_BYTES, Outbox
from recon_cli.systems import feed as feeds
from recon_cli.systems.feed import Feed, Refused, Sending, Sources, Spot, Unfit

MAIN = "main"
"""In a letter's `meta`: the main table, by which the feed is found again."""
OPTIONS = "options"
"""In a letter's `meta`: the feed's options, as JSON."""
_LOOKED_UP = 500
_OFFLINE_SHARE = 2
_FEW = 4
_MOST_SETTLING = 20_000
_MOST_NOTES = 50


@dataclass(slots=True)
class Taken:
    """What an intake did since it was made. `problems` are those of the last scan."""

    files: int = 0
    put: int = 0
    known: int = 0
    unfit: int = 0
    refused: int = 0
    unchanged: int = 0
    waiting: int = 0
    remarked: int = 0
    notes: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    offline: bool = False


class Settling(NamedTuple):
    """A file that was looked at once, when (monotonic), whose it is, and what was known of it."""

    look: Look
    since: float
    owner: str
    known: Entry | None = None


@dataclass(slots=True)
class _Batch:
    """What is put together."""

    letters: list[Letter] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    unfit: int = 0
    """How many of the dead are whole files."""
    entries: list[Entry] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    size_bytes: int = 0


class Intake:
    """One source's files into one outbox.

    Args:
        route: what was asked for.
        feed: the application's rules.
        queue: where letters go.
        seen: what was put already.
        progress: told how many files were looked at.
        step: told the name of each step before it is done; tests kill the process there.
    """

    def __init__(
        self,
        route: Route,
        feed: Feed,
        queue: Outbox,
        seen: Seen,
        progress: Progress | None = None,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self.route, self.feed, self.queue, self.seen = route, feed, queue, seen
        self.progress = progress or Silent()
        self.step = step
        self.clock = queue.clock
        self._told = {feeds.SYSTEM: feed.name, MAIN: feed.table}
        if route.options:
            self._told[OPTIONS] = json.dumps(dict(route.options), ensure_ascii=False)
        self.aliases = Aliases(queue)
        self.taken = Taken()
        self.settling: dict[str, Settling] = {}
        self.folders: dict[str, int] = {}
        self.listens: Callable[[str], None] = lambda _folder: None
        self._sources: Sources | None = None
        self._standing: tuple[tuple[int, int, int] | None, ...] = ()
        self._absent: set[str] = set()
        self._batch = _Batch()
        self._round = seen.fact("round") or ""
        self.after_put: Callable[[], None] = lambda: None
        """Told of each full batch that is on disk."""
        self.make_room: Callable[[], None] = lambda: None
        """Asked to deliver something where the queue is full, and a put would wait."""

    @property
    def registry(self) -> str:
        """Where the list of sources is, below the root."""
        return self.route.registry or self.feed.registry

    def scan(self) -> None:
        """Look at every file; those that are new, or others than they were, begin to settle.

        Raises:
            UnreachableError: the source is offline.
            ConfigError: the registry cannot be read, and there is none from before.
        """
        self.step("scan")
        self._round = self.seen.fact("round") or ""
        self.taken.problems = []
        self._standing = self._stands()
        sources = self.sources()
        self._absent = {folder for folder in sources.folders if not looks.is_there(self.route.root, folder)}
        self.taken.problems += sources.problems
        self.taken.files = self.taken.unchanged = 0
        for some in _some(self._looks(sources)):
            known = self.seen.known([one for one, _owner in some])
            for one, owner in some:
                self._met(one, owner, known.get(one.path))
            self._make_room()
        self._tell_absent(self.taken.files)

    def sources(self) -> Sources:
        """The sources by the registry as it is now; while it cannot be read, as it was before."""
        folders = looks.names_in(self.route.root)
        try:
            self._sources = self.feed.sources(registry_bytes(self.route, self.feed), folders)
        except ConfigError as exc:
            if self._sources is None:
                raise
            self.taken.problems.append(Problem(self.feed.registry, exc.message, "the one read before still holds"))
        return self._sources

    def settle(self) -> float | None:
        """Read and put what settled; seconds until the next may be, None if nothing settles.

        To read a file is the second look: it has to be what it was at the first, before and after.
        """
        now = self.clock.monotonic()
        due = [path for path, one in self.settling.items() if now - one.since >= self.route.settle_s]
        for path in due:
            self._ready(self.settling.pop(path))
        self.flush()
        left = [one.since + self.route.settle_s - self.clock.monotonic() for one in self.settling.values()]
        return max(0.0, min(left)) if left else None

    def flush(self) -> None:
        """Put what was gathered; when this returns, it is on disk."""
        batch, self._batch = self._batch, _Batch()
        if batch.letters:
            self.aliases.note(batch.aliases)
            self.step("put")
            placed = self._put(batch.letters)
            new = sum(1 for place in placed if place is Placed.NEW)
            self.taken.put += new
            self.taken.known += len(placed) - new
        if batch.dead:
            self.step("bury")
            self.queue.change(lambda db: moves.add_dead(db, batch.dead))
            self.taken.unfit += batch.unfit
            self.taken.refused += len(batch.dead) - batch.unfit
        if batch.entries:
            self.step("mark")
            self.seen.mark(batch.entries)
        if len(batch.letters) >= self.route.batch_items:
            self.after_put()

    def look_into(self, folder: str) -> None:
        """A hint that something is new below a folder: its files begin to settle, if they are ours."""
        if self._sources is None:
            return
        for one in looks.walk(self.route.root, folder, lambda _problem: None, self._met_folder):
            self._hinted(one)

    def _put(self, letters: Sequence[Letter]) -> list[Placed]:
        """Put them; where there is no room for all at once, as many as there is room for, before it says so."""
        if self.queue.is_full():
            self.make_room()
        try:
            return self.queue.put(letters)
        except ReconError as exc:
            if type(exc) is not ReconError or len(letters) == 1:
                raise
            middle = len(letters) // 2
            return [*self._put(letters[:middle]), *self._put(letters[middle:])]

    def look_at(self, path: str) -> None:
        """A hint that a file may have changed."""
        one = looks.again(self.route.root, path)
        if one is not None:
            self._hinted(one)

    def poll(self) -> None:
        """Look into the folders whose time changed since they were listed last, and into those that are new."""
        if self._standing != (stands := self._stands()):
            self._standing = stands
            before = self._sources.folders if self._sources is not None else ()
            self._absent |= set(self.sources().folders) - set(before)
        for folder in looks.changed(self.route.root, self.folders):
            self.look_into(folder)
        for folder in [one for one in self._absent if looks.is_there(self.route.root, one)]:
            self._absent.discard(folder)
            self.look_into(folder)

    def _stands(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What tells that the list of sources may be another: the times of the root and of the registry."""
        return looks.stamp(self.route.root), looks.stamp(self.route.root / self.registry)

    def _met_folder(self, path: str, mtime_ns: int) -> None:
        """Listen before the folder is listed: what is made in between is told then."""
        self.listens(path)
        self.folders[path] = mtime_ns

    def _hinted(self, one: Look) -> None:
        owner = self._owner(self._sources, one.path) if self._sources is not None else None
        if owner is not None:
            self._met(one, owner, self.seen.known([one]).get(one.path))

    def _looks(self, sources: Sources) -> Iterator[tuple[Look, str]]:
        """Every file of ours, once, with its owner."""
        done: set[str] = set()
        inside = nested(sources.folders)
        for folder in sources.folders:
            for one in looks.walk(self.route.root, folder, self.taken.problems.append, self._met_folder):
                if one.path not in done and (owner := self._owner(sources, one.path)) is not None:
                    if inside:
                        done.add(one.path)
                    self.taken.files += 1
                    self.progress.update(self.taken.files, note=one.path)
                    yield one, owner

    def _owner(self, sources: Sources, path: str) -> str | None:
        return sources.owner(path) if self.feed.wants(path) else None

    def _met(self, one: Look, owner: str, entry: Entry | None) -> None:
        if entry is not None and entry.look == one:
            self._met_again(one, owner, entry)
        elif one.path not in self.settling or self.settling[one.path].look != one:
            self.settling[one.path] = Settling(one, self.clock.monotonic(), owner, entry)

    def _met_again(self, one: Look, owner: str, entry: Entry) -> None:
        age_s = self.clock.now().timestamp() - entry.checked
        late = self.route.patience_s if entry.state is State.HALF else self.route.rehash_s
        if entry.state is not State.UNFIT and age_s >= late:
            self.settling.setdefault(one.path, Settling(one, self.clock.monotonic(), owner, entry))
        else:
            self.taken.unchanged += 1
            self.taken.waiting += entry.state is State.HALF

    def _ready(self, settled: Settling) -> None:
        one = settled.look
        spelled = self.feed.spelled(one.path)
        try:
            raw = looks.read(self.route.root, one, self.route.limit_bytes)
        except Moved:
            after = looks.again(self.route.root, one.path)
            if after is not None:
                self.settling[one.path] = settled._replace(look=after, since=self.clock.monotonic())
        except ReconError as exc:
            self.taken.problems.append(Problem(spelled, exc.message, exc.cause or ""))
        else:
            self._read(one, Spot(settled.owner, spelled), raw, settled.known)

    def _read(self, one: Look, spot: Spot, raw: bytes, before: Entry | None) -> None:
        found = self.feed.sending(raw, spot)
        if isinstance(found, Unfit):
            self._unfit(one, spot, raw, found, before)
            return
        put = before if before is not None and before.state is State.PUT else None
        if put is not None and put.hash == found.file_hash:
            self._same(one, spot, raw, found, put)
        else:
            if put is not None:
                self._sighted(spot, put, self.seen.fact("scanned") or put.first_seen)
            now, key = self.clock.now(), self._key(found.key)
            told = (found.file_hash, key, False, iso(now), now.timestamp())
            self._letter(found, Entry(one, State.PUT, spot.source, *told), spot, raw)
        if found.notes:
            self.taken.remarked += 1
            self.taken.notes += found.notes if len(self.taken.notes) < _MOST_NOTES else ()
        self._keep_small(len(raw))

    def _refuse(self, refused: Sequence[Refused]) -> None:
        """Keep rows that give no record apart, as `recon record add` does: each can be mended and sent by itself."""
        now = self.clock.now().timestamp()
        meta = {feeds.SYSTEM: self.feed.name, MAIN: self.feed.table}
        for one in refused:
            key = hashlib.sha256(one.payload).hexdigest()
            letter = Letter(self.route.target.label, one.table, key, one.payload, meta)
            self._batch.dead.append(DeadLetter(Item(0, letter, now), one.why.reason, one.why.detail, now))
        room = max(0, _MOST_NOTES - len(self.taken.problems))
        self.taken.problems += [Problem(one.where, one.why.reason, one.why.detail) for one in refused[:room]]

    def _same(self, one: Look, spot: Spot, raw: bytes, found: Sending, put: Entry) -> None:
        """Read again, and still the same: that it is still there is told; it is sent only if no target has it yet."""
        now = self.clock.now()
        entry = put._replace(look=one, item=self._key(found.key), checked=now.timestamp())
        if put.delivered:
            self._sighted(spot, put, iso(now))
            self._batch.entries.append(entry)
        else:
            self._letter(found, entry, spot, raw)

    def _key(self, key: str) -> str:
        """The identity in the outbox; another one after everything was to be sent again, for it remembers the last."""
        return f"{key}#{self._round}" if self._round else key

    def _letter(self, found: Sending, entry: Entry, spot: Spot, raw: bytes) -> None:
        meta = self._meta(spot) | {feeds.HASH: found.file_hash, feeds.SEEN: entry.first_seen}
        self._batch.letters.append(Letter(self.route.target.label, found.table, entry.item, raw, meta))
        self._batch.entries.append(entry)
        if found.older:
            self._batch.aliases |= dict.fromkeys(found.older, found.file_hash)
        if found.refused:
            self._refuse(found.refused)

    def _sighted(self, spot: Spot, before: Entry, last: str) -> None:
        """Say until when the content that was there before, or still is, was seen."""
        told = self.feed.sighting(spot, before.hash, before.first_seen, max(last, before.first_seen))
        if told is not None:
            table, key, payload = told
            self._batch.letters.append(Letter(self.route.target.label, table, key, payload, self._meta(spot)))

    def _unfit(self, one: Look, spot: Spot, raw: bytes, found: Unfit, before: Entry | None) -> None:
        now = self.clock.now().timestamp()
        again = before is not None and before.state is State.HALF and before.look == one
        since = before.checked if again and before is not None else now
        if found.waits and now - since < self.route.patience_s:
            self._batch.entries.append(Entry(one, State.HALF, spot.source, checked=since))
            self.taken.waiting += 1
            return
        key = f"{spot.source}/{spot.path}/{hashlib.sha256(raw).hexdigest()}"
        letter = Letter(self.route.target.label, self.feed.table, key, raw, self._meta(spot))
        self._batch.dead.append(DeadLetter(Item(0, letter, now), found.reason, found.detail, now))
        self._batch.unfit += 1
        self._batch.entries.append(Entry(one, State.UNFIT, spot.source, item=key, checked=now))
        self.taken.problems.append(Problem(spot.path, found.reason, found.detail))
        self._keep_small(len(raw))

    def _meta(self, spot: Spot) -> dict[str, str]:
        return {**self._told, feeds.SOURCE: spot.source, feeds.PATH: spot.path}

    def _keep_small(self, size_bytes: int) -> None:
        self._batch.size_bytes += size_bytes
        if len(self._batch.entries) >= self.route.batch_items or self._batch.size_bytes >= BATCH_BYTES:
            self.flush()

    def _make_room(self) -> None:
        """Of a great many new files the first are read before the last are looked at: memory stays flat."""
        while len(self.settling) >= _MOST_SETTLING:
            self.clock.sleep(self.settle() or 0.0)

    def _tell_absent(self, met: int) -> None:
        """A source that is suddenly half empty is offline: nothing of it is taken as deleted.

        Who empties it on purpose is believed after a day.
        """
        known, now = int(self.seen.fact("met") or 0), self.clock.now().timestamp()
        half = known >= _FEW and met * _OFFLINE_SHARE < known
        since = float(self.seen.fact("half since") or now) if half else now
        self.taken.offline = half and now - since < self.route.rehash_s
        if self.taken.offline:
            told = f"{known - met} of {known} files are gone; none is taken as deleted: check that it is mounted"
            self.taken.problems.append(Problem(str(self.route.root), "offline", told))
            self.seen.note("half since", str(since))
            return
        self.seen.note("half since", "")
        self.seen.note("met", str(met))
        self.seen.note("scanned", iso(self.clock.now()))


def nested(folders: Sequence[str]) -> bool:
    """Whether a file may be met twice."""
    inside = [f"{one}/".lstrip("/") for one in folders]
    return any(one != other and one.startswith(other) for one in inside for other in inside)


def _some(found: Iterator[tuple[Look, str]]) -> Iterator[Sequence[tuple[Look, str]]]:
    while some := list(islice(found, _LOOKED_UP)):
        yield some


def registry_bytes(route: Route, feed: Feed) -> bytes | None:
    """The bytes of the list of sources; None where there is none.

    Raises:
        ConfigError: the route names one that is not there, or it cannot be read.
    """
    named = Path(route.registry).expanduser() if route.registry else Path(feed.registry)
    if not feed.registry:
        return None
    path = route.root / named
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        if route.registry:
            raise ConfigError(f"no registry {path}", cause=exc.strerror) from exc
        return None
    except OSError as exc:
        raise ConfigError(f"cannot read the registry {path}", cause=exc.strerror) from exc
