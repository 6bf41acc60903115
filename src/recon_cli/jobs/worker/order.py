"""What a worker tells the process that runs one job: one line of JSON on its standard input, then a beat a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from recon_cli.core.place import Place


class End(IntEnum):
    """How such a process ends; anything else, and every signal, means that it died of the job."""

    ENDED = 0
    """The job has ended: done, failed or cancelled. Its files are home, or whoever comes next brings them there."""
    RETURNED = 3
    """The job waits again: somebody asked the worker to stop."""
    LOST = 4
    """Another worker has it, or our own was silent for too long."""
    LATER = 5
    """The files or the table could not be reached: the job waits for another try."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place that can be sent through a pipe, its secret included."""

    url: str
    name: str
    secret: str | None
    options: dict[str, Any]

    @classmethod
    def of(cls, place: Place) -> Address:
        """The address of a place."""
        return cls(place.url, place.name, place.secret(), dict(place.options))

    def place(self) -> Place:
        """The place again."""
        return Place(self.url, self.name, lambda: self.secret, self.options)


@dataclass(frozen=True, slots=True)
class Order:
    """One try at one job. `silence_s` without a beat on standard input ends the process.

    `colmap` and `train_command` are the worker's own: a job must not name programs to another's machine.
    """

    job_id: str
    epoch: int
    table: Address
    files: Address
    scratch: str
    silence_s: float
    colmap: str
    train_command: str

    def line(self) -> bytes:
        """For the pipe."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Order:
        """From the pipe."""
        body = json.loads(line)
        return cls(**{**body, "table": Address(**body["table"]), "files": Address(**body["files"])})
