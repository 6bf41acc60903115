"""Who does the tasks of a migration: children side by side, or this very process where children cost more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Protocol

from recon_cli.core.errors import ReconError
from recon_cli.jobs.migrate import tasks
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


class Crew:
    """Children at work. Started early: they import while the coordinator looks at the source."""

    def __init__(self, size: int) -> None:
        self._children = [_start() for _ in range(size)]

    def awake(self) -> None:
        """Wait until every child has done its imports. Raises ReconError."""
        for child in self._children:
            _answer(child)

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
                    selector.register(_output(child), EVENT_READ, child)
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
                _input(child).close()
        for child in self._children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_LEAVING_S)
            child.kill()
            child.wait()
            _output(child).close()


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


def _start() -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "recon_cli.jobs.migrate.worker"]
    paths = os.pathsep.join(path for path in sys.path if path)  # the child finds what this process found
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0)


def _tell(child: subprocess.Popen[bytes], item: object) -> None:
    try:
        send(_input(child), item)
    except OSError as exc:
        raise _died(child) from exc


def _answer(child: subprocess.Popen[bytes]) -> object:
    answer = receive(_output(child))
    if isinstance(answer, ReconError):
        raise answer
    if answer is None:
        raise _died(child)
    return answer


def _died(child: subprocess.Popen[bytes]) -> ReconError:
    child.kill()
    return ReconError(
        "a process at work on the migration ended",
        cause=f"exit status {child.wait()}",
        hint="run the same command again: it goes on with what was not finished",
    )


def _input(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin
    return child.stdin


def _output(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdout
    return child.stdout
