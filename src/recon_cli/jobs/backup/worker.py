"""The child's side of the crew: join the state, then write or sum one task after the other until the input ends."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Iterable, Iterator, Sized
from pathlib import Path
from typing import IO, TypeVar

from recon_cli.core.errors import ReconError
from recon_cli.core.lines import Lines
from recon_cli.core.place import Place
from recon_cli.jobs.backup.crew import Advanced, Fill, Filled, Hello, Ready, Task, Written
from recon_cli.ops import heap
from recon_cli.ops.pipes import receive, send
from recon_cli.snapshot.cut import Row, Scheme
from recon_cli.snapshot.digest import by_shard, row_by_row
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.manifest import Compression
from recon_cli.snapshot.write import Part, TableWriter
from recon_cli.stores.bulk.base import View, Writing
from recon_cli.stores.bulk.registry import open_bulk

_TELL_ROWS = 20_000
Chunk = TypeVar("Chunk", bound=Sized)


def write(view: View, task: Task, folder: Path, compression: Compression, told: Callable[[int], None]) -> Part:
    """Write the shards of a task; `told` hears of every few thousand rows."""
    with TableWriter(folder, task.table, task.cut, compression) as writer:
        for rows in _counted(view, task, told):
            writer.add(rows)
        return writer.finish()


def summed(view: View, task: Task, told: Callable[[int], None]) -> Part:
    """What would come of a task, and nothing written."""
    rows = _counted(view, task, told)
    return row_by_row(task.table, rows, task.by_content) if task.by_content else by_shard(task.table, task.cut, rows)


def _counted(view: View, task: Task, told: Callable[[int], None]) -> Iterator[list[Row] | Lines]:
    if task.cut.scheme is Scheme.RANGE and isinstance(view, Writing):
        return _told(view.lines(task.table.name, task.span, task.cut.size), told)
    return _told(view.rows(task.table.name, task.span), told)


def _told(chunks: Iterable[Chunk], told: Callable[[int], None]) -> Iterator[Chunk]:
    untold = 0
    for rows in chunks:
        yield rows
        untold += len(rows)
        if untold >= _TELL_ROWS:
            told(untold)
            untold = 0
    told(untold)


def main() -> None:
    """Serve the coordinator on standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to answer: it closes our input
    heap.keep_freed()
    gc.disable()  # rows by the thousand have no cycles, and to search them costs more than a tenth of the time
    orders, answers = open(0, "rb", buffering=0), open(1, "wb", buffering=0)  # noqa: SIM115  ours until the end
    send(answers, Ready())
    try:
        while isinstance(order := receive(orders), Fill):
            send(answers, Filled(_filled(order, lambda rows: send(answers, Advanced(rows)))))
        if isinstance(order, Hello):
            _serve(order, orders, answers)
    except ReconError as exc:
        send(answers, exc)


def _filled(order: Fill, told: Callable[[int], None]) -> int:
    snapshot = FolderSnapshot(order.folder)
    return order.aside.fill(_told(snapshot.blocks(order.table, order.shards), told))


def _serve(hello: Hello, orders: IO[bytes], answers: IO[bytes]) -> None:
    store = open_bulk(Place(hello.url, secret=lambda: hello.secret, options=hello.options))
    with store.join(hello.ticket) as view:
        send(answers, Ready())
        while isinstance(task := receive(orders), Task):
            send(answers, Written(task, _done(view, task, hello, lambda rows: send(answers, Advanced(rows)))))
    store.close()


def _done(view: View, task: Task, hello: Hello, told: Callable[[int], None]) -> Part:
    if hello.folder is None:
        return summed(view, task, told)
    return write(view, task, hello.folder, hello.compression, told)


if __name__ == "__main__":
    main()
