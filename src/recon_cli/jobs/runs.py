"""Runs: what was applied, in the state folder, so that it can be listed and taken back.

A run is a folder `runs/<id>/`: `plan.json`, then `undo.json` (on disk before the target's commit), then `status.json`.
A run that has `undo.json` and no status was cut between the two; `undo` and `apply` both know what to do with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from recon_cli.core import codec
from recon_cli.core.canonical import Json, pretty
from recon_cli.core.errors import DataError, NotFoundError
from recon_cli.core.json_text import loads
from recon_cli.jobs.planfile import PlanFile
from recon_cli.ops import atomic
from recon_cli.stores.base import Undo


@dataclass(frozen=True, slots=True)
class Run:
    """One run's folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The run's name, sortable by time."""
        return self.folder.name

    def write(self, name: str, document: Mapping[str, Json]) -> None:
        """Publish one JSON file of the run; it is on disk when this returns."""
        atomic.write_file(self.folder / name, pretty(document))

    def read(self, name: str) -> dict[str, Any] | None:
        """One JSON file of the run, or None where it was never written."""
        try:
            document = loads((self.folder / name).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as exc:
            raise DataError(f"run {self.id} is damaged", cause=f"{name}: {exc}") from exc
        if not isinstance(document, dict):
            raise DataError(f"run {self.id} is damaged", cause=f"{name} is not an object")
        return document

    @property
    def state(self) -> str:
        """`applied`, `undone`, or `prepared` when the run was cut before it could say."""
        status = self.read("status.json")
        if status is None:
            return "prepared"
        if "state" not in status:
            raise DataError(f"run {self.id} is damaged", cause="status.json names no state")
        return str(status["state"])

    def undo(self) -> Undo:
        """What takes this run back.

        Raises:
            NotFoundError: the run never got as far as writing.
        """
        document = self.read("undo.json")
        if document is None:
            raise NotFoundError(f"run {self.id} wrote nothing", hint="`recon undo` lists the runs")
        return load_undo(document)


def dump_undo(undo: Undo) -> dict[str, Json]:
    """An Undo as JSON data."""
    return {
        "schema": "recon.undo/1",
        "changes": [codec.dump_change(change) for change in undo.changes],
        "created_tables": list(undo.created_tables),
        "counters": dict(undo.counters),
        "base": codec.dump_fingerprints(undo.base),
        "result": codec.dump_fingerprints(undo.result),
    }


def load_undo(document: Mapping[str, Any]) -> Undo:
    """The inverse of `dump_undo`."""
    try:
        return Undo(
            tuple(map(codec.load_change, document["changes"])),
            tuple(document["created_tables"]),
            document["counters"],
            codec.load_fingerprints(document["base"]),
            codec.load_fingerprints(document["result"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as exc:
        raise DataError("an undo journal is damaged", cause=f"{type(exc).__name__}: {exc}") from exc


def start(state_dir: Path, plan: PlanFile, now: datetime, token: str) -> Run:
    """A new run folder with its plan in it; `token` keeps two runs of one second apart."""
    run = Run(state_dir / "runs" / f"{now:%Y%m%dT%H%M%SZ}-{token}")
    run.folder.mkdir(parents=True, mode=0o700)
    run.write("plan.json", {**plan.document(), "digest": plan.digest()})
    return run


def find(state_dir: Path, run_id: str) -> Run:
    """The run of this id, or of the only id that starts so.

    Raises:
        NotFoundError: no run, or several.
    """
    matches = [run for run in every(state_dir) if run.id.startswith(run_id)]
    exact = [run for run in matches if run.id == run_id]
    if len(exact or matches) != 1:
        cause = "several runs start so" if matches else None
        raise NotFoundError(f"no run {run_id}", cause=cause, hint="`recon undo` lists the runs")
    return (exact or matches)[0]


def every(state_dir: Path) -> Iterator[Run]:
    """All runs, the newest first."""
    folder = state_dir / "runs"
    if folder.is_dir():
        yield from (Run(path) for path in sorted(folder.iterdir(), reverse=True) if path.is_dir())
