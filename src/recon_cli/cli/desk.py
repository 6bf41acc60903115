"""From settings to the desk of reconstruction jobs: what `recon reconstruct` and `recon job` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recon_cli.cli.invocation import Invocation
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


@contextmanager
def opened(call: Invocation, *, make: bool = False) -> Iterator[Desk]:
    """The desk, with its table open."""
    with desks.opened(root(call), store(call), call.settings.reconstruct.concurrent, make=make) as desk:
        yield desk


def watcher(call: Invocation) -> Watcher:
    """Progress on the terminal, and with `-v` a line for each stage."""
    return Watcher(call.progress, call.note, call.warn)
