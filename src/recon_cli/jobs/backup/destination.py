"""Destination: where snapshots are kept. tests/jobs/backup/conformance.py holds each of them to this contract."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from recon_cli.snapshot.manifest import Manifest
from recon_cli.snapshot.reader import Snapshot

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Held:
    """One snapshot that a destination keeps. `fault` says why it does not count as a good one; empty if it does.

    `newer` names its format where this recon is too old to read it: nothing is known to be wrong with it.

    `name` is the UTC time of its making, `20261121T030000Z` (with `-2` … where two fall into one second); in a git
    repository the commit's.
    """

    name: str
    made: datetime
    size_bytes: int | None = None
    fault: str = ""
    newer: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did. `changed` False: the content is what the latest snapshot holds, and nothing was added."""

    name: str
    where: str
    changed: bool = True
    size_bytes: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """How a snapshot was made. Told beside it and never part of it: the same content gives the same bytes.

    `changes` says table by table what is new (`items: 12 added, 3 changed, 1 removed`), where that is known.
    """

    took_s: float | None = None
    host: str = ""
    changes: tuple[str, ...] = ()


NO_RUN = Run()


class Destination(Protocol):
    """Snapshots of one database, oldest first. All methods raise `ReconError`s only.

    A snapshot is seen whole or not at all; one that is there is never touched by the making of another.
    """

    url: str
    """Where it is, without any secret."""

    def held(self) -> tuple[Held, ...]:
        """Every snapshot, oldest first, also those that are not good."""

    def latest(self) -> Manifest | None:
        """The manifest of the newest good snapshot that this recon can read, or None."""

    def open(self, name: str = LATEST) -> AbstractContextManager[Snapshot]:
        """A snapshot to read. NotFoundError when there is none of that name, NewerFormatError if it is too new."""

    def staging(self, name: str) -> AbstractContextManager[Path]:
        """An empty private folder on a local disk, where the shards of a new snapshot are written; removed at the end.

        On the same file system as the destination where that is local, so that publishing is a rename.
        """

    def publish(self, name: str, folder: Path, manifest: Manifest, run: Run = NO_RUN) -> Published:
        """Make the staged folder (data files and manifest, all fsynced) the newest snapshot.

        What goes to another place is read back and compared with the manifest's SHA-256 before it counts.
        """

    def remove(self, name: str) -> None:
        """Delete one snapshot; one that is not there is not an error. UsageError where history is kept (git)."""

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed runs left behind; the names of what was removed. Call it under the lock."""

    def close(self) -> None:
        """Give connections back. Safe to call twice."""


@runtime_checkable
class ByFile(Protocol):
    """A destination that can also give single data files of its latest snapshot, without fetching all of it."""

    def fetch(self, sizes: Mapping[str, int], folder: Path) -> None:
        """Copy files of the latest snapshot, given by path with their sizes in bytes, into `folder`, unchecked."""


@runtime_checkable
class KeepsHistory(Protocol):
    """A destination from which nothing is ever taken (git): it cannot be pruned, whatever the rules say."""

    kept_because: str
    """Why, for an operator who asks for it."""
