"""What `recon doctor` looks at for `recon sync`: the queue's health, and for each sync its source and its target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from recon_cli.cli.checks import Check, Status, failed
from recon_cli.config import syncs
from recon_cli.config.settings import Settings
from recon_cli.core import words
from recon_cli.core.errors import ExitCode, NotFoundError, ReconError
from recon_cli.ops import paths
from recon_cli.ops.clock import SystemClock

_QUEUE = "queue"
_SHOWN = 3


def queue(settings: Settings) -> Iterator[Check]:
    """The outbox: is it whole, how much waits, who is paused, what was given up, what was lost."""
    try:
        path = settings.queue.path or paths.state_dir() / "queue.db"
        yield from _queue(path.absolute()) if path.exists() else [Check(_QUEUE, Status.OK, f"none yet at {path}")]
    except ReconError as exc:
        yield failed(_QUEUE, exc)


def _queue(path: Path) -> Iterator[Check]:
    # Imported where there is a queue: most machines have none.
    from recon_cli.outbox.opening import look  # noqa: PLC0415  see above
    from recon_cli.outbox.status import status  # noqa: PLC0415  see above

    with look(path) as db:
        wrong = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if wrong != "ok":
            mend = "the next `recon sync` sets it aside, and puts again what it lost"
            yield Check(_QUEUE, Status.FAIL, f"{path} is damaged: {wrong}", mend, ExitCode.DATA)
            return
        found = status(db, path, SystemClock().monotonic())
    waiting, dead = found.accounts["waiting"] + found.accounts["spilled"], found.accounts["dead"]
    age = ""
    if found.oldest_at is not None:
        age = f", the oldest for {words.seconds(max(0.0, SystemClock().now().timestamp() - found.oldest_at))}"
    yield Check(_QUEUE, Status.OK, f"{path}: {words.count(waiting, 'item')} waiting{age}")
    for one in found.circuits:
        where = f"{one.target} {one.table}".rstrip()
        mend = "`recon queue status` tells more, `recon queue replay` tries now"
        yield Check(_QUEUE, Status.WARN, f"{where} is left alone, {one.failure}: {one.detail}", mend)
    if dead:
        reasons = ", ".join(f"{number} {reason}" for reason, number in found.dead.items())
        yield Check(
            _QUEUE, Status.WARN, f"{words.count(dead, 'dead letter')}: {reasons}", "run `recon queue dead list`"
        )
    if found.losses:
        detail = f"{words.count(found.losses, 'loss', 'losses')} to damage, not accepted yet"
        yield Check(_QUEUE, Status.WARN, detail, "`recon queue verify` names them, `--accept` takes them as known")


def sync(settings: Settings, name: str) -> Iterator[Check]:
    """One sync: can its source be listed, and does its target take its rows?"""
    label = f"sync {name}"
    try:
        yield from _sync(label, name, syncs.resolve_sync(settings, name, syncs.Flags()))
    except ReconError as exc:
        yield failed(label, exc)


def _sync(label: str, name: str, found: syncs.SyncSettings) -> Iterator[Check]:
    from recon_cli.cli.sync_ends import route  # noqa: PLC0415  only where there is a sync
    from recon_cli.files.watched.look import names_in  # noqa: PLC0415  same
    from recon_cli.jobs.sync.ends import feed_of  # noqa: PLC0415  same
    from recon_cli.jobs.sync.intake import registry_bytes  # noqa: PLC0415  same
    from recon_cli.stores.sink.registry import open_sink  # noqa: PLC0415  same

    asked = route(found)
    feed = feed_of(asked)
    try:
        sources = feed.sources(registry_bytes(asked, feed), names_in(asked.root))
        yield Check(label, Status.OK, f"{asked.root} has {words.count(len(sources.folders), 'source')}")
        yield from (Check(label, Status.WARN, f"{one.item}: {one.reason}", one.detail) for one in sources.problems)
    except ReconError as exc:
        yield failed(label, exc)
    mend = f"run `recon sync init {name}`"
    with closing(open_sink(asked.target)) as sink:
        try:
            faults = feed.faults(sink.catalog())
        except NotFoundError as exc:
            yield Check(label, Status.FAIL, exc.message, mend, exc.code)
            return
    blocking = [one.problem() for one in faults if one.blocks]
    for told in blocking[:_SHOWN]:
        yield Check(label, Status.FAIL, f"{told.item}: {told.reason}: {told.detail}", mend, ExitCode.DRIFT)
    for told in [one.problem() for one in faults if not one.blocks][:_SHOWN]:
        yield Check(label, Status.WARN, f"{told.item}: {told.reason}: {told.detail}", mend)
    if not faults:
        yield Check(label, Status.OK, f"{asked.target.label} takes its rows")
