"""overview: what an operator looks for first. Is anything lost or waiting, what runs, what failed, how counts moved."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import ReconError
from recon_cli.core.states import State
from recon_cli.jobs import history
from recon_cli.jobs import queue as queues
from recon_cli.jobs.history import Count
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.ops.clock import Clock
from recon_cli.reconstruction.jobtable import JobTable, Row

_DAYS = 14
SHOWN = 20
"""As many jobs of a state stand in the overview."""
_ROUNDED = 1 << 24
"""Bytes: the rest of free space changes all the time and is news to nobody."""
_DRIFT = ("orphans", "missing", "changed")


@dataclass(frozen=True, slots=True)
class Watched:
    """One `[tables.NAME]` that is checked: its name, and the file that remembers its checks."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Drift:
    """The checks of one table, the oldest first; empty where none was made."""

    name: str
    checks: tuple[Count, ...]

    @property
    def amiss(self) -> int:
        """What was amiss at the last check: files without a row, rows without files, changed files."""
        return sum(getattr(self.checks[-1], name) or 0 for name in _DRIFT) if self.checks else 0

    def document(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {"name": self.name, "amiss": self.amiss, "checks": [asdict(one) for one in self.checks]}


def drift(watched: Sequence[Watched]) -> tuple[Drift, ...]:
    """What the last checks of every table counted."""
    return tuple(Drift(one.name, tuple(history.remembered(one.path))) for one in watched)


def jobs(table: JobTable, now: datetime) -> dict[str, Json]:
    """Jobs in numbers: by state, by day, and the first of those an operator asks for. `now` is aware."""
    by_state = table.counts()
    shown = {
        "running": table.page(State.RUNNING, limit=SHOWN),
        "waiting": table.page(State.PENDING, limit=SHOWN, oldest_first=True),
        "failed": table.page(State.FAILED, limit=SHOWN),
        "done": table.page(State.DONE, limit=SHOWN),
    }
    return {
        "counts": {state.value: by_state[state] for state in State},
        "days": [*_days(table, now)],
        **{name: [_line(row) for row in found] for name, found in shown.items()},
    }


def _days(table: JobTable, now: datetime) -> list[Json]:
    """For each of the last days: jobs made, and what became of those that ended on it."""
    today = now.astimezone(UTC).date()
    days = [str(today - timedelta(days=ago)) for ago in reversed(range(_DAYS))]
    rows = table.since(datetime.fromisoformat(days[0]))
    made = Counter(str(row.cells.get("created_at"))[:10] for row in rows)
    ended = Counter((row.state, str(row.cells.get("completed_at"))[:10]) for row in rows)
    return [
        {"day": day, "made": made[day], "done": ended[State.DONE, day], "failed": ended[State.FAILED, day]}
        for day in days
    ]


def _line(row: Row) -> dict[str, Json]:
    names = ("job_id", "step", "progress", "image_count", "gaussian_count", "error_stage", "error_message", "pub_key")
    told: dict[str, Json] = {name: row.cells.get(name) for name in names}  # type: ignore[misc]  # cells without times
    for name in ("created_at", "started_at", "completed_at"):
        value = row.cells.get(name)
        told[name] = value.isoformat(timespec="seconds") + "Z" if isinstance(value, datetime) else None
    return {**told, "state": row.state.value if row.state else None}


def queue(path: Path, clock: Clock) -> dict[str, Json]:
    """The outbox in numbers; `there` False where nothing was ever put into it, `trouble` where it cannot be read."""
    if not path.exists():
        return {"there": False}
    try:
        report = queues.status(path, clock)
    except ReconError as exc:
        return {"there": True, "trouble": exc.message}
    return {"there": True, **{name: value for name, value in report.body.items() if name != "path"}}


def overview(desk: Desk, queue_path: Path, watched: Sequence[Watched], clock: Clock) -> dict[str, Json]:
    """All of it as one document."""
    now = clock.now()
    found = drift(watched)
    disk = shutil.disk_usage(desk.root)
    return {
        "schema": "recon.overview/1",
        "at": now.isoformat(timespec="seconds"),
        "jobs": jobs(desk.table, now),
        "queue": queue(queue_path, clock),
        "drift": [one.document() for one in found],
        "disk": {"free_bytes": disk.free // _ROUNDED * _ROUNDED, "total_bytes": disk.total},
    }


def amiss(document: Mapping[str, Json]) -> list[Json]:
    """What is wrong, the worst first: a word for it, a number, and where to look."""
    queue_, found = document["queue"], document["drift"]
    assert isinstance(queue_, dict)
    assert isinstance(found, list)
    counted = {word: queue_[word] for word in ("lost", "dead", "spilled") if queue_.get(word)}
    told: list[Json] = [{"what": f"queue_{word}", "count": number, "where": ""} for word, number in counted.items()]
    paused = queue_.get("circuits")
    if isinstance(paused, list) and paused:
        told.append({"what": "queue_paused", "count": len(paused), "where": ""})
    for one in found:
        assert isinstance(one, dict)
        if one["amiss"]:
            told.append({"what": "drift", "count": one["amiss"], "where": one["name"]})
    return told
