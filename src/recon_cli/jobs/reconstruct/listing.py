"""list, show, stats: what the table and the folders know of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.report import Report, Table
from recon_cli.core.states import State
from recon_cli.jobs.reconstruct import result
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.reconstruction import process
from recon_cli.reconstruction.fleet import Run
from recon_cli.reconstruction.jobtable import Cell, Row
from recon_cli.reconstruction.runner import took

_COLUMNS = ("job", "status", "step", "%", "created", "photos", "registered", "Gaussians", "seconds", "error")
_BAR = 24


def listed(desk: Desk, *, state: State | None = None) -> Report:
    """Every job, the newest first."""
    rows = [row for row in desk.table.all() if state is None or row.state is state]
    workers = desk.table.fleet.runs()
    body: list[Json] = [_document(row, desk) for row in rows]
    counts = {one.value: sum(row.state is one for row in rows) for one in State}
    told = ", ".join(f"{number} {name.lower()}" for name, number in counts.items() if number)
    summary = f"{words.count(len(rows), 'job')}{f': {told}' if told else ''}"
    return Report(
        "recon.job.list/1",
        summary,
        {"jobs": body, "counts": dict(counts)},
        (_with_workers(rows, workers) if workers else Table(_COLUMNS, [_line(row) for row in rows]),),
    )


def _with_workers(rows: Sequence[Row], workers: Mapping[str, Run]) -> Table:
    """The list where workers take jobs: who has each, and since when."""
    lines = [(*_line(row)[:4], *_worker(workers.get(row.id)), *_line(row)[4:]) for row in rows]
    return Table((*_COLUMNS[:4], "worker", "since", *_COLUMNS[4:]), lines)


def _worker(run: Run | None) -> tuple[Json, Json]:
    if run is None:
        return "", ""
    return run.worker or f"({run.pool})", _moment(run.since) if run.worker and run.since else ""


def _moment(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="seconds")


def shown(desk: Desk, job_id: str) -> Report:
    """Everything about one job: its row, its errors, its stages and the end of its log."""
    row = desk.table.get(job_id)
    work = desk.work(job_id)
    found = result.outcomes(work)
    errors = desk.table.errors(job_id)
    tail = process.tail(work.log)
    files = result.files(work, found)
    body: dict[str, Json] = {
        **_document(row, desk),
        "log_tail": tail.splitlines(),
        "errors": [_plain(one) for one in errors],
        "stages": {name: dict(outcome) for name, outcome in found.items()},
        "folder": str(work.folder),
        "files": [*files],
        "viewer": next((path for path in files if path.endswith(".html")), None),
    }
    facts = [(name, value) for name, value in _plain(row.cells).items() if value is not None]
    tables = [Table(("column", "value"), facts)]
    if found:
        tables.append(result.stages(found))
    if errors:
        tables.append(Table(("time", "stage", "type", "error"), [_error_line(one) for one in errors]))
    status = str(row.cells.get("status"))
    summary = f"job {job_id} is {status}" + (f" at {row.cells['error_stage']}" if row.cells.get("error_stage") else "")
    hints = (f"`recon job retry {job_id}` goes on where it stopped",) if _can_go_on(row, desk) else ()
    return Report("recon.job.show/1", summary, body, tuple(tables), hints=hints)


def stats(desk: Desk) -> Report:
    """Times and sizes over all jobs: how many ended how, how long stages take, how much came out."""
    rows = desk.table.all()
    counts = {one.value: sum(row.state is one for row in rows) for one in State}
    done = [row for row in rows if row.state is State.DONE]
    numbers = {name: _spread([row.number(column) for row in done]) for name, column in _MEASURED.items()}
    by_stage = _stage_seconds(desk, rows)
    failed = _failures(rows)
    body: dict[str, Json] = {
        "counts": dict(counts),
        "done": {name: dict(one) for name, one in numbers.items() if one},
        "stage_seconds": {name: dict(one) for name, one in by_stage.items() if one},
        "failed_stages": dict(failed),
    }
    tables = [
        _drawn("jobs", {name.lower(): float(number) for name, number in counts.items() if number}),
        Table(
            ("of done jobs", "least", "median", "most"), [(name, *one.values()) for name, one in numbers.items() if one]
        ),
        _drawn("median seconds", {name: one["median"] for name, one in by_stage.items() if one}),
    ]
    if failed:
        tables.append(_drawn("failed at", {name: float(number) for name, number in failed.items()}))
    rate = f", {100 * len(done) // ended} % of those that ended are done" if (ended := _ended(rows)) else ""
    return Report("recon.job.stats/1", f"{words.count(len(rows), 'job')}{rate}", body, tuple(tables))


_MEASURED = {
    "photos": "image_count",
    "registered": "colmap_registered_images",
    "points": "colmap_points",
    "Gaussians": "gaussian_count",
    "kept": "filtered_count",
    "MB": "file_size_mb",
    "seconds": "processing_time_seconds",
}


def _ended(rows: Sequence[Row]) -> int:
    return sum(row.state in {State.DONE, State.FAILED} for row in rows)


def _stage_seconds(desk: Desk, rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    by_stage: dict[str, list[float | None]] = {}
    for row in rows:
        if not (desk.root / row.id).is_dir():
            continue
        for name, outcome in result.outcomes(desk.work(row.id)).items():
            by_stage.setdefault(name, []).append(took(outcome, "seconds"))
    return {name: _spread(found) for name, found in by_stage.items()}


def _failures(rows: Sequence[Row]) -> dict[str, int]:
    stages = [str(row.cells.get("error_stage") or "unknown") for row in rows if row.state is State.FAILED]
    return {name: stages.count(name) for name in sorted(set(stages))}


def _spread(values: Sequence[float | None]) -> dict[str, float]:
    known = [value for value in values if value is not None]
    if not known:
        return {}
    return {"least": round(min(known), 2), "median": round(median(known), 2), "most": round(max(known), 2)}


def _drawn(title: str, values: Mapping[str, float]) -> Table:
    """Numbers with a bar beside each."""
    most = max(values.values(), default=0) or 1
    rows = [(name, round(value, 1), "█" * max(1, round(_BAR * value / most))) for name, value in values.items()]
    return Table((title, "", " "), rows)


def _document(row: Row, desk: Desk) -> dict[str, Json]:
    body = {**_plain(row.cells), "queue_position": desk.position(row)}
    run = desk.table.fleet.run(row.id)
    if run is not None:
        since = _moment(run.since) if run.worker and run.since else None
        body |= {"worker": run.worker, "worker_since": since, "pool": run.pool, "takings": run.epoch}
    return body


def _line(row: Row) -> tuple[Json, ...]:
    cells = _plain(row.cells)
    error = str(cells.get("error_message") or "")
    return (
        cells["job_id"],
        cells.get("status"),
        cells.get("step"),
        cells.get("progress"),
        str(cells.get("created_at") or "")[:19],
        cells.get("image_count"),
        cells.get("colmap_registered_images"),
        cells.get("filtered_count") or cells.get("gaussian_count"),
        cells.get("processing_time_seconds"),
        error if len(error) <= 60 else f"{error[:59]}…",  # noqa: PLR2004  as much as a line of a table bears
    )


def _error_line(error: Mapping[str, Cell]) -> tuple[Json, ...]:
    cells = _plain(error)
    return (cells["timestamp"], cells["stage"], cells["error_type"], cells["error_message"])


def _plain(cells: Mapping[str, Cell]) -> dict[str, Json]:
    return {name: _moment(value) if isinstance(value, datetime) else value for name, value in cells.items()}


def _can_go_on(row: Row, desk: Desk) -> bool:
    waits = row.state is State.PENDING and desk.position(row) is None and not desk.held(row.id)
    return waits or row.state in {State.FAILED, State.CANCELLED}
