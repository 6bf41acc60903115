"""scan: list a store completely, or say which directories are not proven complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

from recon_cli.core import words
from recon_cli.core.entry import Incomplete
from recon_cli.core.errors import ExitCode
from recon_cli.core.globs import PathFilter
from recon_cli.core.report import Problem, Report, Table
from recon_cli.files.base import FileStore, ScanOptions
from recon_cli.files.state import EntryRow, ScanState
from recon_cli.ops import lock, paths
from recon_cli.ops.clock import Clock

if TYPE_CHECKING:
    from recon_cli.core.canonical import Json  # a name alone: decimals, base64 and hashing are for rows of tables

_COLUMNS = ("path", "type", "size", "mtime", "mtime_precision", "listed_by")
_PROGRESS_EVERY = 50


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What to list. `under` is a folder below the store's root; `resume` goes on where a killed scan stopped."""

    options: ScanOptions = field(default_factory=ScanOptions)
    wanted: PathFilter = field(default_factory=PathFilter)
    under: str = ""
    resume: bool = False


@contextmanager
def open_state(store: FileStore, request: ScanRequest, folder: Path) -> Iterator[ScanState]:
    """The state file of this store and these options, locked against a second scan of the same."""
    mark = f"{store.url}\0{request.under}\0{request.options.encoding}\0{request.options.mtime}"
    name = hashlib.sha256(mark.encode("utf-8", "surrogateescape")).hexdigest()[:20]
    path = paths.private_dir(folder / "scans") / f"{name}.db"
    with lock.hold(path.with_suffix(".lock")), ScanState(path, fresh=False) as state:
        yield state


def fill(store: FileStore, state: ScanState, request: ScanRequest) -> None:
    """List the store into `state`, taking finished directories from it when resuming."""
    if request.resume:
        state.forget_incomplete()
    else:
        state.forget_tree()
    state.note("finished", "0")
    options = replace(
        request.options,
        known=state.listing if request.resume else lambda _path: None,
        skip=request.wanted.excluded,
    )
    seen = 0
    for number, listing in enumerate(state.record(store.scan(request.under, options)), start=1):
        seen += len(listing.entries)
        if number % _PROGRESS_EVERY == 0:
            options.progress.update(seen, note=listing.path)
    state.note("finished", "1")


def scan(store: FileStore, state: ScanState, request: ScanRequest, clock: Clock) -> Report:
    """List `store` into `state` and report what is there; the report's rows are read from `state` as they are shown."""
    began = clock.monotonic()
    fill(store, state, request)
    problems = incomplete(state)
    dirs, files, size_bytes = state.totals()
    verdict = "complete" if not problems else f"{words.count(len(problems), 'folder')} not complete"
    listed = ", ".join((words.count(dirs, "folder"), words.count(files, "file"), words.size(size_bytes)))
    summary = f"{store.url}: {listed}, {verdict}, in {words.seconds(clock.monotonic() - began)}"
    return Report(
        "recon.scan/1",
        summary,
        {"url": store.url, "directories": dirs, "files": files, "size_bytes": size_bytes, "complete": not problems},
        (Table(_COLUMNS, map(_row, _shown(state, request.wanted))),),
        problems,
        ExitCode.PARTIAL if problems else ExitCode.DONE,
        stream=map(document, _shown(state, request.wanted)),
    )


def incomplete(state: ScanState) -> tuple[Problem, ...]:
    """One Problem for each directory that is not proven complete; a depth limit was asked for and is none."""
    return tuple(
        Problem(listing.path or "/", f"not proven complete: {listing.incomplete}", listing.detail)
        for listing in state.incomplete()
        if listing.incomplete is not Incomplete.DEPTH
    )


def _shown(state: ScanState, wanted: PathFilter) -> Iterator[EntryRow]:
    if wanted.takes_all:
        return state.rows()
    return (row for row in state.rows() if wanted.wants(row[0].decode("utf-8", "surrogateescape")))


def document(row: EntryRow) -> dict[str, Json]:
    """One entry as its JSON line; `raw_name` (percent-encoded bytes) stands only where the name is not UTF-8."""
    path, kind, size_bytes, mtime, precision, raw, listed_by, note = row
    body: dict[str, Json] = {
        "path": path.decode("utf-8", "replace"),
        "type": kind,
        "size": size_bytes,
        "mtime": None if mtime is None else _moment(mtime),
        "mtime_precision": precision,
        "listed_by": listed_by,
    }
    if raw is not None:
        body["raw_name"] = quote_from_bytes(raw.rpartition(b"/")[2], safe="")
    if note:
        body["note"] = note
    return body


def _row(row: EntryRow) -> tuple[Json, ...]:
    path, kind, size_bytes, mtime, precision, _raw, listed_by, _note = row
    moment = None if mtime is None else _moment(mtime)
    return path.decode("utf-8", "replace"), kind, size_bytes, moment, precision, listed_by


def _moment(mtime: float) -> str:
    return datetime.fromtimestamp(mtime, UTC).isoformat().replace("+00:00", "Z")
