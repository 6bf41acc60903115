"""The crew: what `recon worker` does until it is stopped: draw tickets, run each job in a process, beat, and sweep.

One loop beats for all jobs in hand and hears from the server which of them are still ours; one sweeps: jobs of silent
workers are given back, those that killed too many are failed, and jobs without a ticket get one. Every worker sweeps;
it takes no leader.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.errors import GuardError, NotFoundError, ReconError, UnreachableError
from recon_cli.core.place import Place
from recon_cli.core.states import State
from recon_cli.jobs.worker.engine import Engine
from recon_cli.jobs.worker.order import Address, End, Order
from recon_cli.reconstruction.fleet import ANY, GPU, Lease, LostError
from recon_cli.reconstruction.jobtable import Cell, Failure, JobTable, now

_BEATS = 6
"""So many beats fit into the time after which a worker is taken for dead."""
_SILENCE = 2 / 3
"""After this share of it a worker that is not heard ends its own jobs."""
_STOP_S = 30.0
_REST_S = 15.0
_POLL_S = 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """How a worker works.

    `takeover_s`: after so long without a beat its jobs go to others; `tries`: how many workers a job may kill without
    finishing a stage; `drain`: end when nothing is left to do; `colmap`, `train_command`: the programs of this machine.
    """

    table: Place
    files: Place
    scratch: Path
    gpu: bool = False
    concurrent: int = 1
    takeover_s: float = 30.0
    tries: int = 3
    drain: bool = False
    colmap: str = "colmap"
    train_command: str = ""

    @property
    def queues(self) -> tuple[str, ...]:
        """What it draws from: GPU workers take everything, jobs for the GPU first."""
        return (GPU, ANY) if self.gpu else (ANY,)


@dataclass(slots=True)
class Hand:
    """A job in hand."""

    job_id: str
    epoch: int
    pool: str
    ticket: int | None
    child: asyncio.subprocess.Process | None = None
    lost: bool = False
    stopped: bool = False


@dataclass(slots=True)
class Tally:
    """What a worker did."""

    taken: int = 0
    ended: int = 0
    returned: int = 0
    died: int = 0
    lost: int = 0


class Crew:
    """One worker. `say` is told what an operator wants to read in a log."""

    def __init__(self, wish: Wish, table: JobTable, say: Callable[[str], None]) -> None:
        self.name = f"{socket.gethostname()[:40]}-{secrets.token_hex(3)}"
        self.tally = Tally()
        self._wish = wish
        self._table = table
        self._say = say
        self._engine = Engine(wish.table, self.name)
        self._hands: dict[str, Hand] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()
        self._over = False
        self._failure: BaseException | None = None
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; jobs in hand are given back then."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping)
        await self._engine.open()
        side = [asyncio.create_task(one) for one in (self._listening(), self._beating(), self._sweeping())]
        for task in side:
            task.add_done_callback(self._fallen)
        try:
            await self._drawing()
            await self._give_back()
        finally:
            await self._end(side)
            await self._engine.close()
        if self._failure is not None:
            raise self._failure

    def _fallen(self, task: asyncio.Task[None]) -> None:
        """A loop that ends by a fault of ours takes the worker with it: half of one would hold jobs for nothing."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._failure = fault
            self._stopping()

    async def _end(self, side: list[asyncio.Task[None]]) -> None:
        """Cancel, until it is heard: a driver that is cancelled while it talks may tell an error of its own instead."""
        self._over = True
        left = set(side)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=1.0)

    def _stopping(self) -> None:
        self._stop.set()
        self._woken.set()

    async def _drawing(self) -> None:
        while not self._stop.is_set():
            self._woken.clear()
            try:
                while len(self._hands) < self._wish.concurrent and not self._stop.is_set():
                    if not await self._draw():
                        break
                if self._wish.drain and not self._hands and not await self._engine.left(self._wish.queues):
                    return
                self._tell("queue", "")
            except UnreachableError as exc:
                self._tell("queue", f"{exc.message}: {exc.cause}")
            await _until(self._woken, _POLL_S if not self._told.get("queue") else 1.0)

    async def _draw(self) -> bool:
        """Draw a ticket and begin with its job; False where there is none."""
        ticket = await self._engine.draw(self._wish.queues)
        if ticket is None:
            return False
        job_id = str(ticket.task_kwargs.get("job"))
        epoch = await self._engine.take(job_id, self.name, ticket.id)
        if epoch is None:
            await self._engine.tear(ticket.id)
            return True
        hand = Hand(job_id, epoch, ticket.queue, ticket.id)
        self._hands[job_id] = hand
        self.tally.taken += 1
        task = asyncio.create_task(self._work(hand))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _work(self, hand: Hand) -> None:
        """One job from its taking to its end, whatever that is."""
        began = time.monotonic()
        self._say(f"job {hand.job_id} taken (its {_ordinal(hand.epoch)} time)")
        try:
            status = await self._run(hand)
            await self._settle(hand, status)
            self._say(f"job {hand.job_id} {self._count(hand, status)} after {time.monotonic() - began:.1f} s")
        finally:
            self._hands.pop(hand.job_id, None)
            self._woken.set()

    async def _run(self, hand: Hand) -> int:
        order = Order(
            hand.job_id,
            hand.epoch,
            Address.of(self._wish.table),
            Address.of(self._wish.files),
            str(self._wish.scratch),
            self._wish.takeover_s * _SILENCE,
            self._wish.colmap,
            self._wish.train_command,
        )
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "recon_cli.jobs.worker.attempt"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        hand.child = child
        _tell_child(child, order.line())
        if self._stop.is_set():
            hand.stopped = True
            _signal(child, signal.SIGTERM)
        return await child.wait()

    def _count(self, hand: Hand, status: int) -> str:
        if hand.lost or status == End.LOST:
            self.tally.lost += 1
            return "lost"
        if status == End.ENDED:
            self.tally.ended += 1
            return "ended"
        if _came_back(hand, status):
            self.tally.returned += 1
            return "given back"
        self.tally.died += 1
        return f"died (status {status})"

    async def _settle(self, hand: Hand, status: int) -> None:
        """Write down how it ended; where nobody answers, the lease runs out by itself."""
        if hand.lost:
            return
        died = not (status in {End.ENDED, End.LOST} or _came_back(hand, status))
        rest_s = _REST_S if status == End.LATER else 0.0
        for _ in range(3):
            try:
                if await self._engine.release(hand.job_id, hand.epoch, died=died, rest_s=rest_s):
                    await asyncio.to_thread(self._unheld, hand.job_id, hand.epoch, "")
                await self._engine.tear(hand.ticket)
                if status != End.ENDED and not died and not rest_s:
                    await self._engine.put(hand.job_id, hand.pool)
            except UnreachableError as exc:
                self._tell("queue", f"{exc.message}: {exc.cause}")
                await asyncio.sleep(1.0)
            else:
                return

    async def _beating(self) -> None:
        while not self._over:
            known = list(self._hands.values())  # what is taken while we ask is not in the answer
            try:
                mine = await self._engine.beat(self.name, [one.job_id for one in known])
            except UnreachableError as exc:
                self._tell("queue", f"{exc.message}: {exc.cause}")
            else:
                for hand in known:
                    self._heard(hand, mine)
            await asyncio.sleep(self._wish.takeover_s / _BEATS)

    def _heard(self, hand: Hand, mine: dict[str, int]) -> None:
        if hand.child is None:
            return
        if mine.get(hand.job_id) == hand.epoch:
            _tell_child(hand.child, b"\n")
        elif hand.child.returncode is None:
            hand.lost = True
            _signal(hand.child, signal.SIGKILL)

    async def _listening(self) -> None:
        while not self._over:
            with suppress(UnreachableError):
                await self._engine.listen(self._wish.queues, self._woken.set)
            await asyncio.sleep(1.0)

    async def _sweeping(self) -> None:
        while not self._over:
            try:
                await self._sweep()
            except (ReconError, OSError) as exc:
                self._tell("sweep", str(exc))
            else:
                self._tell("sweep", "")
            await asyncio.sleep(min(_POLL_S, self._wish.takeover_s / _BEATS))

    async def _sweep(self) -> None:
        for one in await self._engine.expire(self._wish.takeover_s):
            self._say(f"job {one['job_id']} taken from {one['by']}, which is silent for {self._wish.takeover_s:.0f} s")
            await self._engine.tear(one["ticket"])
        for ticket in await self._engine.stalled(self._wish.takeover_s):
            await self._engine.tear(ticket)
        for one in await self._engine.astray(self._wish.tries):
            poison = one["live"] and one["lost"] >= self._wish.tries
            if one["running"] or poison:
                why = f"{one['lost']} workers died of it" if poison else ""
                await asyncio.to_thread(self._unheld, str(one["job_id"]), int(one["epoch"]), why)
            if not one["ticket"] and not poison:
                await self._engine.put(str(one["job_id"]), str(one["pool"]))

    def _unheld(self, job_id: str, epoch: int, poison: str) -> None:
        """Put the row right of a job that nobody has: it waits again; or it failed, having killed too many workers."""
        table = self._table.fenced(Lease(job_id, epoch, held=False))
        with suppress(GuardError, NotFoundError, LostError):
            row = table.get(job_id)
            if poison:
                step = str(row.cells.get("step") or "run")
                told = f"{poison}, the last in the stage `{step}`; it is not tried again by itself"
                cells: dict[str, Cell] = {"error_message": told, "error_stage": step, "completed_at": now()}
                table.move(job_id, State.FAILED, cells, Failure(step, "WorkerDied", told, ""))
                self._say(f"job {job_id} failed: {told}")
            elif row.state is State.RUNNING:
                table.move(job_id, State.PENDING, only=(State.RUNNING,))

    async def _give_back(self) -> None:
        """Ask every job in hand to stop, and wait until it is given back."""
        for hand in self._hands.values():
            hand.stopped = True
            if hand.child is not None:
                _signal(hand.child, signal.SIGTERM)
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=_STOP_S)
            for hand in self._hands.values():
                if hand.child is not None:
                    _signal(hand.child, signal.SIGKILL)
            if left:
                await asyncio.wait(left, timeout=_STOP_S)

    def _tell(self, matter: str, text: str) -> None:
        """Say what is wrong, once, and when it is over."""
        if text != self._told.get(matter, ""):
            self._told[matter] = text
            self._say(f"{matter}: {text}" if text else f"{matter}: well again")


def _came_back(hand: Hand, status: int) -> bool:
    return hand.stopped or status in {End.RETURNED, End.LATER}


def _tell_child(child: asyncio.subprocess.Process, line: bytes) -> None:
    if child.stdin is not None and child.returncode is None:
        with suppress(ConnectionError, RuntimeError):
            child.stdin.write(line)


def _signal(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        child.send_signal(number)


async def _until(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
