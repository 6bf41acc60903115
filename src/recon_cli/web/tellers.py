"""Tellers: who watches a table of records, and tells what came in to all who listen."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from recon_cli.core.errors import ReconError
from recon_cli.core.search import Query
from recon_cli.jobs.record import live, tail
from recon_cli.jobs.record.add import Route
from recon_cli.jobs.record.search import document
from recon_cli.outbox.queue import Outbox
from recon_cli.stores.records.base import Reader, Row
from recon_cli.stores.records.listening import open_listener
from recon_cli.stores.records.registry import open_reader
from recon_cli.systems.records import RecordSystem
from recon_cli.web import answers

_REMEMBERED = 1000
_POLL_S, _AWAY_S = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """One `[records.NAME]`: whose records are where, and the zone of times that say none."""

    name: str
    system: RecordSystem
    route: Route
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A record that came in: its number here, its key, where a client goes on after it, and itself as JSON."""

    number: int
    key: str
    cursor: str
    body: bytes


@dataclass(slots=True)
class Teller:
    """Watches one table in a thread from the first listener on; another thread carries what was kept to it.

    The last records are remembered: a listener who is a little behind goes on from them, one who is far behind from
    the table. So memory does not grow with who is slow.
    """

    shelf: Shelf
    queue: Callable[[], Outbox]
    crash: Callable[[BaseException], str]
    listeners: int = 0
    trouble: str = ""
    """Why nothing is heard of the table now; empty where something is."""
    undelivered: str = ""
    """Why what was kept does not arrive; empty where it does."""
    ready: threading.Event = field(default_factory=threading.Event)
    _last: deque[Told] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _came: threading.Event = field(default_factory=threading.Event)
    _kept: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def names(self) -> frozenset[str]:
        """What it is called by: its name in recon.toml, and its table."""
        return frozenset({self.shelf.name, self.shelf.system.book.table})

    @property
    def amiss(self) -> str:
        """What is wrong with it, if anything is."""
        return self.trouble or self.undelivered

    def begin(self) -> None:
        """Carry what waits."""
        self._thread("carrier", self._carry)

    def listen(self) -> None:
        """One more listener, in the event loop that runs; the table is watched from now on."""
        self.listeners += 1
        self._loop = asyncio.get_running_loop()
        if not any(one.name.startswith("teller") for one in self._threads):
            self._thread("teller", self._watch)

    def leave(self) -> None:
        """One listener less."""
        self.listeners -= 1

    def stop(self) -> None:
        """End both threads."""
        self._stop.set()
        self._came.set()
        self._kept.set()
        for one in self._threads:
            one.join(10.0)

    def kept(self) -> None:
        """Something was put into the outbox."""
        self._kept.set()

    async def news(self, seconds: float) -> None:
        """Wait until something came in, or so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)

    @property
    def number(self) -> int:
        """The number of the last record that is remembered."""
        return self._number

    def after(self, number: int) -> list[Told] | None:
        """What came in after this number; None where it is not remembered any more."""
        with self._lock:
            first = self._last[0].number if self._last else self._number + 1
            return None if number < first - 1 else [one for one in self._last if one.number > number]

    def found(self, cursor: str) -> int | None:
        """The number of the record that a cursor stands for, if it is remembered."""
        with self._lock:
            return next((one.number for one in self._last if one.cursor == cursor), None)

    def told(self, row: Row, number: int = 0) -> Told:
        """A row as it is told."""
        book = self.shelf.system.book
        return Told(number, str(row[book.key]), live.cursor(book, row), answers.body_of(document(book, row)))

    def reader(self) -> Reader:
        """A reader of the table, for one thread."""
        return open_reader(self.shelf.route.target)

    def _thread(self, what: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=f"{what} {self.shelf.name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _carry(self) -> None:
        while not self._stop.is_set():
            try:
                live.carry(self.shelf.route, self.queue(), self._stop.is_set, self._until_kept, self._carried)
            except ReconError as exc:
                self.undelivered = exc.message
            except Exception as exc:  # noqa: BLE001  the carrier must outlive everything
                self.undelivered = self.crash(exc)
            self._stop.wait(_AWAY_S)

    def _until_kept(self) -> None:
        self._kept.wait(_POLL_S)
        self._kept.clear()

    def _carried(self, trouble: str) -> None:
        self.undelivered = trouble
        self._came.set()

    def _watch(self) -> None:
        seen: list[Row] = []
        while not self._stop.is_set():
            try:
                with closing(self.reader()) as reader:
                    self._follow(reader, seen)
            except _EndError:
                return
            except ReconError as exc:
                self.trouble = exc.message
            except Exception as exc:  # noqa: BLE001  the teller must outlive everything
                self.trouble = self.crash(exc)
            self._stop.wait(_AWAY_S)

    def _follow(self, reader: Reader, seen: list[Row]) -> None:
        book, listener = self.shelf.system.book, open_listener(self.shelf.route.target, self.shelf.system.book.table)
        if not seen:
            seen += tail.last(reader, book, Query(), _REMEMBERED)
            self._remember(seen)
        self.trouble = ""
        self.ready.set()

        def sleep() -> None:
            if listener is None:
                self._came.wait(_POLL_S)
                self._came.clear()
            else:
                listener.wait(_POLL_S)
            if self._stop.is_set():
                raise _EndError

        try:
            for row in tail.follow(reader, book, Query(), seen, sleep):
                seen.append(row)
                del seen[:-_REMEMBERED]
                self._remember([row])
        finally:
            if listener is not None:
                listener.close()

    def _remember(self, rows: list[Row]) -> None:
        with self._lock:
            for row in rows:
                self._number += 1
                self._last.append(self.told(row, self._number))
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class _EndError(Exception):
    """The server ends."""


def caught_up(teller: Teller, after: str) -> Iterator[list[Told]]:
    """What came in after a cursor, from the table, page by page.

    Raises:
        UsageError: it is no cursor.
        ReconError: the table cannot be read.
    """
    with closing(teller.reader()) as reader:
        for page in live.missed(reader, teller.shelf.system.book, after):
            yield [teller.told(row) for row in page]
