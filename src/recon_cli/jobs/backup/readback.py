"""Reading tables back after a load: whether they hold what the snapshot's manifest says.

A new table is compared shard by shard: its rows, cut and written as the snapshot's were, must have the SHA-256 of each
file. Where the files are compressed or the table was there before, the content sums must agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest

from recon_cli.core.catalog import DeclaredTable
from recon_cli.core.place import Place
from recon_cli.jobs.backup import planning
from recon_cli.jobs.backup.crew import Crew, Task, Written
from recon_cli.jobs.backup.worker import summed
from recon_cli.snapshot.content import Summing, summing
from recon_cli.snapshot.folder import row_range
from recon_cli.snapshot.manifest import Compression, TableFiles
from recon_cli.snapshot.write import Part, merge
from recon_cli.stores.bulk.base import BulkStore, Span, View

_TOGETHER = frozenset({"sqlite", "postgresql"})
"""Engines that let any number of readers join one state, whatever the user may do."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A table as it is there, and what it should hold. `new`: the load made it."""

    there: DeclaredTable
    part: TableFiles
    new: bool

    @property
    def alike(self) -> bool:
        """Whether it is cut and ordered as the snapshot's is."""
        return self.new and self.there.key == self.part.declared.key


@dataclass(frozen=True, slots=True)
class Reader:
    """One state of the database, with the children that read it, if any."""

    view: View
    compression: Compression
    children: Crew | None = None

    def differences(self, pairs: Sequence[Pair]) -> Iterator[tuple[str, str]]:
        """The tables that hold something else, and what."""
        parts: dict[str, list[tuple[int, Part]]] = {pair.there.name: [] for pair in pairs}
        tasks = [task for pair in pairs for task in self._tasks(pair)]
        for done in self._done(sorted(tasks, key=lambda task: -task.weight)):
            parts[done.task.table.name].append((done.task.place, done.part))
        for pair in pairs:
            ordered = sorted(parts[pair.there.name], key=lambda one: one[0])
            if fault := self._fault(pair, merge([part for _, part in ordered])):
                yield pair.there.name, fault

    def _by_content(self, pair: Pair) -> Summing | None:
        by_shard = self.compression is Compression.NONE and pair.alike
        return None if by_shard else summing(pair.part.content)

    def _tasks(self, pair: Pair) -> list[Task]:
        workers = self.children.size if self.children and pair.alike else 1
        return planning.again(self.view, pair.there, pair.part, workers, by_content=self._by_content(pair))

    def _done(self, tasks: Iterable[Task]) -> Iterator[Written]:
        if self.children:
            return (answer for answer in self.children.work(tasks) if isinstance(answer, Written))
        return (Written(task, self._alone(task)) for task in tasks)

    def _alone(self, task: Task) -> Part:
        return summed(self.view, task, lambda _rows: None)

    def _fault(self, pair: Pair, found: Part) -> str:
        """What is different. Rows that only stand in another order are no difference."""
        if way := self._by_content(pair):
            return "" if way.word(found.content) == pair.part.content else _OTHER
        where = _first_difference(pair.part, found)
        if not where:
            return ""
        whole = Task(pair.there, pair.part.cut, Span(), pair.part.rows, 0, summing(pair.part.content))
        again = self._fault(replace(pair, new=False), self._alone(whole))
        return f"{again}: {where}" if again else ""


_OTHER = "its content sum is another than the manifest's"


@contextmanager
def reading(store: BulkStore, compression: Compression, place: Place | None, children: Crew | None) -> Iterator[Reader]:
    """A reader of `store` as it is now; with children where there are any and the engine lets them join."""
    with ExitStack() as stack:
        if children is None or place is None or store.engine not in _TOGETHER:
            yield Reader(stack.enter_context(store.join()), compression)
            return
        with store.gate() as ticket:
            children.join(place, ticket, None, compression)
            view = stack.enter_context(store.join(ticket))
        yield Reader(view, compression, children)


def _first_difference(part: TableFiles, found: Part) -> str:
    for wanted, shard in zip_longest(part.shards, found.shards):
        if wanted is None:
            return f"more rows than the {part.rows} of the snapshot"
        if wanted != shard:
            first, last = row_range(part, wanted)
            return f"first in rows {first} to {last} ({wanted.name})"
    return ""
