"""What the files of one job say about its row: each field with its evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from recon_cli.core.canonical import Value
from recon_cli.core.entry import Entry, Precision
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.evidence import Evidence
from recon_cli.core.ports import Reader
from recon_cli.core.report import Problem
from recon_cli.systems import ply
from recon_cli.systems.reconstruction import runlog, sparse
from recon_cli.systems.reconstruction.confidence import CONFIDENCE
from recon_cli.systems.reconstruction.layout import Job
from recon_cli.systems.reconstruction.shapes import Vocabulary

_T = TypeVar("_T")
_KEY = re.compile(r"[0-9A-Za-z]{10}")
_LOG_END = 1 << 20
_HEADS = (4096, 1 << 16)
_MEGABYTE = 1024 * 1024
_SPLAT_ROWS = (32, 44)
"""Bytes of one Gaussian in a `.splat`: the common form, and the one this server wrote."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a job folder tells: the best evidence by column, its log, and what could not be taken."""

    evidence: Mapping[str, Evidence]
    run: runlog.Run
    done: bool
    failed: bool
    """The log says so and there is no output: surer than a row that says otherwise."""
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Cloud:
    """One PLY: its file and what its header promises (None when there is none to read)."""

    entry: Entry
    header: ply.Header | None

    @property
    def intact(self) -> bool:
        return self.header is not None and not self.header.truncated(self.entry.size_bytes)


@dataclass(slots=True)
class _Output:
    """What training left: the last iteration with files in it, its clouds and splat."""

    iteration: int | None = None
    all: _Cloud | None = None
    kept: _Cloud | None = None
    splat: Entry | None = None
    export: _Cloud | None = None

    @property
    def done(self) -> bool:
        """Whether something a viewer can show is there, whole."""
        clouds = (self.kept, self.export)
        whole = self.splat is not None and self.splat.size_bytes != 0 and _splat_fits(self.splat)
        return whole or any(one is not None and one.intact for one in clouds)

    def shown(self) -> Entry | None:
        """The file whose size the server recorded: the filtered cloud, else the whole one, else the splat."""
        cloud = self.kept or self.all
        return cloud.entry if cloud else self.splat


@dataclass(slots=True)
class _Reading:
    job: Job
    reader: Reader
    problems: list[Problem] = field(default_factory=list)

    def attempt(self, entry: Entry, read: Callable[[], _T]) -> _T | None:
        """What `read` gives; a file that cannot be read is a problem, a store that cannot be reached an error."""
        try:
            return read()
        except (NotFoundError, DataError) as exc:
            self.problems.append(Problem(entry.path, "unreadable", exc.cause or exc.message))
            return None

    def say(self, entry: Entry, reason: str, detail: str = "") -> None:
        self.problems.append(Problem(entry.path, reason, detail))


def tell(job: Job, reader: Reader, words: Vocabulary) -> Told:
    """Read one job folder: PLY headers, the first bytes of the sparse model, the end of the log, `key.txt`."""
    reading = _Reading(job, reader)
    if not job.item.complete:
        reading.problems.append(Problem(job.item.folder, "not listed completely", "what its files say may not be all"))
    run, output = _run(reading), _output(reading)
    failed = bool(run.failures) and not output.done and job.item.complete
    found = [
        *_identity(reading),
        *_ending(job, run, output, words),
        *_times(job, output),
        *_counts(reading, output),
        *_sparse(reading),
    ]
    return Told(dict(found), run, output.done, failed, tuple(reading.problems))


def _identity(reading: _Reading) -> Iterator[tuple[str, Evidence]]:
    job = reading.job
    yield "job_id", _evidence(job.id, job.item.folder, "directory-name")
    key = job.key
    raw = reading.attempt(key, lambda: reading.reader.head(key, 256)) if key else None
    if key is None or raw is None:
        return
    words = raw.decode("ascii", "replace").split()
    if words and _KEY.fullmatch(words[-1]):
        yield "pub_key", _evidence(words[-1], key.path, "key-file")
    else:
        reading.say(key, "no public key in it")


def _run(reading: _Reading) -> runlog.Run:
    log = reading.job.log
    raw = reading.attempt(log, lambda: reading.reader.tail(log, _LOG_END)) if log else None
    return runlog.parse(raw or b"")


def _output(reading: _Reading) -> _Output:
    found = _Output()
    by_iteration = reading.job.iterations()
    if by_iteration:
        found.iteration = max(by_iteration)
        files = by_iteration[found.iteration]
        found.all = _cloud(reading, files.get("point_cloud.ply"))
        found.kept = _cloud(reading, files.get("point_cloud_filtered.ply"))
        found.splat = files.get("scene.splat")
    found.export = _cloud(reading, reading.job.export())
    if found.splat is not None and not _splat_fits(found.splat):
        reading.say(found.splat, "no whole number of Gaussians", f"{found.splat.size_bytes} bytes")
    return found


def _cloud(reading: _Reading, entry: Entry | None) -> _Cloud | None:
    if entry is None:
        return None
    header = None
    for size_bytes in _HEADS:
        raw = reading.attempt(entry, lambda most=size_bytes: reading.reader.head(entry, most))  # type: ignore[misc]  # mypy cannot type the default
        if raw is None:
            return _Cloud(entry, None)
        header = ply.parse_header(raw)
        if header is not None or len(raw) < size_bytes:
            break
    cloud = _Cloud(entry, header)
    if header is None:
        reading.say(entry, "no PLY header")
    elif not cloud.intact:
        reading.say(entry, "truncated", f"{entry.size_bytes} of {header.expected_bytes} bytes")
    return cloud


