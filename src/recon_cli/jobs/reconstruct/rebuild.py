"""rebuild: the job table again from the job folders, of either generation, by the same evidence as `recon recover`."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

from recon_cli.core.errors import ExitCode
from recon_cli.core.place import Place
from recon_cli.core.report import Report
from recon_cli.files.registry import open_files
from recon_cli.jobs import apply as applying
from recon_cli.jobs import present
from recon_cli.jobs import recover as recovering
from recon_cli.jobs.reconstruct.desk import TABLE
from recon_cli.jobs.scan import open_state
from recon_cli.ops.clock import Clock
from recon_cli.stores.registry import open_records
from recon_cli.systems import registry


def rebuild(root: Path, store: Place | None, state_dir: Path, clock: Clock, *, dry_run: bool) -> Report:
    """Fill the table from the folders below `root`: rows that are missing are made, empty cells filled.

    Jobs whose folder is gone are marked as missing, not deleted; `recon undo` takes the run back.
    """
    began = clock.monotonic()
    system = registry.get("reconstruction")
    place = store or Place(f"sqlite:///{(root / TABLE).absolute()}")
    request = recovering.RecoverRequest(shape="" if _there(place) else "full", max_missing=1.0)
    files, records = open_files(Place(str(root.absolute()))), open_records(place)
    try:
        with open_state(files, request.scan, state_dir) as state:
            plan, _found = recovering.recover(system, files, records, state, request, clock)
        if dry_run:
            report = present.plan_report(plan, took_s=clock.monotonic() - began, every_field=False)
        else:
            report, _run = applying.apply(plan, system, records, state_dir, clock, token=secrets.token_hex(3))
            code = ExitCode.PARTIAL if plan.problems and report.exit_code is ExitCode.DONE else report.exit_code
            report = replace(report, problems=(*report.problems, *plan.problems), exit_code=code)
    finally:
        files.close()
        records.close()
    return replace(report, schema="recon.job.rebuild/1")


def _there(place: Place) -> bool:
    """Whether the table's file is there, so that its own columns count; a server is asked by the recovery itself."""
    path = place.url.removeprefix("sqlite:///")
    return path == place.url or Path(path).exists()
