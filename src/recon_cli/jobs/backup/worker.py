"""The child's side of the crew: join the state, then write one task after the other until the input ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO

from recon_cli.core.errors import ReconError
from recon_cli.core.place import Place
from recon_cli.jobs.backup.crew import Advanced, Hello, Ready, Task, Written, receive, send
from recon_cli.snapshot.manifest import Compression
from recon_cli.snapshot.write import Part, TableWriter
from recon_cli.stores.bulk.base import View
from recon_cli.stores.bulk.registry import open_bulk

_TELL_ROWS = 20_000


def write(view: View, task: Task, folder: Path, compression: Compression, told: Callable[[int], None]) -> Part:
    """Write the shards of a task; `told` hears of every few thousand rows."""
    untold = 0
    with TableWriter(folder, task.table, task.cut, compression) as writer:
        for rows in view.rows(task.table.name, task.span):
            writer.add(rows)
            untold += len(rows)
            if untold >= _TELL_ROWS:
                told(untold)
                untold = 0
        part = writer.finish()
    told(untold)
    return part


def main() -> None:
    """Serve the coordinator on standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to answer: it closes our input
    orders, answers = open(0, "rb", buffering=0), open(1, "wb", buffering=0)  # noqa: SIM115  ours until the end
    send(answers, Ready())
    hello = receive(orders)
    if isinstance(hello, Hello):
        try:
            _serve(hello, orders, answers)
        except ReconError as exc:
            send(answers, exc)


def _serve(hello: Hello, orders: IO[bytes], answers: IO[bytes]) -> None:
    store = open_bulk(Place(hello.url, secret=lambda: hello.secret, options=hello.options))
    with store.join(hello.ticket) as view:
        send(answers, Ready())
        while isinstance(task := receive(orders), Task):
            part = write(view, task, hello.folder, hello.compression, lambda rows: send(answers, Advanced(rows)))
            send(answers, Written(task, part))
    store.close()


if __name__ == "__main__":
    main()
