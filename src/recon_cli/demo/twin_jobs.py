"""Synthetic job folders of the reconstruction server, both generations, with the failures seen there."""

from __future__ import annotations

import os
import random
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recon_cli.demo import pieces
from recon_cli.demo.twin import Row, write_database

JOBS = """CREATE TABLE jobs (job_id VARCHAR(8) PRIMARY KEY, pub_key VARCHAR(10) UNIQUE NOT NULL,
 status VARCHAR(20) DEFAULT 'PENDING', created_at DATETIME, started_at DATETIME, completed_at DATETIME,
 original_resolution BOOLEAN, image_count INTEGER, iterations INTEGER DEFAULT 10000, gaussian_count INTEGER,
 filtered_count INTEGER, removed_count INTEGER, file_size_mb FLOAT, error_message TEXT, error_stage VARCHAR(50),
 retry_count INTEGER DEFAULT 0, colmap_registered_images INTEGER, colmap_points INTEGER,
 processing_time_seconds FLOAT)"""
ERROR_LOGS = """CREATE TABLE error_logs (id INTEGER PRIMARY KEY, job_id VARCHAR(8), timestamp DATETIME,
 stage VARCHAR(50), error_type VARCHAR(100), error_message TEXT, traceback TEXT)"""

ENDINGS = ("done", "done", "done", "failed", "interrupted", "swallowed")
"""How the jobs end, in turn; `swallowed` failed in training and was marked DONE all the same."""
_STEPS = ("Feature extraction", "Feature matching", "Mapping", "Undistortion", "Gaussian Splatting training", "Export")
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Job:
    """The truth about one job. `generation` is `old` or `new`."""

    id: str
    key: str
    generation: str
    ending: str
    images: int
    gaussians: int
    kept: int
    registered: int
    points: int
    created: datetime
    started: datetime
    ended: datetime
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class JobsTwin:
    """Job folders on disk below `store`; `lost` is the vanished database, outside the tree."""

    root: Path
    store: Path
    lost: Path
    jobs: tuple[Job, ...]
    rows: tuple[Row, ...] = field(repr=False)


def make_jobs(root: Path, jobs: int = 12, seed: int = 1, *, lost: Path | None = None) -> JobsTwin:
    """Write job folders below `root/data/jobs` and the lost database beside `root`."""
    rng = random.Random(seed)  # noqa: S311  made-up data, nothing secret
    store = root / "data" / "jobs"
    made = tuple(_job(rng, number) for number in range(jobs))
    sizes = [_write(store / job.id, job) for job in made]
    rows = tuple(_row(job, size) for job, size in zip(made, sizes, strict=True))
    path = lost or root.parent / f"{root.name}-lost-jobs.db"
    write_database(path, {JOBS: ("jobs", rows), ERROR_LOGS: ("error_logs", _errors(made))})
    return JobsTwin(root, store, path, made, rows)


