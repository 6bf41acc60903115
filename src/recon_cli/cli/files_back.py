"""`recon recover` the other way round: files out of the rows of a store, for systems whose rows give them back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from recon_cli.cli.invocation import Invocation
from recon_cli.config import places, syncs
from recon_cli.core.errors import UsageError
from recon_cli.core.report import Report
from recon_cli.jobs.rebuild import rebuild
from recon_cli.stores.sink.registry import open_sink
from recon_cli.systems.feed import Rebuilds


def files_back(
    call: Invocation, feed: Rebuilds, source: str | None, target: str | None, host: str, *, apply: bool
) -> Report:
    """The plan, or what was done.

    Raises:
        UsageError: an end is missing, or `--to` is not a folder of this machine.
    """
    if source is None or target is None:
        raise UsageError(
            "the store or the folder is not named", hint="give the store as `--from` and a folder as `--to`"
        )
    place = syncs.with_key(places.resolve_store(call.settings, source, call.warn))
    folder = places.resolve_files(call.settings, target, call.warn).url.removeprefix("file://")
    if "://" in folder:
        raise UsageError(f"{folder} is not a folder of this machine", hint="give a folder as `--to`")
    with closing(open_sink(place)) as sink:
        return rebuild(feed, sink, Path(folder), host, apply=apply)
