"""The relay of `proxy.py`: a program that takes its commands on stdin, or runs until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

LOOPBACK = "127.0.0.1"
CHUNK = 65536
SLOW_CHUNK = 2048
IN_FLIGHT = 512
"""Chunks on the way in each direction before the sender has to wait: 32 MiB, more than any path here can hold."""

_PASV = re.compile(rb"^227 .*?(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_EPSV = re.compile(rb"^229 .*?\(\|\|\|(\d+)\|\)")


@dataclass(slots=True)
class Limit:
    """What happens after how many bytes."""

    size: int
    how: str
    every: bool
    times: int
    left: int = 0


@dataclass
class Relay:
    """All connections of one proxy and the faults that hold for them."""

    target: tuple[str, int]
    ftp: bool
    delay_s: float = 0.0
    rate: float | None = None
    limit: Limit | None = None
    links: set[Link] = field(default_factory=set)
    listeners: set[asyncio.Server] = field(default_factory=set)
    stats: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("connections", "peak", "data", "up", "down"), 0)
    )
    free_at: dict[str, float] = field(default_factory=lambda: {"up": 0.0, "down": 0.0})
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    server: asyncio.Server | None = None
    placeholder: socket.socket | None = None
    port: int = 0

    async def listen(self, port: int) -> None:
        """Take connections on `port` (0: any)."""
        self.flowing.set()
        await self._serve(_bound(port))

    async def _serve(self, bound: socket.socket) -> None:
        self.port = bound.getsockname()[1]
        self.server = await asyncio.start_server(self._accept, sock=bound, backlog=512)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Link(
            self, reader, writer, self.target, replies=PassiveReplies(self.open_data) if self.ftp else None
        ).run()

    async def open_data(self, port: int) -> int:
        """A port here whose one connection is relayed to `port` there."""

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.close()
            self.listeners.discard(server)
            self.stats["data"] += 1
            await Link(self, reader, writer, (self.target[0], port), data=True).run()

        server = await asyncio.start_server(accept, LOOPBACK, 0)
        self.listeners.add(server)
        return int(server.sockets[0].getsockname()[1])

    async def refuse(self, *, refusing: bool) -> None:
        """Close the listening socket but keep the port bound, so that connects are refused and nobody takes it."""
        if refusing and self.server is not None:
            self.server.close()
            self.server, self.placeholder = None, _bound(self.port)
        elif not refusing and self.placeholder is not None:
            bound, self.placeholder = self.placeholder, None
            await self._serve(bound)

    def due(self, way: str, size: int) -> float:
        """When a chunk read now arrives."""
        now = asyncio.get_running_loop().time()
        if self.rate:
            self.free_at[way] = now = max(now, self.free_at[way]) + size / self.rate
        return now + self.delay_s

    async def admit(self, link: Link, way: str, chunk: bytes, writer: asyncio.StreamWriter) -> None:
        """Write a chunk that is due, or the part of it that the limit still lets through."""
        await self.flowing.wait()
        limit = self.limit
        part = chunk if limit is None else chunk[: limit.left]
        self.stats[way] += len(part)
        writer.write(part)
        if limit is not None:
            limit.left -= len(part)
            if limit.left == 0:
                await _flushed(writer)
                self._strike(limit, link)
                if limit.how == "stall":
                    await self.admit(link, way, chunk[len(part) :], writer)
                return
        await writer.drain()

    def _strike(self, limit: Limit, link: Link) -> None:
        limit.times -= 1
        limit.left = limit.size
        if limit.times == 0:
            self.limit = None
        if limit.how == "stall":
            self.flowing.clear()
            return
        for each in list(self.links) if limit.every else [link]:
            each.cut(limit.how)

    async def obey(self, command: dict[str, Any]) -> dict[str, int]:
        """Carry out one command of `Proxy`."""
        what = command.pop("do")
        if what == "delay":
            self.delay_s = command["seconds"]
        elif what == "throttle":
            self.rate = command["rate"]
        elif what == "limit":
            self.limit = Limit(**command, left=command["size"])
        elif what == "resume":
            self.limit = None
            self.flowing.set()
        elif what == "cut":
            for link in list(self.links):
                link.cut(command["how"])
        elif what == "refuse":
            await self.refuse(refusing=command["refusing"])
        return {**self.stats, "open": len(self.links), "port": self.port}


class Link:
    """One connection through the relay: two sockets, and a queue of chunks under way in each direction."""

    def __init__(
        self,
        relay: Relay,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: tuple[str, int],
        replies: PassiveReplies | None = None,
        *,
        data: bool = False,
    ) -> None:
        self.counts = not data
        self.relay = relay
        self.reader = reader
        self.writers = [writer]
        self.target = target
        self.replies = replies
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Relay until both sides have ended, or either broke."""
        relay = self.relay
        relay.links.add(self)
        relay.stats["connections"] += 1
        relay.stats["peak"] = max(relay.stats["peak"], sum(link.counts for link in relay.links))
        self.task = asyncio.ensure_future(self._relay())
        try:
            await self.task
        except (OSError, asyncio.CancelledError):
            self.cut("rst")
        finally:
            relay.links.discard(self)
            for writer in self.writers:
                writer.close()

    async def _relay(self) -> None:
        _eager(self.writers[0])
        up: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        down: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(IN_FLIGHT)
        feeding = asyncio.ensure_future(self._feed("up", self.reader, up, _same))
        try:
            await asyncio.sleep(3 * self.relay.delay_s)
            await self.relay.flowing.wait()
            reader, writer = await asyncio.open_connection(*self.target)
            self.writers.append(writer)
            _eager(writer)
            edit = self.replies.feed if self.replies else _same
            await _all(
                feeding,
                self._drain("up", up, writer),
                self._feed("down", reader, down, edit),
                self._drain("down", down, self.writers[0]),
            )
        finally:
            feeding.cancel()

    async def _feed(
        self,
        way: str,
        reader: asyncio.StreamReader,
        queue: asyncio.Queue[tuple[float, bytes]],
        edit: Callable[[bytes], Awaitable[bytes]],
    ) -> None:
        while True:
            chunk = await reader.read(SLOW_CHUNK if self.relay.rate else CHUNK)
            edited = await edit(chunk)
            if edited:
                await queue.put((self.relay.due(way, len(edited)), edited))
            if not chunk:
                self.counts = self.counts and way == "down"  # the client has hung up: it holds this one no more
                await queue.put((self.relay.due(way, 0), b""))
                return

    async def _drain(self, way: str, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due, chunk = await queue.get()
            await asyncio.sleep(max(0.0, due - clock()))
            if not chunk:
                await self.relay.flowing.wait()
                writer.write_eof()
                return
            await self.relay.admit(self, way, chunk, writer)

    def cut(self, how: str) -> None:
        """End both sockets, with a reset or with a plain end."""
        for writer in self.writers:
            if how == "rst" and not writer.is_closing():
                _linger_not(writer)
                writer.transport.abort()
            else:
                writer.close()
        if self.task is not None and not self.task.done():
            self.task.cancel()


class PassiveReplies:
    """The server's side of an FTP control channel, line by line, with data ports replaced by ports of the relay."""

    def __init__(self, open_data: Callable[[int], Awaitable[int]]) -> None:
        self.open_data = open_data
        self.held = b""
        self.opaque: bool | None = None

    async def feed(self, chunk: bytes) -> bytes:
        """What to pass on now; an unfinished line waits for its end."""
        if self.opaque is None:
            self.opaque = not chunk[:1].isdigit()
        if self.opaque or not chunk:
            rest, self.held = self.held + chunk, b""
            return rest
        *lines, self.held = (self.held + chunk).split(b"\n")
        return b"".join([await self._rewrite(line) + b"\n" for line in lines])

    async def _rewrite(self, line: bytes) -> bytes:
        if line.startswith(b"234"):
            self.opaque = True
        if found := _PASV.match(line):
            port = await self.open_data(int(found[5]) * 256 + int(found[6]))
            return b"227 Entering Passive Mode (127,0,0,1,%d,%d).\r" % divmod(port, 256)
        if found := _EPSV.match(line):
            return b"229 Entering Extended Passive Mode (|||%d|)\r" % await self.open_data(int(found[1]))
        return line


async def _same(chunk: bytes) -> bytes:
    return chunk


async def _all(*work: Awaitable[None]) -> None:
    """Wait for all; the first failure ends the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _flushed(writer: asyncio.StreamWriter) -> None:
    """Wait until the bytes before a cut have left for the kernel."""
    while writer.transport.get_write_buffer_size() and not writer.is_closing():  # noqa: ASYNC110  no event tells it
        await asyncio.sleep(0.001)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LOOPBACK, port))
    return bound


def _eager(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _linger_not(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _say(document: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


async def _obey_stdin(relay: Relay) -> None:
    """Carry out the commands of the owner, and end with it: when it is gone, its pipe ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _say(await relay.obey(json.loads(line)))


async def _main(arguments: argparse.Namespace) -> None:
    relay = Relay((arguments.host, arguments.target), arguments.ftp, arguments.delay, arguments.rate)
    await relay.listen(arguments.port)
    _say({"port": relay.port})
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await (_obey_stdin(relay) if arguments.control else ended.wait())
    for link in list(relay.links):
        link.cut("rst")
    await asyncio.sleep(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="relay a loopback port over a network that is worse")
    parser.add_argument("target", type=int, help="the port to relay to")
    parser.add_argument("--host", default=LOOPBACK, help="the host to relay to")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on; the first line printed says which")
    parser.add_argument("--delay", type=float, default=0.0, help="one-way latency in seconds")
    parser.add_argument("--rate", type=float, default=None, help="bytes per second in each direction")
    parser.add_argument("--ftp", action="store_true", help="relay FTP data connections too")
    parser.add_argument("--control", action="store_true", help="take commands on stdin, end with it")
    return parser.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(_arguments()))
