"""From settings to the desk of reconstruction jobs: what `recon reconstruct` and `recon job` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recon_cli.cli.invocation import Invocation
from recon_cli.core.errors import ConfigError
from recon_cli.core.place import Place
from recon_cli.jobs.reconstruct import desk as desks
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.jobs.reconstruct.run import Watcher


def root(call: Invocation) -> Path:
    """The folder of the job folders: `[reconstruct] root`, else `recon-jobs` here."""
    return call.settings.reconstruct.root.expanduser().absolute()


def store(call: Invocation) -> Place | None:
    """Where the job table is, if not in the root."""
    named = call.settings.reconstruct.store
    return call.store(named) if named else None


def table_of_workers(call: Invocation) -> Place:
    """The Postgres that workers take jobs from.

    Raises:
        ConfigError: `[reconstruct] store` names none.
    """
    found = store(call)
    if found is None or not found.url.startswith(("postgresql:", "postgres:")):
        hint = 'set `[reconstruct] store = "postgresql://…"`, for every machine the same'
        told = found.url if found else f"`{desks.TABLE}` in {root(call)}"
        raise ConfigError("workers take jobs from a Postgres", cause=f"the job table is {told}", hint=hint)
    return found


def files_of_workers(call: Invocation) -> Place:
    """Where workers find the files of jobs: `[worker] files`, else the root, which all machines share."""
    named = call.settings.worker.files
    return call.files(named) if named else Place(str(root(call)))


@contextmanager
def opened(call: Invocation, *, make: bool = False) -> Iterator[Desk]:
    """The desk, with its table open."""
    with desks.opened(root(call), store(call), call.settings.reconstruct.concurrent, make=make) as desk:
        yield desk


def watcher(call: Invocation) -> Watcher:
    """Progress on the terminal, and with `-v` a line for each stage."""
    return Watcher(call.progress, call.note, call.warn)