def _job(rng: random.Random, number: int) -> Job:
    created = datetime(2025, 10, 1, 3, tzinfo=UTC) + timedelta(hours=5 * number)
    images, gaussians = rng.randrange(3, 9), rng.randrange(60, 200)
    alphabet = "0123456789abcdef" if number % 3 else "0123456789ABCDEFGHabcdefgh"
    return Job(
        "".join(rng.choices(alphabet, k=8)),
        "".join(rng.choices("0123456789", k=10)),
        "old" if number % 2 == 0 else "new",
        ENDINGS[number // 2 % len(ENDINGS)],
        images,
        gaussians,
        gaussians - rng.randrange(5, 40),
        images - number % 2,
        rng.randrange(400, 4000),
        created,
        created + timedelta(minutes=1),
        created + timedelta(minutes=rng.randrange(10, 50)),
    )


def _write(folder: Path, job: Job) -> int:
    """The folder of one job; returns the size of the file that the server measured, 0 without one."""
    for number in range(job.images):
        _put(folder / "upload" / "images" / f"view_{number:02}.jpg", pieces.jpeg(number), job.created)
    _put(folder / "colmap" / "database.db", b"colmap's own, no copy of ours", job.started)
    if job.ending != "interrupted":
        _write_sparse(folder, job)
    size = _write_output(folder, job) if job.ending == "done" else 0
    log = folder / ("run.log" if job.generation == "old" else "logs/process.log")
    _put(log, _log(job).encode(), job.ended)
    if job.generation == "old" and job.ending in {"done", "swallowed"}:
        _put(folder / "key.txt", f"{job.key}\n".encode(), job.ended)
    return size


def _write_sparse(folder: Path, job: Job) -> None:
    """Two models, of which the second is the larger; the text copy of it under `work`."""
    for number, (images, points) in enumerate(((2, 10), (job.registered, job.points))):
        place = folder / "colmap" / "sparse" / str(number)
        _put(place / "images.bin", struct.pack("<Q", images) + b"\0" * 32, job.started)
        _put(place / "points3D.bin", struct.pack("<Q", points) + b"\0" * 32, job.started)
    text = folder / "work" / "sparse" / "0"
    announced = f"# Image list\n# Number of images: {job.registered}, mean observations per image: 9\n"
    _put(text / "images.txt", announced.encode(), job.started)
    _put(text / "points3D.txt", f"# Number of points: {job.points}, mean track length: 3\n".encode(), job.started)


def _write_output(folder: Path, job: Job) -> int:
    out = folder / ("gs_output" if job.generation == "old" else "output") / "point_cloud" / "iteration_10000"
    kept = pieces.gaussians(job.kept)
    _put(out / "point_cloud.ply", pieces.gaussians(job.gaussians), job.ended - timedelta(minutes=2))
    _put(out / "point_cloud_filtered.ply", kept, job.ended - timedelta(minutes=1))
    _put(out / "scene.splat", b"\0" * (44 if job.generation == "old" else 32) * job.kept, job.ended)
    if job.generation == "old":
        _put(folder / "export" / "cloud.ply", kept, job.ended)
    return len(kept)


def _log(job: Job) -> str:
    reached = {"done": 6, "failed": 3, "interrupted": 2, "swallowed": 5}[job.ending]
    lines = [f"=== Job {job.id} started ===", *(f">> [{n + 1}/6] {_STEPS[n]}..." for n in range(reached))]
    if job.ending == "failed":
        lines += [">> [ERROR] mapper found no initial pair"]
    if job.ending == "swallowed":
        lines += ["[Exception] RuntimeError: CUDA out of memory", "Traceback (most recent call last):"]
        lines += ['  File "train.py", line 1, in <module>', "RuntimeError: CUDA out of memory"]
    if job.ending == "done":
        lines += [f"=== Job {job.id} completed successfully ==="]
    return "\n".join([*lines, ""])


def _put(path: Path, body: bytes, moment: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def _row(job: Job, size_bytes: int) -> Row:
    done, failed = job.ending == "done", job.ending == "failed"
    status = {"failed": "FAILED", "interrupted": "RUNNING"}.get(job.ending, "DONE")
    mapped = job.ending != "interrupted"
    return {
        "job_id": job.id,
        "pub_key": job.key,
        "status": status,
        "created_at": _naive(job.created),
        "started_at": _naive(job.started),
        "completed_at": None if job.ending == "interrupted" else _naive(job.ended),
        "original_resolution": 0,
        "image_count": job.images,
        "iterations": 10000,
        "gaussian_count": job.gaussians if done else None,
        "filtered_count": job.kept if done else None,
        "removed_count": job.gaussians - job.kept if done else None,
        "file_size_mb": size_bytes / _MEGABYTE if done else None,
        "error_message": "mapper found no initial pair" if failed else None,
        "error_stage": "colmap_mapper" if failed else None,
        "retry_count": 0,
        "colmap_registered_images": job.registered if mapped else None,
        "colmap_points": job.points if mapped else None,
        "processing_time_seconds": (job.ended - job.started).total_seconds() if done else None,
    }


def _errors(jobs: tuple[Job, ...]) -> list[Row]:
    failed = [job for job in jobs if job.ending == "failed"]
    return [
        {
            "id": number,
            "job_id": job.id,
            "timestamp": _naive(job.ended),
            "stage": "colmap_mapper",
            "error_type": "RuntimeError",
            "error_message": "mapper found no initial pair",
            "traceback": None,
        }
        for number, job in enumerate(failed, start=1)
    ]


def _naive(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
