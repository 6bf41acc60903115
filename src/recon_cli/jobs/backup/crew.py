"""Crew: child processes that write parts of a snapshot, or compare them with a database, all reading one state of it.

A child runs `worker.main`, see `child`. It is told everything on its standard input (so no secret stands in a list of
processes), answers on its standard output, and ends when its input does: a coordinator that is killed leaves
no child behind.
"""

from __future__ import annotations

import gc
import pickle
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.errors import ReconError
from recon_cli.core.place import Place
from recon_cli.jobs.backup.child import Child, Start, start
from recon_cli.ops import heap
from recon_cli.snapshot.content import Summing
from recon_cli.snapshot.cut import Cut
from recon_cli.snapshot.manifest import Compression, Shard
from recon_cli.snapshot.write import Part
from recon_cli.stores.bulk.base import Aside, Span

SMALL_ROWS = 40_000
"""Up to here a child process costs more than it gains."""
_LEAVING_S = 10.0


@dataclass(frozen=True, slots=True)
class Hello:
    """What a child is told first: which database, and where its files go. `secret` crosses the pipe only.

    Without a `folder` nothing is written: what is read is summed.
    """

    url: str
    options: Mapping[str, str | int | float | bool]
    secret: str | None = field(repr=False)
    ticket: str
    folder: Path | None
    compression: Compression


@dataclass(frozen=True, slots=True)
class Task:
    """A span of a table to be written or summed. `weight` is about how many rows it has.

    `by_content`: sum row by row this way, whatever the shards would be. `place` is its position among the spans of its
    table.
    """

    table: DeclaredTable
    cut: Cut
    span: Span
    weight: int
    place: int
    by_content: Summing | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """Shards of a snapshot in a folder, to be read into a place that a store has made."""

    folder: Path
    table: str
    shards: tuple[Shard, ...]
    aside: Aside


@dataclass(frozen=True, slots=True)
class Filled:
    """A child's answer to that: so many rows were put."""

    rows: int


@dataclass(frozen=True, slots=True)
class Written:
    """A child's answer: the part that came of a task."""

    task: Task
    part: Part


@dataclass(frozen=True, slots=True)
class Advanced:
    """A child's word in between: so many rows more."""

    rows: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A child's word that it is awake, and later that it has joined the state."""


Answer = Written | Filled | Advanced | Ready | ReconError


def send(stream: IO[bytes], item: object) -> None:
    """Put one object on a pipe, whole."""
    body = pickle.dumps(item)
    rest = memoryview(len(body).to_bytes(8, "big") + body)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


def receive(stream: IO[bytes]) -> object | None:
    """Take one object off a pipe to our own child or parent; None at its end."""
    head = _exactly(stream, 8)
    body = _exactly(stream, int.from_bytes(head, "big")) if head else b""
    return pickle.loads(body) if body else None  # noqa: S301  both ends are this program


def _exactly(stream: IO[bytes], size_bytes: int) -> bytes:
    """So many bytes of an unbuffered pipe; fewer than asked only at its end, and then none."""
    body = bytearray()
    while len(body) < size_bytes:
        more = stream.read(size_bytes - len(body))
        if not more:
            return b""
        body += more
    return bytes(body)


class Crew:
    """Children at work. Started early: before anything is open that a copy of this process must not have."""

    def __init__(self, size: int, begin: Start) -> None:
        from recon_cli.jobs.backup import worker  # noqa: PLC0415  it imports this module

        self.size = size
        self._children = [begin(worker.main, worker.__name__) for _ in range(size)]
        self._asleep = list(self._children)
        self._filling: Child | None = None

    def awake(self) -> None:
        """Wait until every child has done its imports: what follows takes each of them a moment only.

        Raises:
            ReconError: a child died.
        """
        waiting, self._asleep = self._asleep, []
        for child in waiting:
            _answer(child)

    def join(self, place: Place, ticket: str, folder: Path | None, compression: Compression) -> None:
        """Let every child join the state of the ticket; returns when all have. `folder`: see `Hello`.

        Raises:
            ReconError: a child could not.
        """
        self.awake()
        hello = Hello(place.url, dict(place.options), place.secret(), ticket, folder, compression)
        for child in self._children:
            _tell(child, hello)
        for child in self._children:
            _answer(child)

    def fill(self, order: Fill, told: Callable[[int], None]) -> Callable[[], int]:
        """Have a child fill a place; what is given back waits for it and says how many rows it put. For one at a time.

        Raises:
            ReconError: a child died; later, that it could not.
        """
        self.awake()
        child = self._children[0]
        _tell(child, order)
        self._filling = child

        def waited() -> int:
            while not isinstance(answer := _answer(child), Filled):
                if isinstance(answer, Advanced):
                    told(answer.rows)
            self._filling = None
            return answer.rows

        return waited

    def work(self, tasks: Iterable[Task]) -> Iterator[Written | Advanced]:
        """Have all tasks done, the next going to whoever is free; answers as they come.

        Raises:
            ReconError: a task failed, or a child died.
        """
        waiting = iter(tasks)
        with DefaultSelector() as selector:
            for child in self._children:
                _next(selector, child, waiting)
            while selector.get_map():
                for key, _ in selector.select():
                    child = key.data
                    answer = _answer(child)
                    if isinstance(answer, Written):
                        selector.unregister(_output(child))
                        _next(selector, child, waiting)
                    if isinstance(answer, Written | Advanced):
                        yield answer

    def dismiss(self) -> None:
        """Close the children's input and wait for them; one that does not leave, or still fills, is killed."""
        if self._filling is not None:
            self._filling.kill()
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
def crew(size: int, begin: Start = start) -> Iterator[Crew]:
    """So many children; they are gone at the end, also after an error."""
    children = Crew(size, begin)
    try:
        yield children
    finally:
        children.dismiss()


@contextmanager
def uncollected() -> Iterator[None]:
    """Without a search for cycles: rows by the thousand have none, and looking costs a tenth of a load."""
    heap.keep_freed()
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _next(selector: DefaultSelector, child: Child, waiting: Iterator[Task]) -> None:
    task = next(waiting, None)
    if task is not None:
        _tell(child, task)
        selector.register(_output(child), EVENT_READ, child)


def _tell(child: Child, item: object) -> None:
    try:
        send(_input(child), item)
    except OSError as exc:
        raise _died(child) from exc


def _answer(child: Child) -> object:
    answer = receive(_output(child))
    if isinstance(answer, ReconError):
        raise answer
    if answer is None:
        raise _died(child)
    return answer


def _died(child: Child) -> ReconError:
    child.kill()
    return ReconError(
        "a process at work on the snapshot ended",
        cause=f"exit status {child.wait()}",
        hint="look at the system log for `Out of memory`; an export goes without such processes by `--workers 1`",
    )


def _input(child: Child) -> IO[bytes]:
    assert child.stdin
    return child.stdin


def _output(child: Child) -> IO[bytes]:
    assert child.stdout
    return child.stdout
