"""`/ws/logs`: records as they come, in both dialects, and after a cut what was missed.

A client that gives the `cursor` of its last message as `after` gets everything that came in since: exactly that while
the server remembers it, and from the table otherwise, where the last seconds before may come again (`id` tells).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect, WebSocketState

from recon_cli.core.errors import ReconError, UsageError
from recon_cli.web import answers, tellers
from recon_cli.web.tellers import Teller, Told

_SHOWN, _MOST = 10, 500
_BEAT_S, _READY_S, _SEND_S = 30.0, 10.0, 30.0
_UNKNOWN, _WRONG, _AWAY = 4404, 4400, 1013
_LATE = 2000
"""Keys of the last records of a catch-up: they may be told once more by whoever watches the table."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How messages are spelled."""

    initial: str
    many: str
    new: str
    one: str

    def first(self, found: Iterable[Told], cursor: str) -> str:
        """The message with those that are there."""
        body = b",".join(one.body for one in found)
        return f'{{"type":"{self.initial}","{self.many}":[{body.decode()}],"cursor":{_quoted(cursor)}}}'

    def next(self, one: Told) -> str:
        """The message with one that came."""
        return f'{{"type":"{self.new}","{self.one}":{one.body.decode()},"cursor":{_quoted(one.cursor)}}}'


DIALECTS: Mapping[str, Dialect] = {
    "log": Dialect("initial_data", "logs", "new_log", "log"),
    "data": Dialect("initial_logs", "data", "new_log", "data"),
}


def routes(found: tuple[Teller, ...], closing: asyncio.Event) -> APIRouter:
    """`/ws/logs`; `dialect=data` for the second one, `table` where there are several, `limit` for the first message."""
    router = APIRouter()

    @router.websocket("/ws/logs")
    async def logs(
        socket: WebSocket, table: str = "", after: str = "", dialect: str = "log", limit: str = str(_SHOWN)
    ) -> None:
        await socket.accept()
        teller = next((one for one in found if table in one.names or not table), None)
        if teller is None or dialect not in DIALECTS:
            await socket.close(_UNKNOWN, "no such table or dialect")
            return
        teller.listen()
        try:
            shown = min(_MOST, int(limit)) if limit.isdecimal() and len(limit) < len(str(_MOST)) + 1 else _SHOWN
            await _Line(socket, teller, DIALECTS[dialect], closing).run(after, shown)
        finally:
            teller.leave()

    return router


@dataclass(slots=True)
class _Line:
    """One socket."""

    socket: WebSocket
    teller: Teller
    dialect: Dialect
    closing: asyncio.Event
    at: int = 0
    cursor: str = ""

    async def run(self, after: str, shown: int) -> None:
        """Tell until the client leaves or the server ends."""
        running = asyncio.ensure_future(self._tell(after, shown))
        hearing = asyncio.create_task(self._hear(running))
        try:
            await running
        except asyncio.CancelledError:
            if not hearing.done():
                raise
        except UsageError as exc:
            await self._close(_WRONG, exc.message)
        except ReconError as exc:
            await self._close(_AWAY, exc.message)
        except (TimeoutError, WebSocketDisconnect):
            await self._close(_AWAY, "too slow")
        finally:
            hearing.cancel()

    async def _hear(self, running: asyncio.Future[None]) -> None:
        """Swallow what the client says, as the old server did, until it leaves."""
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self.socket.receive_text()
        running.cancel()

    async def _tell(self, after: str, shown: int) -> None:
        await run_in_threadpool(self.teller.ready.wait, _READY_S)
        late = await self._missed(after) if after else await self._begin(shown)
        while not self.closing.is_set():
            found = self.teller.after(self.at)
            if found is None:  # so slow that it is not remembered any more
                late = await self._missed(self.cursor)
                continue
            for one in found:
                if one.key not in late:
                    await self._send(self.dialect.next(one))
                self.at, self.cursor = one.number, one.cursor
            if not found:
                await self.teller.news(_BEAT_S)
        await self._close(1012, "the server ends")

    async def _begin(self, shown: int) -> frozenset[str]:
        last = (self.teller.after(max(0, self.teller.number - shown)) or []) if shown else []
        self.at = last[-1].number if last else self.teller.number
        self.cursor = last[-1].cursor if last else ""
        await self._send(self.dialect.first(last, self.cursor))
        return frozenset()

    async def _missed(self, after: str) -> frozenset[str]:
        """Everything since the cursor; the keys of those that may be told again."""
        number = self.teller.found(after)
        if number is not None:
            found = self.teller.after(number)
            if found is not None:
                self.at, self.cursor = (found[-1].number, found[-1].cursor) if found else (number, after)
                await self._send(self.dialect.first(found, self.cursor))
                return frozenset()
        self.at, self.cursor = self.teller.number, after
        pages = tellers.caught_up(self.teller, after)
        late: list[str] = []
        while (page := await run_in_threadpool(_next, pages)) is not None:
            self.cursor = page[-1].cursor if page else self.cursor
            await self._send(self.dialect.first(page, self.cursor))
            late = [*late, *(one.key for one in page)][-_LATE:]
        return frozenset(late)

    async def _send(self, text: str) -> None:
        await asyncio.wait_for(self.socket.send_text(text), _SEND_S)

    async def _close(self, code: int, why: str) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            if self.socket.client_state is WebSocketState.CONNECTED:
                await asyncio.wait_for(self.socket.close(code, why[:100]), _SEND_S)


def _next(pages: Iterator[list[Told]]) -> list[Told] | None:
    return next(pages, None)


def _quoted(text: str) -> str:
    return answers.body_of(text).decode()
