"""verify: is a snapshot whole, and does it come back?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import ExitCode
from recon_cli.core.place import Place
from recon_cli.core.ports import Progress, Silent
from recon_cli.core.report import Problem, Report, Table
from recon_cli.jobs.backup.drill import Diary, Drilled, drill
from recon_cli.ops.clock import Clock
from recon_cli.snapshot import check
from recon_cli.snapshot.folder import FolderSnapshot
from recon_cli.snapshot.reader import Snapshot


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """How to verify. `drill` restores everything, on `server` where the engine needs one.

    `label` names the snapshot, `home` the URL of what keeps it: the age of its last drill is remembered under it.
    """

    label: str
    home: str
    drill: bool = False
    server: Place | None = None
    trusted: bool = False
    progress: Progress = field(default_factory=Silent)


def verify(snapshot: Snapshot, state_dir: Path, request: VerifyRequest, clock: Clock) -> Report:
    """Compare every file with the manifest and, if asked, restore it all and compare that.

    Damage is told file by file and ends with code 14; a restored database that is another with code 4.
    """
    began = clock.monotonic()
    damage = tuple(damaged(snapshot))
    diary = Diary.of(state_dir, request.home)
    drilled = None
    if request.drill and not damage:
        drilled = drill(snapshot, request.server, request.progress, trusted=request.trusted)
        if not drilled.differences:
            diary.write(request.label, clock.now())
    return _report(snapshot, request, damage, drilled, _ages(diary.last(), clock.now()), clock.monotonic() - began)


def damaged(snapshot: Snapshot) -> Iterator[Problem]:
    """Everything that is not what the manifest says, by file, table and row range."""
    assert isinstance(snapshot, FolderSnapshot), "every destination hands its snapshots out as folders"
    for fault in check.verify(snapshot):
        rows = f"rows {fault.first} to {fault.last} of {fault.table}" if fault.last else fault.table
        yield Problem(fault.path, fault.reason, rows)


def _report(
    snapshot: Snapshot,
    request: VerifyRequest,
    damage: tuple[Problem, ...],
    drilled: Drilled | None,
    ages: dict[str, Json],
    took_s: float,
) -> Report:
    parts = snapshot.manifest.tables
    files, rows = sum(len(part.shards) for part in parts), sum(part.rows for part in parts)
    differences = drilled.differences if drilled else ()
    verdict = _verdict(damage, drilled)
    counted = f"{words.count(files, 'file')}, {words.count(rows, 'row')}"
    body: dict[str, Json] = {
        "snapshot": request.label,
        "files": files,
        "rows": rows,
        "damaged": len(damage),
        "drill": None if drilled is None else drilled.where,
        "differences": [{"table": table, "reason": reason} for table, reason in differences],
        **ages,
    }
    tables = (Table(("table", "difference"), differences),) if differences else ()
    code = ExitCode.DATA if damage else ExitCode.DRIFT if differences else ExitCode.DONE
    summary = f"{verdict}: {counted} ({request.label}) in {words.seconds(took_s)}"
    return Report("recon.backup-verify/1", summary, body, tables, damage, code)


def _ages(last: datetime | None, now: datetime) -> dict[str, Json]:
    """When the last drill passed, as metrics want it."""
    return {
        "drill_age_seconds": (now - last).total_seconds() if last else None,
        "last_drill_timestamp_seconds": last.timestamp() if last else None,
    }


def _verdict(damage: tuple[Problem, ...], drilled: Drilled | None) -> str:
    if damage:
        return f"damaged in {words.count(len(damage), 'place')}"
    if drilled is None:
        return "whole"
    if drilled.differences:
        return f"whole, but restored ({drilled.where}) it differs in {words.count(len(drilled.differences), 'place')}"
    return f"whole, and restored ({drilled.where}) it is equal"
