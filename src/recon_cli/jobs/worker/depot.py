"""The depot: where the workers of all machines find a job's files. A folder that all share, or any file store.

::

    JOB/job.json key.txt photos/   as submitted
    JOB/kept/EPOCH-STAGE.tar       what a finished stage left, while the job is under way
    JOB/…                          everything, once the job has ended

A worker works in a scratch folder of its own machine: COLMAP's databases do not take well to network file systems, and
what two workers write can never meet. Only its fenced row in `kept` makes an archive count.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, cast

from recon_cli.core import words
from recon_cli.core.canonical import Json
from recon_cli.core.entry import EntryType
from recon_cli.core.errors import DataError, GuardError, NotFoundError
from recon_cli.core.place import Place
from recon_cli.core.report import Report
from recon_cli.core.states import State
from recon_cli.files.base import FileStore, ScanOptions
from recon_cli.files.registry import open_files
from recon_cli.jobs.reconstruct.desk import Desk
from recon_cli.reconstruction.fleet import LAST, Fleet, Lease
from recon_cli.reconstruction.stages import STAGES
from recon_cli.reconstruction.turn import HOLD
from recon_cli.reconstruction.work import Work

KEPT, PHOTOS = "kept", "photos"
END = "end"
_CHUNK_BYTES = 1 << 18
_NEVER = {HOLD, "job.json", "key.txt"}
_NOT_BELOW = {KEPT, PHOTOS, "training"}
_END_ONLY = ("logs/", "result/report.json", "_recon.json")
"""What may be kept when a run ends early: what an unfinished stage left is not."""
_Seen = dict[str, tuple[int, int]]


@dataclass(slots=True)
class Depot:
    """The files of one job, for the worker that has its lease."""

    files: FileStore
    fleet: Fleet
    lease: Lease
    work: Work
    _seen: _Seen = field(default_factory=dict)

    def fetch(self) -> None:
        """Bring the job as submitted, and what its finished stages left, into the scratch folder.

        Raises:
            NotFoundError: the job's files are not there.
            UnreachableError: the store does not answer.
        """
        job = self.lease.job_id
        for path in _listed(self.files, job):
            if not path.startswith(f"{job}/{KEPT}/") and not _is_left_over(path):
                bring(self.files, path, self.work.folder / path.removeprefix(f"{job}/"))
        for _stage, path in self.fleet.kept(job):
            self._unpack(path)
        self._seen = _look(self.work.folder)

    def keep(self, stage: str) -> None:
        """Keep what is new since the last call under the name of a finished stage, or of the run's end.

        Raises:
            LostError: the job is another worker's; nothing counts.
        """
        now = _look(self.work.folder)
        new = [path for path, told in now.items() if self._seen.get(path) != told]
        if stage == END:
            new = [path for path in new if path.startswith(_END_ONLY)]
        self.fleet.still(self.lease)
        path = f"{self.lease.job_id}/{KEPT}/{self.lease.epoch}-{stage}.tar"
        self.files.write(path, _packed(self.work.folder, new))
        self.fleet.keep(self.lease, _place(stage), stage, path)
        self._seen = now

    def home(self) -> None:
        """Put the ended job's files where everybody looks for them; marks come last, archives go.

        Raises:
            LostError: the job is another worker's.
        """
        job = self.lease.job_id
        if not self.fleet.kept(job):
            return
        for path in sorted(_look(self.work.folder), key=lambda one: (one.startswith("stages/"), one)):
            self.fleet.still(self.lease)
            self.files.write(f"{job}/{path}", _chunks(self.work.folder / path))
        self.fleet.forget_kept(self.lease)
        for path in _listed(self.files, job):
            if path.startswith(f"{job}/{KEPT}/") or _is_left_over(path):
                self.files.remove(path)

    def _unpack(self, path: str) -> None:
        try:
            chunks = cast("IO[bytes]", _Stream(self.files.read(path)))  # `read` is all that tarfile asks of it
            with tarfile.open(fileobj=chunks, mode="r|") as archive:
                for member in archive:
                    _put(archive, member, self.work.folder)
        except (tarfile.TarError, FileExistsError, IsADirectoryError, NotADirectoryError) as exc:
            raise DataError(f"{path} in {self.files.url} is damaged", cause=str(exc)) from exc


def send(files: FileStore, job: Path, photos: Path) -> None:
    """Put a new job into the depot: its photos, its wishes, its key. What is there already in a shared folder stays.

    Raises:
        NotFoundError: there are no photos.
    """
    for path in _below(photos):
        name = photos.name if photos.is_file() else f"{photos.name}/{path.relative_to(photos).as_posix()}"
        files.write(f"{job.name}/{PHOTOS}/{name}", _chunks(path))
    for name in ("key.txt", "job.json"):
        files.write(f"{job.name}/{name}", (job / name).read_bytes().splitlines(keepends=True))


def drop(place: Place, jobs: Sequence[str]) -> None:
    """Delete everything of some jobs."""
    with closing(open_files(place)) as files:
        for path in (path for job_id in jobs for path in _listed(files, job_id, there=False)):
            files.remove(path)


def fetched(desk: Desk, place: Place, job_id: str, out: Path) -> Report:
    """Copy an ended job's files out of the store where workers leave them, below a folder of its name.

    Raises:
        GuardError: it has not ended, or its files are not home yet.
        NotFoundError: there are no files.
    """
    row = desk.table.get(job_id)
    if row.state in {State.PENDING, State.RUNNING} or (desk.table.fleet.ready() and desk.table.fleet.kept(job_id)):
        raise GuardError(f"job {job_id} is not complete: it is {row.cells.get('status')}", hint="wait for its end")
    with closing(open_files(place)) as files:
        found = [one for one in _listed(files, job_id) if one.split("/")[1] not in {KEPT, PHOTOS}]
        for path in found:
            bring(files, path, out / path)
    body: dict[str, Json] = {"job": job_id, "folder": str(out / job_id), "files": [str(out / one) for one in found]}
    return Report("recon.job.fetch/1", f"{words.count(len(found), 'file')} of job {job_id} in {out / job_id}", body)


def results(place: Place, job_id: str, out: Path) -> None:
    """Copy what an ended job has in `result/` into the folder `out`: whole, or not at all; nothing where there is none.

    Raises:
        UnreachableError: the store does not answer.
    """
    with closing(open_files(place)) as files, TemporaryDirectory(prefix=".fetching-", dir=out.parent) as beside:
        found = _listed(files, f"{job_id}/result", there=False)
        for path in found:
            bring(files, path, Path(beside) / path)
        if found and not out.exists():
            (Path(beside) / job_id / "result").rename(out)


def bring(files: FileStore, path: str, target: Path) -> None:
    """Copy one file out of the depot."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for chunk in files.read(path):
            file.write(chunk)


