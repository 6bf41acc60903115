"""The bulletin: one look at everything a second while somebody watches, told to all who do."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ReconError
from recon_cli.jobs import overview as overviews
from recon_cli.web import answers
from recon_cli.web.foreman import Foreman
from recon_cli.web.serving import Serving
from recon_cli.web.tellers import Teller

_EVERY_S, _BEAT_S = 1.0, 15.0
_SAMPLE_S, _SAMPLES = 10.0, 720


@dataclass(slots=True)
class Bulletin:
    """What is told, and to whom it is news. Nobody has a queue of his own: who is slow hears the latest only."""

    serving: Serving
    foreman: Foreman | None
    tellers: tuple[Teller, ...] = ()
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    depths: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    """Seconds since 1970 and how many items waited in the outbox then."""
    watchers: int = 0
    _text: bytes = b""
    _number: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def look(self) -> dict[str, Json]:
        """Everything as it is now; a database that does not answer is part of it."""
        serving = self.serving
        try:
            told = overviews.overview(serving.desk, serving.queue, serving.checks, serving.clock)
        except (ReconError, OSError) as exc:
            return {"schema": "recon.overview/1", "trouble": str(exc), "amiss": [_trouble(str(exc))]}
        amiss = overviews.amiss(told)
        if self.foreman is not None and (self.foreman.trouble or not self.foreman.alive):
            amiss.insert(0, _trouble(self.foreman.trouble or "the worker has ended"))
        amiss += [
            _trouble(f"{one.shelf.name}: {why}") for one in self.tellers if (why := one.trouble or one.undelivered)
        ]
        return {**told, "amiss": amiss, "depths": [list(one) for one in self.depths]}

    async def sample(self) -> None:
        """Remember how deep the outbox is, every few seconds, until cancelled."""
        while True:
            found = await run_in_threadpool(overviews.queue, self.serving.queue, self.serving.clock)
            depth = found.get("depth", 0)
            self.depths.append((int(self.serving.clock.now().timestamp()), depth if isinstance(depth, int) else 0))
            await asyncio.sleep(_SAMPLE_S)

    async def events(self) -> AsyncIterator[bytes]:
        """Server-sent events: the whole at once, then again whenever it changed; a comment now and then between."""
        self.watchers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        told = -1
        try:
            while not self.closing.is_set():
                if told != self._number and self._text:
                    told = self._number
                    yield b"id: %d\ndata: %s\n\n" % (told, self._text)
                news = self._news
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), _BEAT_S)
                if told == self._number:
                    yield b": still here\n\n"
        finally:
            self.watchers -= 1

    async def _watch(self) -> None:
        before: dict[str, Json] = {}
        while self.watchers and not self.closing.is_set():
            found = await run_in_threadpool(self.look)
            if {**found, "at": ""} != before:
                before = {**found, "at": ""}
                self._tell(answers.body_of(found))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), _EVERY_S)

    def _tell(self, text: bytes) -> None:
        self._text = text
        self._number += 1
        self.wake()

    def wake(self) -> None:
        """Let everybody look whether there is news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """Let every stream end."""
        self.closing.set()
        self.wake()


def _trouble(text: str) -> dict[str, Json]:
    return {"what": "trouble", "count": 1, "where": text}