def _splat_fits(entry: Entry) -> bool:
    return entry.size_bytes is None or any(entry.size_bytes % row == 0 for row in _SPLAT_ROWS)


def _ending(job: Job, run: runlog.Run, output: _Output, words: Vocabulary) -> Iterator[tuple[str, Evidence]]:
    log = job.log.path if job.log else job.item.folder
    if run.starts:
        yield "retry_count", _evidence(run.starts - 1, log, "log", f"{run.starts} starts in the log")
    if output.done:
        shown = output.splat or output.shown()
        method = "output-after-error" if run.failures else "output"
        note = f"though the log says: {run.failures[0].message}" if run.failures else ""
        yield "status", _evidence(words.done, shown.path if shown else job.item.folder, method, note)
        yield "progress", _evidence(100, job.item.folder, "output")
        return
    stage = run.failures[0].stage if run.failures else run.stage or ("upload" if job.log is None else "")
    method = "log-error" if run.failures else "no-output"
    message = run.failures[0].message if run.failures else "interrupted"
    note = run.stage_line or "no stage in the log"
    yield "status", _evidence(words.failed, log, method, "" if run.failures else "no output, and nothing says why")
    yield "error_message", _evidence(message, log, method)
    yield "error_stage", _evidence(stage or None, log, method, note)
    yield "step", _evidence(stage or None, log, method, note)


def _times(job: Job, output: _Output) -> Iterator[tuple[str, Evidence]]:
    """Times are the changes of files: the upload, the first file after it, the last output."""
    uploads = job.images
    later = [one for one in job.item.files if one not in uploads]
    created, started = _earliest(uploads or job.item.files), _earliest(later)
    ended = _latest([*filter(None, (output.splat, output.shown(), job.key, job.log))] or later)
    if created:
        yield "created_at", _moment(created, "upload-mtime", "the first image uploaded")
    if started:
        yield "started_at", _moment(started, "first-file-mtime", "at the latest: the first file made after the upload")
    if ended:
        yield "completed_at", _moment(ended, "last-file-mtime", "the last file written")
    if started and ended and started.mtime and ended.mtime:
        seconds = (ended.mtime - started.mtime).total_seconds()
        yield "processing_time_seconds", _evidence(seconds, ended.path, "last-file-mtime", "at the least")


def _counts(reading: _Reading, output: _Output) -> Iterator[tuple[str, Evidence]]:
    images = reading.job.images
    if images:
        place = images[0].parent
        note = "" if place.startswith(f"{reading.job.item.folder}/upload") else "the uploads are gone"
        yield "image_count", _evidence(len(images), place, "files-counted", note)
    if output.iteration is not None:
        yield "iterations", _evidence(output.iteration, reading.job.item.folder, "iteration-folder")
    every, kept = (one.header.vertices if one and one.header else None for one in (output.all, output.kept))
    if output.all and every is not None:
        yield "gaussian_count", _evidence(every, output.all.entry.path, "ply-header")
    elif output.kept and kept is not None:
        note = "after filtering: the cloud before it is gone"
        yield "gaussian_count", _evidence(kept, output.kept.entry.path, "ply-header-filtered", note)
    if output.kept and kept is not None:
        yield "filtered_count", _evidence(kept, output.kept.entry.path, "ply-header")
        if every is not None and every >= kept:
            yield "removed_count", _evidence(every - kept, output.kept.entry.path, "ply-header", f"{every} - {kept}")
    shown = output.shown()
    if shown and shown.size_bytes is not None:
        yield "file_size_mb", _evidence(shown.size_bytes / _MEGABYTE, shown.path, "file-size")


def _sparse(reading: _Reading) -> Iterator[tuple[str, Evidence]]:
    """The largest model: the mapper may leave several, and the largest is not always number 0."""
    counted = [(*_counted(reading, files), place) for place, files in sorted(reading.job.models().items())]
    known = [one for one in counted if one[0] is not None]
    if not known:
        return
    images, points, place = max(known, key=lambda one: (one[0] or 0, one[1] or 0, one[2].startswith("work/")))
    source = f"{reading.job.item.folder}/{place}"
    note = f"the largest of {len(known)} models" if len(known) > 1 else ""
    yield "colmap_registered_images", _evidence(images, source, "sparse-model", note)
    if points is not None:
        yield "colmap_points", _evidence(points, source, "sparse-model", note)


def _counted(reading: _Reading, files: Mapping[str, Entry]) -> tuple[int | None, int | None]:
    def one(name: str) -> int | None:
        entry = files.get(name)
        return reading.attempt(entry, lambda: sparse.count(entry, reading.reader)) if entry else None

    return one("images"), one("points3D")


def _earliest(entries: Iterable[Entry]) -> Entry | None:
    timed = [one for one in entries if one.mtime is not None]
    return min(timed, key=lambda one: (one.mtime or datetime.max.replace(tzinfo=UTC), one.path), default=None)


def _latest(entries: Iterable[Entry]) -> Entry | None:
    timed = [one for one in entries if one.mtime is not None]
    return max(timed, key=lambda one: (one.mtime or datetime.min.replace(tzinfo=UTC), one.path), default=None)


def _moment(entry: Entry, method: str, note: str) -> Evidence:
    assert entry.mtime is not None
    precision = "" if entry.precision is Precision.EXACT else f", to the {entry.precision.value}"
    return _evidence(entry.mtime.astimezone(UTC), entry.path, method, note + precision)


def _evidence(value: Value, source: str, method: str, note: str = "") -> Evidence:
    return Evidence(value, source, method, CONFIDENCE[method], note)