def _below(photos: Path) -> Iterator[Path]:
    if photos.is_file():
        yield photos
        return
    found = sorted(Path(folder) / name for folder, _, names in os.walk(photos, followlinks=True) for name in names)
    if not found:
        raise NotFoundError(f"nothing is in {photos}", hint="name the folder that holds the photos")
    yield from (path for path in found if path.is_file())


def _listed(files: FileStore, under: str, *, there: bool = True) -> list[str]:
    """Every file below a folder; a folder that is not there has none, unless it must be `there`."""
    try:
        listings = list(files.scan(under, ScanOptions()))
    except NotFoundError:
        if there:
            raise
        return []
    return [one.path for listing in listings for one in listing.entries if one.type is EntryType.FILE]


def _look(folder: Path) -> _Seen:
    """Files that belong to the job's story: path below its folder, and size and time as a sign of change."""
    seen: _Seen = {}
    for here, _, names in os.walk(folder):
        inside = PurePosixPath(Path(here).relative_to(folder).as_posix())
        if inside.parts and inside.parts[0] in _NOT_BELOW:
            continue
        for name in names:
            path = str(inside / name)
            found = (Path(here) / name).stat()
            if path not in _NEVER and not name.endswith((".part", ".tmp")):
                seen[path] = (found.st_size, found.st_mtime_ns)
    return seen


def _is_left_over(path: str) -> bool:
    """Whether a file is what a killed worker had begun to write into a folder."""
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith((".tmp", ".recon-part"))


def _place(stage: str) -> int:
    names = [one.name for one in STAGES]
    return LAST if stage == END else names.index(stage)


def _packed(folder: Path, paths: list[str]) -> Iterator[bytes]:
    """The bytes of an archive of those files."""
    with TemporaryDirectory(prefix=".keeping-", dir=folder.parent) as beside:
        archive = Path(beside) / "kept.tar"
        with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT, dereference=True) as made:
            for path in paths:
                made.add(folder / path, arcname=path, recursive=False)
        yield from _chunks(archive)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Unpack a member below `folder`: a plain file, as we pack nothing else.

    By hand, because the Python of Debian 12 knows no `filter="data"`.

    Raises:
        TarError: it is anything else, or its name leads out.
    """
    inside = PurePosixPath(member.name)
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or inside.is_absolute() or not inside.parts or ".." in inside.parts or "\0" in member.name:
        raise tarfile.ExtractError(f"{member.name!r} is not a file of a job")
    target = folder / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
    os.utime(target, (member.mtime, member.mtime))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


class _Stream:
    """Chunks as the readable that tarfile wants."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def empty(folder: Path) -> Path:
    """A new scratch folder at this path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    return folder
