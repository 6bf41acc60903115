"""A child of a migration: joins the source's state, then does one task after the other until its input ends."""

from __future__ import annotations

import gc
import signal
from typing import IO

from recon_cli.core.errors import ReconError
from recon_cli.jobs.migrate import tasks
from recon_cli.jobs.migrate.bench import Workbench
from recon_cli.migration.plan import MigrationPlan
from recon_cli.migration.reading import settle
from recon_cli.migration.target import Target
from recon_cli.ops.pipes import receive, send
from recon_cli.stores.bulk.sqlite import SqliteBulk
from recon_cli.stores.bulk.sqlite_open import translated


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Serve the coordinator until it closes `orders`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to answer: it closes our input
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gc.disable()  # rows by the thousand have no cycles
    hello = receive(orders)
    if isinstance(hello, tasks.Hello):
        try:
            _serve(hello, orders, answers)
        except ReconError as exc:
            send(answers, exc)
        except Exception as exc:  # noqa: BLE001  the coordinator has the boundary that tells of a bug
            send(answers, ReconError(f"unexpected {type(exc).__name__} in a process at work", cause=str(exc)))


def _serve(hello: tasks.Hello, orders: IO[bytes], answers: IO[bytes]) -> None:
    store = SqliteBulk(hello.source.place)
    target = Target(hello.target.place, hello.schema, hello.salt) if hello.target else None
    with store.join(hello.ticket) as view, translated(store.path, store.timeout_s):
        settle(view.db)
        bench = Workbench(view.db, target, lambda told: send(answers, told))
        send(answers, tasks.Ready())
        while (order := receive(orders)) is not None:
            if isinstance(order, MigrationPlan):
                bench.take(order)
                continue
            send(answers, bench.do(order))  # type: ignore[arg-type]  # what the coordinator sends
        bench.close()
