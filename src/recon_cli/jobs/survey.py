"""survey: from a scanned store to findings. Scan, read the database copies, let the system derive."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from recon_cli.core.entry import Entry
from recon_cli.core.errors import NotFoundError, ReconError
from recon_cli.core.report import Problem
from recon_cli.files.base import FileStore
from recon_cli.files.reader import StoreReader
from recon_cli.files.state import ScanState
from recon_cli.jobs.scan import ScanRequest, fill, incomplete
from recon_cli.stores.copies import read_copy
from recon_cli.systems.base import Copy, Derived, Item, System


@dataclass(frozen=True, slots=True)
class Survey:
    """What a store holds, in a system's terms. `incomplete` names the directories that are not proven complete."""

    items: tuple[Item, ...]
    derived: Derived
    copies: tuple[Copy, ...]
    incomplete: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that could not be taken as it is."""
        from_copies = tuple(problem for copy in self.copies for problem in copy.problems)
        return self.incomplete + from_copies + self.derived.problems


@dataclass(frozen=True, slots=True)
class Evidence:
    """What to believe beside the files: older databases and JSON backups, with the zone of their naive times."""

    also: tuple[Path, ...] = ()
    zone: str = ""


def survey(
    system: System, files: FileStore, state: ScanState, request: ScanRequest, evidence: Evidence, *, shape: str
) -> Survey:
    """Scan `files` into `state` and rebuild its records."""
    fill(files, state, request)
    copies = (*_on_store(system, files, state), *_given(evidence))
    derived = system.derive(state, StoreReader(files, state, request.options.progress), copies, shape=shape)
    return Survey(tuple(system.items(state)), derived, copies, incomplete(state))


def _on_store(system: System, files: FileStore, state: ScanState) -> Iterator[Copy]:
    with tempfile.TemporaryDirectory(prefix="recon-copy-") as folder:
        for entry in system.copies(state):
            yield _fetch(files, state, entry, Path(folder))


def _fetch(files: FileStore, state: ScanState, entry: Entry, folder: Path) -> Copy:
    """Download one copy, its write-ahead log with it: the newest rows may only be there."""
    local = folder / "copy.db"
    try:
        for suffix in ("", "-wal"):
            part = entry if not suffix else _sibling(state, entry, suffix)
            target = local.with_name(local.name + suffix)
            target.unlink(missing_ok=True)
            if part is not None:
                _save(files.read(part.ref), target)
    except ReconError as exc:
        return Copy(entry.path, "store", {}, (Problem(entry.path, exc.message, exc.cause or ""),))
    return read_copy(local, entry.path, "store")


def _sibling(state: ScanState, entry: Entry, suffix: str) -> Entry | None:
    listing = state.listing(entry.parent)
    assert listing is not None
    return next((one for one in listing.entries if one.path == entry.path + suffix), None)


def _save(chunks: Iterator[bytes], target: Path) -> None:
    with target.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)


def _given(evidence: Evidence) -> Sequence[Copy]:
    for path in evidence.also:
        if not path.exists():
            raise NotFoundError(f"no database copy at {path}", hint="check the path given with `--also`")
    return [read_copy(path, str(path), "also", evidence.zone) for path in evidence.also]
