"""Who does the tasks of a migration: children side by side, or this very process where children cost more.

A child is told everything through a pipe, answers through another, and ends when its input does.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Protocol

from recon_cli.core.errors import ReconError
from recon_cli.jobs.migrate import tasks, worker
from recon_cli.jobs.migrate.bench import Workbench
from recon_cli.migration.plan import MigrationPlan
from recon_cli.ops.pipes import receive, send

_LEAVING_S = 10.0

More = Callable[[tasks.Ended], Iterable[tasks.Task]]


class Hands(Protocol):
    """Does tasks; what `more` gives for an answer is done too."""

    def take(self, plan: MigrationPlan) -> None:
        """The plan that the tasks to come are about."""

    def work(self, first: Iterable[tasks.Task], more: More) -> Iterator[tasks.Answer]:
        """Have all tasks done; answers as they come. Raises ReconError."""


class OwnHands:
    """This process alone."""

    def __init__(self, bench: Workbench, advanced: deque[tasks.Advanced]) -> None:
        self._bench, self._advanced = bench, advanced

    def take(self, plan: MigrationPlan) -> None:
        """See `Hands`."""
        self._bench.take(plan)

    def work(self, first: Iterable[tasks.Task], more: More) -> Iterator[tasks.Answer]:
        """See `Hands`."""
        waiting = deque(first)
        while waiting:
            answer = self._bench.do(waiting.popleft())
            while self._advanced:
                yield self._advanced.popleft()
            waiting.extend(more(answer))
            yield answer


@dataclass(frozen=True, slots=True)
class _Child:
    """A forked process, and our ends of its pipes."""

    pid: int
    orders: IO[bytes]
    answers: IO[bytes]

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> int | None:
        """Its exit status, None if it has not ended in time."""
        ends_at = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > ends_at:
                return None
            time.sleep(0.005)


class Crew:
    """Children at work: forks of this process, made before it opens any database, with all that it has imported."""

    def __init__(self, size: int) -> None:
        self._children: list[_Child] = []
        gc.freeze()  # what is here now stays, and its pages stay shared
        for _ in range(size):
            self._children.append(_forked(self._children))

    def join(self, hello: tasks.Hello) -> None:
        """Let every child join the state; returns when all have.

        Raises:
            ReconError: a child could not.
        """
        for child in self._children:
            _tell(child, hello)
        for child in self._children:
            _answer(child)

    def take(self, plan: MigrationPlan) -> None:
        """See `Hands`."""
        for child in self._children:
            _tell(child, plan)

    def work(self, first: Iterable[tasks.Task], more: More) -> Iterator[tasks.Answer]:
        """See `Hands`."""
        waiting = deque(first)
        idle = list(self._children)
        with DefaultSelector() as selector:
            while True:
                while waiting and idle:
                    child = idle.pop(0)
                    _tell(child, waiting.popleft())
                    selector.register(child.answers, EVENT_READ, child)
                if not selector.get_map():
                    return
                for key, _ in selector.select():
                    answer = _answer(key.data)
                    if not isinstance(answer, tasks.Advanced):
                        selector.unregister(key.fileobj)
                        idle.append(key.data)
                        waiting.extend(more(answer))  # type: ignore[arg-type]  # what children answer
                    yield answer  # type: ignore[misc]  # same

    def kill(self) -> None:
        """End the children at once: what they were at is rolled back."""
        for child in self._children:
            child.kill()

    def dismiss(self) -> None:
        """Close the children's input and wait for them; one that does not leave is killed."""
        for child in self._children:
            with suppress(OSError):
                child.orders.close()
        for child in self._children:
            if child.wait(_LEAVING_S) is None:
                child.kill()
                child.wait(_LEAVING_S)
            child.answers.close()


@contextmanager
def crew(size: int) -> Iterator[Crew | None]:
    """So many children, None for none; they are gone at the end, at once after an error."""
    children = Crew(size) if size > 1 else None
    try:
        yield children
    except BaseException:
        if children is not None:
            children.kill()
        raise
    finally:
        if children is not None:
            children.dismiss()


def _forked(others: Sequence[_Child]) -> _Child:
    """A child; it keeps nothing of ours open but its own ends, so that it ends when we do."""
    orders_in, orders_out = os.pipe()
    answers_in, answers_out = os.pipe()
    pid = os.fork()
    if pid:
        os.close(orders_in)
        os.close(answers_out)
        return _Child(pid, os.fdopen(orders_out, "wb", 0), os.fdopen(answers_in, "rb", 0))
    status = 1
    try:
        for number in (
            orders_out,
            answers_in,
            *(one.fileno() for each in others for one in (each.orders, each.answers)),
        ):
            os.close(number)
        worker.serve(os.fdopen(orders_in, "rb", 0), os.fdopen(answers_out, "wb", 0))
        status = 0
    finally:
        os._exit(status)


def _tell(child: _Child, item: object) -> None:
    try:
        send(child.orders, item)
    except OSError as exc:
        raise _died(child) from exc


def _answer(child: _Child) -> object:
    answer = receive(child.answers)
    if isinstance(answer, ReconError):
        raise answer
    if answer is None:
        raise _died(child)
    return answer


def _died(child: _Child) -> ReconError:
    child.kill()
    return ReconError(
        "a process at work on the migration ended",
        cause=f"exit status {child.wait(_LEAVING_S)}",
        hint="run again: it goes on with what was not finished",
    )
