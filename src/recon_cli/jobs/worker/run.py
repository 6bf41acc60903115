"""run: this process as a worker; what it did is its report."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.report import Report
from recon_cli.jobs.worker import schema
from recon_cli.jobs.worker.crew import Crew, Wish
from recon_cli.ops import paths
from recon_cli.reconstruction import turn
from recon_cli.reconstruction.jobtable import JobTable, open_table


def init(wish: Wish) -> Report:
    """Make the tables of jobs and of workers; nothing is changed where they are."""
    open_table(wish.table).close()
    done = schema.install(wish.table)
    body: dict[str, Json] = {"schema_is": done}
    return Report("recon.worker.init/1", f"the schema `recon_worker` was {done}", body)


def work(wish: Wish, say: Callable[[str], None]) -> Report:
    """Be a worker until a signal comes.

    Raises:
        UnreachableError, AuthError: the table cannot be used when it begins. Later it waits for the server.
    """
    table = open_table(wish.table)
    try:
        schema.install(wish.table)
        with _scratch(wish.scratch) as folder:
            return asyncio.run(_work(replace(wish, scratch=folder), table, say))
    finally:
        table.close()


async def _work(wish: Wish, table: JobTable, say: Callable[[str], None]) -> Report:
    crew = Crew(wish, table, say)
    say(f"worker {crew.name} takes {' and '.join(wish.queues)} jobs, {wish.concurrent} at a time")
    await crew.run()
    told = crew.tally
    body: dict[str, Json] = {"worker": crew.name, **asdict(told)}
    summary = f"worker {crew.name}: {told.taken} taken, {told.ended} ended, {told.returned} given back"
    more = [f"{count} {name}" for name, count in (("died", told.died), ("lost", told.lost)) if count]
    return Report("recon.worker/1", ", ".join([summary, *more]), body)


@contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A folder of our own below `root`; what workers left there that are dead is swept."""
    paths.private_dir(root)
    for left in root.iterdir():
        if left.is_dir() and not turn.is_held(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = root / f"worker-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o700)
    try:
        with turn.hold(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
