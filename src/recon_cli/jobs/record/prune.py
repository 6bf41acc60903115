"""prune: old records into an archive, which is read back, and only then out of their table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError, ExitCode, NotFoundError
from recon_cli.core.report import Problem, Report
from recon_cli.jobs.record import archive
from recon_cli.jobs.record.archive import Packing
from recon_cli.ops import signals
from recon_cli.stores.records.keeper import Group, Keeper, Kept, Sums
from recon_cli.systems.records import RecordSystem

SCHEMA = "recon.record-prune/1"
_AT_ONCE = 200


def kept_of(system: RecordSystem) -> Kept:
    """Which tables of a system go together."""
    landing = next((one for one in system.landings() if one.window is not None), None)
    if landing is None or landing.window is None:
        return Kept(system.book)
    return Kept(system.book, landing.table, landing.window)


def would(keeper: Keeper, kept: Kept, before: datetime) -> Report:
    """How many records a prune would archive and delete."""
    number = keeper.count(kept, before)
    body: dict[str, Json] = {"table": kept.book.table, "before": before.isoformat(), "records": number}
    told = f"{words.count(number, 'record')} before {before:%Y-%m-%d %H:%M:%S} UTC; nothing was archived or deleted"
    return Report(SCHEMA, f"{kept.book.table}: {told}", body)


def prune(
    keeper: Keeper,
    kept: Kept,
    before: datetime,
    folder: Path,
    packing: Packing,
    *,
    now: datetime,
    step: Callable[[str], None] = lambda _name: None,
) -> Report:
    """Archive every record older than `before`, read the archive back, and delete what it holds.

    Killed anywhere, a record is in the table, or in an archive that was read back, or in both.

    Args:
        keeper: the target.
        kept: its tables.
        before: an aware moment; a record at it stays.
        folder: where the archive goes.
        packing: how it is compressed.
        now: for the archive's name.
        step: told the name of each step before it is done; tests kill the process there.

    Raises:
        NotFoundError: there is no such folder.
        DataError: the archive is not what was written; nothing was deleted.
    """
    if not folder.is_dir():
        raise NotFoundError(f"no folder {folder} for the archive", hint=f"run `mkdir -p {folder}`")
    number = keeper.count(kept, before)
    if not number:
        return _report(kept, before, None, (0, 0, ()), keeper.url)
    path = folder / _name(kept, before, now, packing)
    step("archive")
    said: dict[str, Json] = {"target": keeper.url, "before": before.isoformat(), "written_at": now.isoformat()}
    archived = archive.write(path, kept, keeper.older(kept, before), said)
    step("read back")
    months = _read_back(path, kept, archived, before)
    step("drop")
    dropped = keeper.drop_months(kept, months)
    deleted = _delete(keeper, kept, path, step, frozenset(dropped))
    return _report(kept, before, path, (archived, deleted, tuple(dropped)), keeper.url)


def _read_back(path: Path, kept: Kept, archived: int, before: datetime) -> dict[str, Sums]:
    """What each whole month of the archive comes to, now that all of it was read from the disk."""
    found: dict[str, Sums] = {}
    number = 0
    for group in archive.read(path, kept):
        number += 1
        found.setdefault(_month(group.record[kept.book.moment]), Sums()).add(kept.book.table, group.record)
        for row in group.hanging if kept.window else ():
            found.setdefault(_month(row[kept.window.moment]), Sums()).add(kept.sightings, row)  # type: ignore[union-attr]  # asked above
    if number != archived:
        raise DataError(f"{path} holds {number} records, not {archived}", hint="nothing was deleted; run again")
    last = f"{before.astimezone(UTC):%Y_%m}"
    return {month: sums for month, sums in found.items() if month < last}


def _delete(keeper: Keeper, kept: Kept, path: Path, step: Callable[[str], None], dropped: frozenset[str]) -> int:
    """Delete what the archive holds, batch by batch; how many records went, partitions included."""
    deleted = 0
    groups = archive.read(path, kept)
    while some := list(islice(groups, _AT_ONCE)):
        left = [one for one in some if not _gone(kept, one, dropped)]
        if left:
            step("delete")
            deleted += keeper.delete(kept, left)
        deleted += len(some) - len(left)
        if signals.stop_requested():
            break
    return deleted


def _gone(kept: Kept, group: Group, dropped: frozenset[str]) -> bool:
    """Whether a group went with the partitions that were dropped."""
    return all(month in dropped for month in _months(kept, group))


def _months(kept: Kept, group: Group) -> Iterator[str]:
    yield _month(group.record[kept.book.moment])
    for row in group.hanging if kept.window else ():
        yield _month(row[kept.window.moment])  # type: ignore[union-attr]  # asked above


def _month(cell: Json) -> str:
    return str(cell)[:7].replace("-", "_")


def _name(kept: Kept, before: datetime, now: datetime, packing: Packing) -> str:
    ending = ".jsonl" if packing is Packing.NONE else f".jsonl.{packing}"
    return f"{kept.book.table}-before-{before:%Y%m%dT%H%M%SZ}-at-{now:%Y%m%dT%H%M%S%fZ}{ending}"


def _report(
    kept: Kept, before: datetime, path: Path | None, done: tuple[int, int, tuple[str, ...]], url: str
) -> Report:
    archived, deleted, dropped = done
    body: dict[str, Json] = {
        "table": kept.book.table,
        "before": before.isoformat(),
        "archive": str(path) if path else None,
        "archived": archived,
        "deleted": deleted,
        "dropped": list(dropped),
    }
    left = archived - deleted
    problems = (
        (Problem(kept.book.table, "changed since", f"{left} were archived and stay; the next prune"),) if left else ()
    )
    told = f"{archived} archived, {deleted} deleted" if path else "nothing is older"
    summary = f"{kept.book.table}: {told} ({url}{f' → {path}' if path else ''})"
    return Report(SCHEMA, summary, body, (), problems, ExitCode.PARTIAL if left else ExitCode.DONE)
