"""The checks of `recon doctor` for `recon worker`: is the queue there, who works, where files go."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from recon_cli.cli.checks import Check, Status, failed
from recon_cli.config import places
from recon_cli.config.layers import Layer
from recon_cli.config.settings import Settings
from recon_cli.core import words
from recon_cli.core.errors import ExitCode, ReconError
from recon_cli.core.place import Place

_INSTALL = "run `pip install 'recon-cli[worker]'`"


def workers(settings: Settings) -> Iterator[Check]:
    """What workers need, where `[worker]` is set or the job table is in a Postgres; else nothing."""
    ours = [one for key, one in settings.values.items() if key.startswith("worker.")]
    if not any(one.source.layer is not Layer.DEFAULT for one in ours):
        return
    if find_spec("procrastinate") is None or find_spec("psycopg_pool") is None:
        yield Check("worker", Status.FAIL, "procrastinate is not installed", _INSTALL, ExitCode.TOOL_MISSING)
        return
    try:
        named = settings.reconstruct.store
        yield _queue(places.resolve_store(settings, named) if named else Place(""))
        yield _files(settings)
    except ReconError as exc:
        yield failed("worker", exc)


def _queue(store: Place) -> Check:
    if not store.url.startswith(("postgresql:", "postgres:")):
        mend = 'set `[reconstruct] store = "postgresql://…"`'
        return Check("worker queue", Status.FAIL, "the job table is in no Postgres", mend, ExitCode.CONFIG)
    from recon_cli.reconstruction.jobtable import open_table  # noqa: PLC0415  brings SQLAlchemy in

    table = open_table(store)
    try:
        if not table.fleet.ready():
            return Check("worker queue", Status.WARN, "no schema `recon_worker` yet", "`recon worker init`")
        runs = table.fleet.runs().values()
        live = {row.id for row in table.waiting()}
    finally:
        table.close()
    held = [one for one in runs if one.worker]
    waiting = sum(one.job_id in live and not one.worker for one in runs)
    told = f"{words.count(len(held), 'job')} in hand, {waiting} waiting"
    return Check("worker queue", Status.OK, told)


def _files(settings: Settings) -> Check:
    named = settings.worker.files
    if not named:
        return Check("worker files", Status.OK, f"in {settings.reconstruct.root}, which all machines must share")
    return Check("worker files", Status.OK, f"in {places.resolve_files(settings, named).label}")
