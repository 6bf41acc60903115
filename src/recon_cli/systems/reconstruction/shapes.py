"""The tables of the reconstruction server, in both generations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from recon_cli.core.canonical import Value
from recon_cli.core.errors import DataError
from recon_cli.core.schema import Column, ColumnType, Merge, Schema

COUNTS = "counts"
"""The first generation: how many Gaussians came out, were kept and were removed."""
STEPS = "steps"
"""The later one: `step` and `progress`, without those counts."""
FULL = "full"
"""Tables that were migrated have both."""

_GAUSSIANS = ("gaussian_count", "filtered_count", "removed_count")
_STEPS = ("step", "progress")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a target uses for how a job ended."""

    done: str = "DONE"
    failed: str = "FAILED"


UNFINISHED = frozenset({"PENDING", "RUNNING", "PROCESSING", "QUEUED"})
FINISHED = frozenset({"DONE", "COMPLETED"})
FAILED = frozenset({"FAILED", "ERROR"})


def vocabulary(statuses: Collection[str]) -> Vocabulary:
    """The words that are in use; `DONE` and `FAILED` where none is known."""
    completed = bool({"COMPLETED", "PROCESSING"} & set(statuses)) and "DONE" not in statuses
    error = "ERROR" in statuses and "FAILED" not in statuses
    return Vocabulary("COMPLETED" if completed else "DONE", "ERROR" if error else "FAILED")


def _integer(name: str, default: str | None = None, merge: Merge = Merge.FILL) -> Column:
    return Column(name, ColumnType.INTEGER, default=default, merge=merge)


def _time(name: str) -> Column:
    return Column(name, ColumnType.TIMESTAMP)


_ALL = (
    Column("job_id", nullable=False, length=8),
    Column("pub_key", nullable=False, unique=True, merge=Merge.PROTECT, length=10),
    Column("status", default="'PENDING'", length=20),
    Column("step", length=30),
    _integer("progress"),
    _time("created_at"),
    _time("started_at"),
    _time("completed_at"),
    Column("original_resolution", ColumnType.BOOLEAN),
    _integer("image_count"),
    _integer("iterations", "10000"),
    *(_integer(name) for name in _GAUSSIANS),
    Column("file_size_mb", ColumnType.REAL),
    Column("error_message"),
    Column("error_stage", length=50),
    _integer("retry_count", "0", Merge.LIVE),
    _integer("colmap_registered_images"),
    _integer("colmap_points"),
    Column("processing_time_seconds", ColumnType.REAL),
)
_LEFT_OUT = {COUNTS: _STEPS, STEPS: _GAUSSIANS, FULL: ()}

ERROR_LOGS = Schema(
    "error_logs",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("job_id", length=8),
        _time("timestamp"),
        Column("stage", length=50),
        Column("error_type", length=100),
        Column("error_message"),
        Column("traceback"),
    ),
    ("id",),
    (),
    "id",
)


def schemas(shape: str) -> tuple[Schema, ...]:
    """Jobs, then their error logs."""
    if shape not in _LEFT_OUT:
        raise DataError(f"reconstruction has no table layout `{shape}`", hint=f"known are {', '.join(_LEFT_OUT)}")
    columns = tuple(column for column in _ALL if column.name not in _LEFT_OUT[shape])
    return (Schema("jobs", columns, ("job_id",)), ERROR_LOGS)


def shape_for(columns: Mapping[str, Sequence[str]]) -> str | None:
    """The shape a target already has, by column names; None without a table `jobs`.

    Raises:
        DataError: there is a table `jobs`, and it is not the reconstruction server's.
    """
    if "jobs" not in columns:
        return None
    names = set(columns["jobs"])
    if not {"job_id", "pub_key"} <= names:
        raise DataError(
            "the table `jobs` is not the reconstruction server's",
            cause=f"it has {', '.join(columns['jobs'])}",
            hint="name another target, or another system with `--system`",
        )
    if not names & set(_STEPS):
        return COUNTS
    return FULL if names & set(_GAUSSIANS) else STEPS


def is_live(status: Value) -> bool:
    """Whether a status says that a job was waiting or running."""
    return str(status).upper() in UNFINISHED
