"""Three stages that take no time, in every process of a test: what is tested is who runs them, not what they do.

The folder `RECON_LEDGER` sees them from outside: `runs` has a line for each begin and end, and while a job's stage runs
it holds a lock there, so that a job that runs twice at once is caught whichever processes do it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import DataError
from recon_cli.core.ports import Progress
from recon_cli.ops import atomic
from recon_cli.reconstruction import jobtable, stages
from recon_cli.reconstruction.request import Request
from recon_cli.reconstruction.stages import Stage
from recon_cli.reconstruction.work import Work

NAMES = ("validate", "train", "viewer")
Outcome = Mapping[str, Json]


def install() -> None:
    """Put them in place, before anybody has taken the real ones."""
    ahead_s, right = int(os.environ.get("RECON_TEST_AHEAD_S", "0")), time.time
    if ahead_s:
        time.time = lambda: right() + ahead_s
        jobtable.now = lambda: datetime.fromtimestamp(time.time(), UTC).replace(tzinfo=None)
    made = tuple(Stage(name, name, f"{__name__}:{name}", 33, 600, _checked(name)) for name in NAMES)
    stages.STAGES = made
    stages.BY_NAME = {one.name: one for one in made}


def validate(work: Work, request: Request, progress: Progress) -> Outcome:
    """Read the photos."""
    return _stage("validate", work, request, progress)


def train(work: Work, request: Request, progress: Progress) -> Outcome:
    """The one in which things go wrong."""
    return _stage("train", work, request, progress)


def viewer(work: Work, request: Request, progress: Progress) -> Outcome:
    """The last one: a result from what the others left."""
    outcome = _stage("viewer", work, request, progress)
    whole = b"".join((work.folder / f"{name}.out").read_bytes() for name in NAMES)
    work.result.mkdir(exist_ok=True)
    atomic.write_file(work.result / "viewer.html", hashlib.sha256(whole).hexdigest().encode())
    return outcome


def expected(photos: Path) -> str:
    """What a job's result must be, whoever ran which of its stages."""
    whole = b"".join(_output(name, photos) for name in NAMES)
    return hashlib.sha256(whole).hexdigest()


def _stage(name: str, work: Work, request: Request, progress: Progress) -> Outcome:
    ledger = Path(os.environ["RECON_LEDGER"])
    wish = request.photos.name
    with (ledger / f"{work.id}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _tell(ledger, "twice", work.id, name)
        _tell(ledger, "begin", work.id, name)
        (ledger / f"{work.id}.programs").write_text(f"{request.colmap}\n{request.train_command}")
        if name == "train":
            _trouble(wish, ledger, progress)
        atomic.write_file(work.folder / f"{name}.out", _output(name, request.photos))
        _tell(ledger, "end", work.id, name)
    return {"photos": len(list(request.photos.iterdir()))}


def _trouble(wish: str, ledger: Path, progress: Progress) -> None:
    if wish.startswith("slow"):
        while not (ledger / "go").exists():
            progress.update(1, 2)
            time.sleep(0.05)
    if wish.startswith("some"):
        time.sleep(0.3)
    if wish.startswith("bad"):
        raise DataError("these photos are bad")
    if wish.startswith("kills-job"):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if wish.startswith("kills-worker"):
        fields = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()
        os.kill(int(fields[1]), signal.SIGKILL)
        time.sleep(60)


def _output(name: str, photos: Path) -> bytes:
    digest = hashlib.sha256(name.encode())
    for path in sorted(photos.iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


def _checked(name: str):  # noqa: ANN202  a check
    return lambda work: None if (work.folder / f"{name}.out").is_file() else f"no {name}.out"


def _tell(ledger: Path, *words: str) -> None:
    number = os.open(ledger / "runs", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(number, (" ".join(words) + "\n").encode())
    finally:
        os.close(number)
