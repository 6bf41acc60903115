"""What is given to `recon record add`: files, single records, and lines that come in as somebody writes them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from queue import Empty, Queue
from time import monotonic
from typing import BinaryIO

from recon_cli.core.report import Problem
from recon_cli.systems.feed import Unfit
from recon_cli.systems.records import Adds, Given, Hints

STANDARD_INPUT = "-"
LIMIT_BYTES = 64 << 20
_LINE_BYTES = 1 << 20
_LINGER_S = 0.2
_AHEAD = 2000


class Sources:
    """What the words of the command line mean: a file that is there, `-` for standard input, else a record.

    Args:
        system: whose records.
        things: the words.
        hints: what else the command line says.
        lines: standard input.
        batch_items: records put at once.
    """

    def __init__(
        self, system: Adds, things: Sequence[str], hints: Hints, lines: BinaryIO, batch_items: int = 500
    ) -> None:
        self.system, self.things, self.hints, self.lines = system, things, hints, lines
        self.batch_items = batch_items
        self.problems: list[Problem] = []

    def batches(self) -> Iterator[list[Given]]:
        """Batch after batch; of standard input whatever came within a moment."""
        single = [one for one in self.things if one != STANDARD_INPUT and not is_file(one)]
        if single:
            yield [self.system.single(one, self.hints) for one in single]
        for one in self.things:
            if one == STANDARD_INPUT:
                yield from self._input()
            elif is_file(one):
                yield from _cut(self._file(Path(one)), self.batch_items)

    def left(self) -> Iterator[Problem]:
        """Files that could not be read; known when the batches are through."""
        yield from self.problems

    def _file(self, path: Path) -> Iterable[Given]:
        try:
            if path.stat().st_size > LIMIT_BYTES:
                found: Iterable[Given] | Unfit = Unfit("too big", f"more than {LIMIT_BYTES >> 20} MiB")
            else:
                found = self.system.listed(str(path), path.read_bytes(), self.hints)
        except OSError as exc:
            found = Unfit("cannot be read", exc.strerror or str(exc))
        if isinstance(found, Unfit):
            self.problems.append(Problem(str(path), found.reason, found.detail))
            return ()
        return found

    def _input(self) -> Iterator[list[Given]]:
        for texts in lingering(_lines(self.lines), self.batch_items):
            yield list(self.system.lines(texts, self.hints))


def is_file(word: str) -> bool:
    """Whether a word of the command line names a file: one that is there, or has a path or an ending."""
    path = Path(word)
    return "/" in word or path.suffix.lower() in {".csv", ".tsv", ".xlsx", ".json", ".jsonl"} or path.is_file()


def lingering(texts: Iterator[str], most: int) -> Iterator[list[str]]:
    """What comes within a moment together.

    Who writes slowly is not kept waiting, and who writes fast does not wait for the disk each time.
    """
    waiting: Queue[str | None] = Queue(_AHEAD)

    def read() -> None:
        try:
            for text in texts:
                waiting.put(text)
        finally:
            waiting.put(None)

    threading.Thread(target=read, name="recon-lines", daemon=True).start()
    ended = False
    while not ended:
        first = waiting.get()
        found: list[str] = []
        until = monotonic() + _LINGER_S
        while first is not None:
            found.append(first)
            if len(found) >= most:
                break
            try:
                first = waiting.get(timeout=max(0.0, until - monotonic()))
            except Empty:
                break
        ended = first is None
        if found:
            yield found


def _lines(file: BinaryIO) -> Iterator[str]:
    """Lines as text; one that is too long comes in pieces, of which none is a record."""
    while raw := file.readline(_LINE_BYTES):
        yield raw.decode("utf-8", "replace")


def _cut(given: Iterable[Given], most: int) -> Iterator[list[Given]]:
    remaining = iter(given)
    while batch := list(islice(remaining, most)):
        yield batch
