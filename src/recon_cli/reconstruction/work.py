"""Work: the folder of one job, laid out as the reconstruction server's later generation has it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.canonical import Json
from recon_cli.core.errors import UsageError
from recon_cli.core.json_text import loads
from recon_cli.ops import atomic

_ID = re.compile(r"[0-9A-Za-z]{8}")


@dataclass(frozen=True, slots=True)
class Work:
    """Paths in a job's folder. Nothing here writes but the marks of finished stages."""

    folder: Path

    @property
    def id(self) -> str:
        """The job's id: the folder's name."""
        return self.folder.name

    @property
    def images(self) -> Path:
        """Working copies of the photos."""
        return self.folder / "upload" / "images"

    @property
    def masks(self) -> Path:
        """Masks of those photos that have one."""
        return self.folder / "upload" / "masks"

    @property
    def features(self) -> Path:
        """COLMAP's database after the features; matching begins with a copy of it."""
        return self.folder / "colmap" / "features.db"

    @property
    def database(self) -> Path:
        """COLMAP's database with the matches."""
        return self.folder / "colmap" / "database.db"

    @property
    def sparse(self) -> Path:
        """The sparse model that was chosen."""
        return self.folder / "colmap" / "sparse" / "0"

    @property
    def scene(self) -> Path:
        """What trainers read: `images/` and `sparse/`, undistorted."""
        return self.folder / "work"

    @property
    def training(self) -> Path:
        """Where the trainer keeps its checkpoints."""
        return self.folder / "training"

    @property
    def output(self) -> Path:
        """Where the clouds are."""
        return self.folder / "output" / "point_cloud"

    @property
    def result(self) -> Path:
        """What a user takes away."""
        return self.folder / "result"

    @property
    def log(self) -> Path:
        """The story of the job, stage by stage."""
        return self.folder / "logs" / "process.log"

    def stage_log(self, stage: str) -> Path:
        """Everything one stage and its libraries said."""
        return self.folder / "logs" / f"{stage}.log"

    def cloud(self, iterations: int) -> Path:
        """The folder of the clouds after so many iterations."""
        return self.output / f"iteration_{iterations}"

    def mark(self, stage: str) -> Path:
        """The file that says that a stage is done."""
        return self.folder / "stages" / f"{stage}.json"

    def outcome(self, stage: str) -> Mapping[str, Json] | None:
        """What a finished stage left behind; None where it is not done."""
        try:
            body = loads(self.mark(stage).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return body if isinstance(body, dict) else None

    def finish(self, stage: str, outcome: Mapping[str, Json]) -> None:
        """Mark a stage as done."""
        path = self.mark(stage)
        path.parent.mkdir(exist_ok=True)
        atomic.write_file(path, json.dumps(outcome, ensure_ascii=False, indent=1).encode())

    def forget(self, stage: str) -> None:
        """Take the mark of a stage away."""
        self.mark(stage).unlink(missing_ok=True)

    def append(self, line: str) -> None:
        """One line more in the job's story; a full disk costs the line only."""
        with suppress(OSError), self.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line.rstrip("\n") + "\n")


def is_id(name: str) -> bool:
    """Whether a word can be a job's id: eight letters or digits, and so no path."""
    return bool(_ID.fullmatch(name))


def at(root: Path, job_id: str) -> Work:
    """The folder of a job below `root`.

    Raises:
        UsageError: it is no id, so that no word leads out of the root.
    """
    if not is_id(job_id):
        raise UsageError(
            f"`{job_id}` is not a job id", hint="ids are eight letters or digits; `recon job list` shows them"
        )
    return Work(root / job_id)


def fresh(folder: Path) -> Path:
    """An empty folder at this path, whatever an interrupted run left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def publish(part: Path, target: Path) -> None:
    """Put a finished folder or file in its place, in one step."""
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
