"""One queue at work, as a program to be timed: `python -m tests.bench.queues WHO WORK ITEMS SIZE FOLDER`.

WHO is a queue, WORK is `put`, `one-by-one` or `through` (put and take all). It prints how many items were taken, or
how many are there.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path


def payloads(items: int, size: int) -> Iterator[bytes]:
    """Contents that differ."""
    filler = random.Random(1).randbytes(size // 2).hex()
    return (f"{number:012}{filler}".encode()[:size] for number in range(items))


def ours(work: str, items: int, size: int, folder: Path) -> int:
    """Group commit of 500, synchronous FULL; `one-by-one` waits for the disk at each."""
    from recon_cli.ops.clock import SystemClock  # noqa: PLC0415  only the queue that is timed is imported
    from recon_cli.outbox.drain import Drain, Pace  # noqa: PLC0415  same
    from recon_cli.outbox.item import Letter, Limits  # noqa: PLC0415  same
    from recon_cli.outbox.opening import open_outbox  # noqa: PLC0415  same

    limits = Limits(max_items=10 * items, ballast_bytes=0)
    with open_outbox(folder / "queue.db", SystemClock(), "bench", limits) as queue:
        letters = (Letter("db", "t", str(number), body) for number, body in enumerate(payloads(items, size)))
        if work == "one-by-one":
            return sum(len(queue.put([letter])) for letter in letters)
        placed = sum(1 for _ in queue.put_all(letters))
        if work == "put":
            return placed
        return Drain(queue, "db", lambda _batch: None, Pace(), lambda: 1.0, lambda: False).run().delivered


def persist_queue(work: str, items: int, size: int, folder: Path) -> int:
    """persist-queue's SQLite queue with acknowledgements, as its own documentation sets it up."""
    from persistqueue import SQLiteAckQueue  # noqa: PLC0415  only the queue that is timed is imported

    queue = SQLiteAckQueue(str(folder / "persist"), auto_commit=True)
    for body in payloads(items, size):
        queue.put(body)
    if work == "through":
        for _ in range(items):
            queue.ack(queue.get(block=False))
    queue.close()
    return items


def litequeue(work: str, items: int, size: int, folder: Path) -> int:
    """litequeue, which runs with synchronous NORMAL: a power cut may take what it has acknowledged."""
    from litequeue import LiteQueue  # noqa: PLC0415  only the queue that is timed is imported

    queue = LiteQueue(str(folder / "lite.db"))
    with closing(queue):
        for body in payloads(items, size):
            queue.put(body.decode())
        taken = 0
        while work == "through" and (message := queue.pop()):
            queue.done(message.message_id)
            taken += 1
    return taken if work == "through" else items


WHO = {"ours": ours, "persist-queue": persist_queue, "litequeue": litequeue}


if __name__ == "__main__":
    who, work, items, size, folder = sys.argv[1:]
    sys.stdout.write(f"{WHO[who](work, int(items), int(size), Path(folder))}\n")
